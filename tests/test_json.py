"""Is it JSON, and is it a carrier: the same verdict with msgspec and without."""

from __future__ import annotations

import json
import random
from types import ModuleType

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from opentelemetry_instrumentation_nats_payload import _json, _json_stdlib
from strategies import (
    PROPERTY,
    any_objects,
    carrier_literals,
    carriers,
    is_one_object,
    is_utf8,
    mutated_objects,
    not_objects,
    token_soup,
)

# One, where there is no msgspec for this interpreter.
_BACKENDS: list[ModuleType] = list({_json._backend: 0, _json_stdlib: 0})

_MAX_SIZE = 8192


def _verdicts(payload: bytes) -> set[bool]:
    """What the backends say of ``payload``, which has to be UTF-8 for them."""
    return {backend.is_json(payload) for backend in _BACKENDS} if is_utf8(payload) else set()


def _decoded(document: bytes) -> dict[str, str] | None:
    """What the backends make of ``document``, which has to be the same."""
    first, *others = [backend.decode_strings(document) for backend in _BACKENDS]
    assert all(other == first for other in others), (document, first, others)
    assert first is None or all(list(other) == list(first) for other in others)
    return first


@pytest.fixture(params=_BACKENDS, ids=lambda module: module.__name__.rpartition("_json_")[2])
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Each backend, in use."""
    monkeypatch.setattr(_json, "_backend", request.param)
    return request.param


# --- is_json ------------------------------------------------------------------------------------


@PROPERTY
@given(any_objects)
def test_every_generated_object_is_one(payload: bytes) -> None:
    """No false negatives: both backends take whatever Python's json writes or reads."""
    assert _verdicts(payload) == {True}
    assert _json.is_object(payload)


@PROPERTY
@given(not_objects)
def test_nothing_else_is_an_object(payload: bytes) -> None:
    """No false positives, and no disagreement between the backends."""
    assert len(_verdicts(payload)) <= 1
    assert not _json.is_object(payload)


@PROPERTY
@given(mutated_objects())
@example(b'{"a":"\\ud800",}')
@example(b'{"a":NaN"b":1}')
def test_verdicts_agree_on_mutated_objects(payload: bytes) -> None:
    """Flipped, inserted, removed and repeated bytes never divide the backends."""
    assert len(_verdicts(payload)) <= 1
    assert _json.is_object(payload) == is_one_object(payload)


@PROPERTY
@given(token_soup)
@example(b'{"a":"\\uNaN0"}')
@example(b'{"a":-NaN}')
@example(b'{"a":1NaN}')
@example(b'{"a":"\\ud8NaN"}')
@example(b'{"a":"\\ud800\\"}')
def test_verdicts_agree_on_token_soup(payload: bytes) -> None:
    """Tokens in any order, most of them invalid, never divide the backends."""
    assert len(_verdicts(payload)) == 1
    assert _json.is_object(payload) == is_one_object(payload)


def test_verdicts_agree_on_much_soup() -> None:
    """The same over many short documents, of pieces that are special to one backend."""
    source = random.Random(20240229)  # noqa: S311
    pieces = [
        *'{}[]:," \\1-.eN',
        "NaN",
        "Infinity",
        "-Infinity",
        "\\u",
        "d8",
        "00",
        "\\ud83d",
        '"a"',
    ]
    accepted = 0
    for _ in range(40_000):
        middle = "".join(source.choices(pieces, k=source.randint(0, 5)))
        pattern = source.choice(['{"a":?}', '{"a":"?"}', '{"?":1}', "{?}", "?"])
        payload = pattern.replace("?", middle).encode()
        verdicts = _verdicts(payload)
        assert len(verdicts) == 1, payload
        accepted += verdicts == {True}
    assert accepted > 1000


@pytest.mark.parametrize(
    ("payload", "verdict"),
    [
        (b'{"a":' + b"[" * 200 + b"]" * 200 + b"}", True),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", False),
        (b"{" * 1_000_000, False),
        (b'{"a":[' + b'NaN,"\\ud800",-Infinity,' * 45_000 + b"0]}", True),
        (b'{"a":[' + b'NaN,"\\ud800",-Infinity,' * 45_000 + b"]}", False),
        (b'{"a":"' + b'\\"' * 500_000, False),
        (b'{"a":NaN,"b":' + b"[" * 100_000 + b"]" * 100_000 + b"}", False),
        (b'{"a":' + b"1" * 5000 + b"}", True),
        (b'{"a":-1.' + b"1" * 5000 + b"e-" + b"1" * 5000 + b"}", True),
    ],
    ids=[
        "200 deep",
        "100000 deep",
        "open braces",
        "NaN",
        "bad after NaN",
        "open string",
        "deep after NaN",
        "digits",
        "long number",
    ],
)
def test_depth_and_length_have_the_same_verdict(
    backend: ModuleType, payload: bytes, verdict: bool
) -> None:
    """What no interpreter could parse is no JSON, whereas numbers may be of any length."""
    assert backend.is_json(payload) is verdict
    assert _json.is_object(payload) is verdict


