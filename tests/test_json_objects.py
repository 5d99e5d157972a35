"""Is it one JSON object: the same verdict with msgspec and without."""

from __future__ import annotations

import json
import random
import re

import pytest
from hypothesis import example, given

from codec import BACKENDS, using
from damaged import mutated_objects, token_soup
from opentelemetry_instrumentation_nats_payload import _json, _json_stdlib
from oracle import is_one_object, is_unicode, is_utf8, parse
from payloads import NOT_OBJECTS, OBJECTS
from strategies import PROPERTY, any_objects

_EXTENSION = re.compile(rb"NaN|-?Infinity|\\u[dD][89a-fA-F][0-9a-fA-F]{2}")


def _verdicts(payload: bytes) -> set[bool]:
    """What the backends say of ``payload``, which has to be UTF-8 for them."""
    if not is_utf8(payload):
        return set()
    return {backend.as_strict(payload) is not None for backend in BACKENDS}


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _is_strict(document: bytes) -> bool:
    """Whether it is JSON without what Python's json adds to it."""
    try:
        pairs = json.loads(
            document.decode(), object_pairs_hook=list, parse_int=str, parse_constant=_refuse
        )
    except ValueError:
        return False
    return is_unicode(json.dumps(pairs, ensure_ascii=False))


def _assert_strict(payload: bytes) -> None:
    """Strict JSON of the same length, that differs where the extensions were, if anywhere."""
    strict = BACKENDS[0].as_strict(payload)
    assert strict is not None
    if BACKENDS[0] is _json_stdlib or _is_strict(payload):
        assert strict is payload
        return
    assert _is_strict(strict)
    assert len(strict) == len(payload)
    restored = bytearray(strict)
    for match in _EXTENSION.finditer(payload):
        restored[slice(*match.span())] = match.group()
    assert restored == payload
    assert len(parse(strict).items) == len(parse(payload).items)


@PROPERTY
@given(any_objects)
@example(b'{"a":"\\\\ud800","b":NaN}')
@example(b'{"NaN":"-Infinity \\ud83d\\ude00","b":-Infinity}')
@example(b'{"\\ud800":{"\\udc00":[Infinity,-Infinity,NaN]}}')
def test_an_object_becomes_strict_json_of_the_same_length(payload: bytes) -> None:
    """No false negatives: both backends take whatever Python's json writes or reads."""
    assert _verdicts(payload) == {True}
    _assert_strict(payload)
    for backend in BACKENDS:
        with using(backend):
            assert _json.as_object(payload) == backend.as_strict(payload)


def test_an_object_by_example_is_one() -> None:
    """In any formatting and spelling."""
    for payload in OBJECTS.values():
        assert _verdicts(payload) == {True}, payload
        _assert_strict(payload)


@pytest.mark.parametrize(
    ("payload", "strict"),
    [
        (b'{"a":NaN}', b'{"a":[ ]}'),
        (b'{"a":[Infinity,-Infinity]}', b'{"a":[[      ],[       ]]}'),
        (rb'{"a":"\ud800"}', rb'{"a":"\u4800"}'),
        (b'{"a": 1.50 }\n', b'{"a": 1.50 }\n'),
    ],
)
def test_extensions_are_replaced_where_msgspec_reads(payload: bytes, strict: bytes) -> None:
    """By values of the same length; Python's json takes them as they are."""
    assert _json_stdlib.as_strict(payload) == payload
    if BACKENDS[0] is not _json_stdlib:
        assert BACKENDS[0].as_strict(payload) == strict


def test_both_backends_refuse_what_is_no_object() -> None:
    """JSON of another kind has to be told apart by its braces."""
    for payload in NOT_OBJECTS.values():
        assert len(_verdicts(payload)) <= 1, payload
        for backend in BACKENDS:
            with using(backend):
                assert _json.as_object(payload) is None, payload


@PROPERTY
@given(mutated_objects())
@example(b'{"a":"\\ud800",}')
@example(b'{"a":NaN"b":1}')
def test_verdicts_agree_on_mutated_objects(payload: bytes) -> None:
    """Flipped, inserted, removed and repeated bytes never divide the backends."""
    assert len(_verdicts(payload)) <= 1
    assert (_json.as_object(payload) is not None) == is_one_object(payload)


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
    assert (_json.as_object(payload) is not None) == is_one_object(payload)


def test_verdicts_agree_on_much_soup() -> None:
    """The same over many short documents, of pieces that are special to one backend."""
    source = random.Random(20240229)  # noqa: S311
    words = ["NaN", "Infinity", "-Infinity", "\\u", "d8", "00", "\\ud83d", '"a"']
    pieces = [*'{}[]:," \\1-.eN', *words]
    accepted = 0
    for _ in range(15_000):
        middle = "".join(source.choices(pieces, k=source.randint(0, 5)))
        pattern = source.choice(['{"a":?}', '{"a":"?"}', '{"?":1}', "{?}", "?"])
        payload = pattern.replace("?", middle).encode()
        verdicts = _verdicts(payload)
        assert len(verdicts) == 1, payload
        accepted += verdicts == {True}
    assert accepted > 500


_DEEP = b"[" * 100_000 + b"]" * 100_000
_LONG: dict[str, tuple[bytes, bool]] = {
    "200 deep": (b'{"a":' + b"[" * 200 + b"]" * 200 + b"}", True),
    "100000 deep": (b'{"a":' + _DEEP + b"}", False),
    "open braces": (b"{" * 1_000_000, False),
    "NaN": (b'{"a":[' + b'NaN,"\\ud800",-Infinity,' * 45_000 + b"0]}", True),
    "bad after NaN": (b'{"a":[' + b'NaN,"\\ud800",-Infinity,' * 45_000 + b"]}", False),
    "open string": (b'{"a":"' + b'\\"' * 500_000, False),
    "deep after NaN": (b'{"a":NaN,"b":' + _DEEP + b"}", False),
    "digits": (b'{"a":' + b"1" * 5000 + b"}", True),
    "long number": (b'{"a":-1.' + b"1" * 5000 + b"e-" + b"1" * 5000 + b"}", True),
}


@pytest.mark.parametrize(("payload", "verdict"), _LONG.values(), ids=_LONG)
def test_depth_and_length_have_the_same_verdict(payload: bytes, verdict: bool) -> None:
    """What no interpreter could parse is no JSON, whereas numbers may be of any length."""
    assert _verdicts(payload) == {verdict}
    assert (_json.as_object(payload) is not None) is verdict


def test_only_the_white_space_of_json_may_surround_an_object() -> None:
    """Not everything that Python calls white space."""
    for backend in BACKENDS:
        with using(backend):
            assert _json.as_object(b" \t\r\n{}\n\r\t ") == b" \t\r\n{}\n\r\t "
            for before, after in (
                *((b"\x0b", b""), (b"", b"\x0c"), (b"\x00", b""), (b"\x1c", b"\x1f")),
                *((b"\xc2\xa0", b""), (b"", b"\xe2\x80\xa8"), (b"", b"\x85")),
            ):
                assert _json.as_object(before + b"{}" + after) is None


@pytest.mark.parametrize("bad", [b"\xff", b"\x80", b"\xc0\xaf", b"\xed\xa0\x80", b"\xe2\x82"])
def test_an_object_is_utf8_throughout(bad: bytes) -> None:
    """Strings that a validator skips are looked at too."""
    for backend in BACKENDS:
        with using(backend):
            for payload in (b'{"a":"%b"}', b'{"%b":1}', b'{"a":[{"b":"x%bx"}]}', b'{"a":1%b}'):
                assert _json.as_object(payload % bad) is None
