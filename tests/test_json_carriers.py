"""Is it a carrier: the same verdict with msgspec and without."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codec import BACKENDS, using
from damaged import mutated_objects, not_objects, token_soup
from opentelemetry_instrumentation_nats_payload import _json
from strategies import PROPERTY, any_objects, carrier_literals, carriers

_MAX_SIZE = 8192


def _decoded(document: bytes) -> dict[str, str] | None:
    """What the backends make of ``document``, which has to be the same, in the same order."""
    first, *others = [backend.decode_strings(document) for backend in BACKENDS]
    assert all(other == first for other in others), (document, first, others)
    assert first is None or all(list(other) == list(first) for other in others)
    return first


@PROPERTY
@given(carriers)
def test_carriers_survive_both_backends(carrier: dict[str, str]) -> None:
    """Whatever backend wrote, every backend and ``json`` read the same, in the same order."""
    for backend in BACKENDS:
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
@given(
    carrier_literals.map(str.encode) | any_objects | not_objects | mutated_objects() | token_soup
)
def test_decoders_agree_on_documents(document: bytes) -> None:
    """An object of strings or None, whatever the document, and however damaged."""
    decoded = _decoded(document)
    assert decoded is None or all(
        isinstance(text, str) for pair in decoded.items() for text in pair
    )


_VALUES = ['"x"', '"y"', "1", "null", "{}", '"\\ud800"', '["x"]', "9" * 5000]


@PROPERTY
@given(
    st.lists(
        st.tuples(
            st.sampled_from(['"a"', '"b"', '"\\u0061"', '""']),
            st.sampled_from(_VALUES),
        ),
        max_size=4,
    )
)
def test_decoders_agree_on_duplicates(pairs: list[tuple[str, str]]) -> None:
    """A pair counts, also where a later one of the same key hides it."""
    decoded = _decoded(("{" + ",".join(map(":".join, pairs)) + "}").encode())
    assert (decoded is None) == any(value not in ('"x"', '"y"') for _, value in pairs)


_CARRIERS: list[tuple[bytes, dict[str, str]]] = [
    (b"{}", {}),
    (b' {"a" : "b"}\n', {"a": "b"}),
    (b'{"a":"1","a":"2"}', {"a": "2"}),
    (b'{"":""}', {"": ""}),
    (rb'{"\u0061":"\"\\\/\b\f\n\r\t\u00e9\ud834\udd1e"}', {"a": '"\\/\b\f\n\r\té𝄞'}),
    ('{"é":"€"}'.encode(), {"é": "€"}),
    (b'{"a":"\x7f"}', {"a": "\x7f"}),
]


@pytest.mark.parametrize(("document", "carrier"), _CARRIERS)
def test_a_carrier_is_an_object_of_strings(document: bytes, carrier: dict[str, str]) -> None:
    """In any formatting and spelling; of duplicates the last one counts."""
    for backend in BACKENDS:
        with using(backend):
            assert backend.decode_strings(document) == carrier
            assert _json.decode_carrier(document) == carrier


@pytest.mark.parametrize(
    "documents",
    [
        pytest.param((b"", b"[]", b'["a","b"]', b'"a"', b"1", b"true"), id="another kind"),
        pytest.param((b'{"a":1}', b'{"a":NaN}', b'{"a":true}', b'{"a":null}'), id="scalars"),
        pytest.param((b'{"a":["b"]}', b'{"a":{}}', b'{"a":"b","c":1}'), id="containers"),
        pytest.param((b'{"a":1,"a":"x"}', rb'{"a":"\ud800","a":"x"}'), id="hidden"),
        pytest.param((b'{"a":"b"', b'{"a":"b",}', b'{"a":"b"}x', b'{"a":"b"}{}'), id="damaged"),
        pytest.param((b'{"a":"\n"}', b'{"a":"\x00"}', rb'{"a":"\x41"}'), id="bad text"),
        pytest.param((rb'{"a":"\ud800"}', rb'{"\udc00":"a"}', rb'{"a":"\ud834x"}'), id="lone"),
        pytest.param((b'{"a":"\xff"}', b'{"\xed\xa0\x80":"a"}'), id="bad UTF-8"),
        pytest.param((b'\xef\xbb\xbf{"a":"b"}', '{"a":"b"}'.encode("utf-16")), id="encodings"),
        pytest.param((b"[" * 100_000, b'{"a":' * 1500), id="deep"),
        pytest.param((b"nul", b"nulll", b"null,", b" null", b"NULL", b"None"), id="no null"),
    ],
)
def test_nothing_else_is_a_carrier(documents: tuple[bytes, ...]) -> None:
    """Only UTF-8, with texts that can be sent on, and nothing beside it."""
    for backend in BACKENDS:
        with using(backend):
            for document in documents:
                assert backend.decode_strings(document) is None, document
                assert _json.decode_carrier(document) is None, document


def test_null_is_an_empty_carrier() -> None:
    """Models with an optional field write it."""
    for backend in BACKENDS:
        with using(backend):
            assert _json.decode_carrier(b"null") == {}


@pytest.mark.parametrize("text", ["x", "é", "𝄞", '"'])
def test_a_carrier_is_at_most_8_kib_of_json(text: str) -> None:
    """The bytes of its JSON count, escapes and UTF-8 included."""
    width = len(json.dumps(text, ensure_ascii=False).encode()) - 2
    fitting = text * ((_MAX_SIZE - 8) // width)
    padding = "x" * (_MAX_SIZE - 8 - width * len(fitting))
    for backend in BACKENDS:
        with using(backend):
            document = _json.encode_carrier({"a": fitting + padding})
            assert document is not None
            assert len(document) == _MAX_SIZE
            assert _json.decode_carrier(document) == {"a": fitting + padding}
            assert _json.encode_carrier({"a": fitting + padding + "x"}) is None
            assert _json.decode_carrier(document + b" ") is None
            assert _json.decode_carrier(document.replace(b'"a"', b'"ab"')) is None


def test_a_carrier_has_at_most_16_entries() -> None:
    """As written, and as read."""
    for backend in BACKENDS:
        with using(backend):
            entries = {str(number): "x" for number in range(17)}
            assert _json.encode_carrier(entries) is None
            assert _json.decode_carrier(json.dumps(entries).encode()) is None
            del entries["16"]
            document = _json.encode_carrier(entries)
            assert document is not None
            assert _json.decode_carrier(document) == entries


def test_a_carrier_is_written_compactly() -> None:
    """No space, no needless escape."""
    for backend in BACKENDS:
        with using(backend):
            assert _json.encode_carrier({"a": "é/", "b": '"'}) == '{"a":"é/","b":"\\""}'.encode()
            assert _json.encode_carrier({}) == b"{}"


def test_a_lone_surrogate_is_never_written() -> None:
    """It has no UTF-8: the caller's guard reports it."""
    for backend in BACKENDS:
        with using(backend), pytest.raises(UnicodeEncodeError):
            _json.encode_carrier({"a": "\ud800"})


_GOOD: list[object] = [
    {},
    {"a": "b"},
    {str(number): "" for number in range(16)},
    {"a": "x" * 8000},
]
_BAD: list[object] = [
    *({str(number): "" for number in range(17)}, {"a": "x" * 8193}),
    *({"a": 1}, {1: "a"}, {"a": None}, {"a": b"b"}, {"a": ["b"]}),
    *(None, "a", [("a", "b")]),
]


def test_a_decoded_carrier_is_a_dict_of_strings() -> None:
    """The same bounds for what the application has decoded itself."""
    assert [_json.is_carrier(value) for value in _GOOD] == [True] * len(_GOOD)
    assert [_json.is_carrier(value) for value in _BAD] == [False] * len(_BAD)