@pytest.mark.parametrize(
    "payload",
    [b"\x0b{}", b"{}\x0c", b"\x00{}", b"\xc2\xa0{}", b"{}\xe2\x80\xa8", b"\x1c{}\x1f"],
)
def test_only_the_white_space_of_json_may_surround_an_object(
    backend: ModuleType, payload: bytes
) -> None:
    """Not everything that Python calls white space."""
    assert not _json.is_object(payload)
    assert _json.is_object(b" \t\r\n{}\n\r\t ")


@pytest.mark.parametrize("bad", [b"\xff", b"\x80", b"\xc0\xaf", b"\xed\xa0\x80", b"\xe2\x82"])
@pytest.mark.parametrize("payload", [b'{"a":"%b"}', b'{"%b":1}', b'{"a":[{"b":"x%bx"}]}'])
def test_an_object_is_utf8_throughout(backend: ModuleType, payload: bytes, bad: bytes) -> None:
    """Strings that a validator skips are looked at too."""
    assert not _json.is_object(payload % bad)


# --- carriers -----------------------------------------------------------------------------------


@PROPERTY
@given(carriers)
def test_carriers_survive_both_backends(carrier: dict[str, str]) -> None:
    """Whatever backend wrote, every backend and ``json`` read the same, in the same order."""
    for backend in _BACKENDS:
        document = backend.encode_strings(carrier)
        assert list(json.loads(document).items()) == list(carrier.items())
        decoded = _decoded(document)
        assert decoded is not None
        assert list(decoded.items()) == list(carrier.items())


@PROPERTY
@given(carriers)
def test_what_is_encoded_can_be_decoded(carrier: dict[str, str]) -> None:
    """encode_carrier refuses what decode_carrier ignores, and nothing else."""
    document = _json.encode_carrier(carrier)
    compact = json.dumps(carrier, separators=(",", ":"), ensure_ascii=False).encode()
    if len(carrier) > 16 or len(compact) > _MAX_SIZE:
        assert document is None
        assert _json.decode_carrier(compact) is None
    else:
        assert document is not None
        assert _json.decode_carrier(document) == carrier


@PROPERTY
@given(carrier_literals.map(str.encode) | any_objects | not_objects)
def test_decoders_agree_on_documents(document: bytes) -> None:
    """An object of strings or None, whatever the document."""
    decoded = _decoded(document)
    assert decoded is None or all(
        isinstance(text, str) for pair in decoded.items() for text in pair
    )


@PROPERTY
@given(mutated_objects() | token_soup)
def test_decoders_agree_on_mutations(document: bytes) -> None:
    """Nor do damaged documents divide them."""
    _decoded(document)


@PROPERTY
@given(
    st.lists(
        st.tuples(
            st.sampled_from(['"a"', '"b"', '"\\u0061"', '""']),
            st.sampled_from(['"x"', '"y"', "1", "null", "{}", '"\\ud800"', '["x"]', "9" * 5000]),
        ),
        max_size=4,
    )
)
def test_decoders_agree_on_duplicates(pairs: list[tuple[str, str]]) -> None:
    """A pair counts, also where a later one of the same key hides it."""
    decoded = _decoded(("{" + ",".join(map(":".join, pairs)) + "}").encode())
    assert (decoded is None) == any(value not in ('"x"', '"y"') for _, value in pairs)


@pytest.mark.parametrize(
    ("document", "carrier"),
    [
        (b"{}", {}),
        (b' {"a" : "b"}\n', {"a": "b"}),
        (b'{"a":"1","a":"2"}', {"a": "2"}),
        (b'{"a":1,"a":"x"}', None),
        (rb'{"a":"\ud800","a":"x"}', None),
        (b'{"":""}', {"": ""}),
        (rb'{"\u0061":"\"\\\/\b\f\n\r\t\u00e9\ud834\udd1e"}', {"a": '"\\/\b\f\n\r\té𝄞'}),
        ('{"é":"€"}'.encode(), {"é": "€"}),
        (b'{"a":"\x7f"}', {"a": "\x7f"}),
        (b"", None),
        (b"null", None),
        (b"[]", None),
        (b'["a","b"]', None),
        (b'"a"', None),
        (b'{"a":1}', None),
        (b'{"a":NaN}', None),
        (b'{"a":true}', None),
        (b'{"a":null}', None),
        (b'{"a":["b"]}', None),
        (b'{"a":{}}', None),
        (b'{"a":"b","c":1}', None),
        (b'{"a":"b"', None),
        (b'{"a":"b",}', None),
        (b'{"a":"b"}x', None),
        (b'{"a":"b"}{}', None),
        (b'{"a":"\n"}', None),
        (b'{"a":"\x00"}', None),
        (rb'{"a":"\x41"}', None),
        (rb'{"a":"\ud800"}', None),
        (rb'{"\udc00":"a"}', None),
        (rb'{"a":"\ud834x"}', None),
        (b'{"a":"\xff"}', None),
        (b'{"\xed\xa0\x80":"a"}', None),
        (b'\xef\xbb\xbf{"a":"b"}', None),
        ('{"a":"b"}'.encode("utf-16"), None),
        (b"[" * 100_000, None),
        (b'{"a":' * 1500, None),
    ],
)
def test_a_carrier_is_an_object_of_strings(
    backend: ModuleType, document: bytes, carrier: dict[str, str] | None
) -> None:
    """In UTF-8, with texts that can be sent on, and nothing beside it."""
    assert backend.decode_strings(document) == carrier
    assert _json.decode_carrier(document) == carrier


@pytest.mark.parametrize("text", ["x", "é", "𝄞", '"'])
def test_a_carrier_is_at_most_8_kib_of_json(backend: ModuleType, text: str) -> None:
    """The bytes of its JSON count, escapes and UTF-8 included."""
    width = len(json.dumps(text, ensure_ascii=False).encode()) - 2
    fitting = text * ((_MAX_SIZE - 8) // width)
    padding = "x" * (_MAX_SIZE - 8 - width * len(fitting))
    document = _json.encode_carrier({"a": fitting + padding})
    assert document is not None
    assert len(document) == _MAX_SIZE
    assert _json.decode_carrier(document) == {"a": fitting + padding}
    assert _json.encode_carrier({"a": fitting + padding + "x"}) is None
    assert _json.decode_carrier(document + b" ") is None
    assert _json.decode_carrier(document.replace(b'"a"', b'"ab"')) is None


def test_a_carrier_has_at_most_16_entries(backend: ModuleType) -> None:
    """As written, and as read."""
    entries = {str(number): "x" for number in range(17)}
    assert _json.encode_carrier(entries) is None
    assert _json.decode_carrier(json.dumps(entries).encode()) is None
    del entries["16"]
    document = _json.encode_carrier(entries)
    assert document is not None
    assert _json.decode_carrier(document) == entries


def test_a_carrier_is_written_compactly(backend: ModuleType) -> None:
    """No space, no needless escape."""
    assert _json.encode_carrier({"a": "é/", "b": '"'}) == '{"a":"é/","b":"\\""}'.encode()
    assert _json.encode_carrier({}) == b"{}"


def test_a_lone_surrogate_is_never_written(backend: ModuleType) -> None:
    """It has no UTF-8: the caller's guard reports it."""
    with pytest.raises(UnicodeEncodeError):
        _json.encode_carrier({"a": "\ud800"})


@pytest.mark.parametrize(
    ("value", "verdict"),
    [
        ({}, True),
        ({"a": "b"}, True),
        ({str(number): "" for number in range(16)}, True),
        ({str(number): "" for number in range(17)}, False),
        ({"a": "x" * 8000}, True),
        ({"a": "x" * 8193}, False),
        ({"a": 1}, False),
        ({1: "a"}, False),
        ({"a": None}, False),
        ({"a": b"b"}, False),
        ({"a": ["b"]}, False),
        (None, False),
        ("a", False),
        ([("a", "b")], False),
    ],
)
def test_a_decoded_carrier_is_a_dict_of_strings(value: object, verdict: bool) -> None:
    """The same bounds for what the application has decoded itself."""
    assert _json.is_carrier(value) is verdict
