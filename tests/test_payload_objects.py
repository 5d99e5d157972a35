"""The codec: every JSON object takes the field, nothing else does."""

from __future__ import annotations

import json

import pytest
from hypothesis import given

from codec import (
    BACKENDS,
    CARRIER,
    SPLICED,
    K,
    assert_absent,
    assert_invalid,
    fill,
    find,
    using,
)
from damaged import mutated_objects, not_objects
from oracle import FIELD, is_one_object, parse
from payloads import NOT_OBJECTS, OBJECTS
from strategies import PROPERTY


@pytest.mark.parametrize("payload", OBJECTS.values(), ids=OBJECTS)
def test_an_object_takes_the_field_and_gives_it_back(payload: bytes) -> None:
    """Every payload that is one JSON object: spliced in, readable, and out again to the byte."""
    for backend in BACKENDS:
        with using(backend) as field:
            assert_absent(field, payload)
            filled = fill(field, payload)
            assert parse(filled).items[:-1] == parse(payload).items
            assert json.loads(filled.decode(), parse_int=str)[FIELD] == CARRIER


@pytest.mark.parametrize("payload", NOT_OBJECTS.values(), ids=NOT_OBJECTS)
def test_nothing_is_written_into_what_is_no_object(payload: bytes) -> None:
    """Every other payload has no slot, with either backend."""
    for backend in BACKENDS:
        with using(backend) as field:
            assert_invalid(field, payload)


_INVALID = {
    "unclosed": b'{"a":1,%b',
    "closed twice": b'{"a":1,%b}}',
    "two objects": b'{"a":1}{%b}',
    "NDJSON, in its last line": b'{"a":1}\n{%b}\n',
    "NDJSON, in its first line": b'{%b}\n{"a":1}\n',
    "array": b"[%b]",
    "array of objects": b"[{%b}]",
    "bare": b"%b",
    "no comma": b'{"a":1 %b}',
    "no value before": b'{"a":,%b}',
    "trailing comma": b"{%b,}",
    "leading comma": b"{,%b}",
    "bad UTF-8": b'{"a":"\xff",%b}',
    "byte order mark": b"\xef\xbb\xbf{%b}",
    "control character": b'{"a":"\n",%b}',
    "garbage after": b"{%b}x",
    "in an unclosed string": b'{"a":"%b}',
}


@pytest.mark.parametrize("payload", _INVALID.values(), ids=_INVALID)
def test_the_field_in_what_is_no_object_is_not_found(payload: bytes) -> None:
    """Nobody's parser would find it, so it is neither read nor replaced."""
    for backend in BACKENDS:
        with using(backend) as field:
            assert_invalid(field, payload % SPLICED)
            assert_invalid(field, payload % (K + b":null"))


@PROPERTY
@given(not_objects)
def test_what_is_no_object_stays_as_it_is(payload: bytes) -> None:
    """No field and no slot, however near it is to an object."""
    for backend in BACKENDS:
        with using(backend) as field:
            assert_invalid(field, payload)


@PROPERTY
@given(mutated_objects())
def test_a_damaged_object_is_written_to_only_if_it_is_still_one(payload: bytes) -> None:
    """The verdict of Python's json decides, and what is written is an object again."""
    for backend in BACKENDS:
        with using(backend) as field:
            member = field.find(payload)
            if not is_one_object(payload):
                assert_invalid(field, payload)
                continue
            names = [name for name, _ in parse(payload).items]
            assert (member is not None) == (FIELD in names)
            slot = field.slot(payload, member)
            assert (slot is None) == (member is not None and member.carrier is None)
            if slot is not None:
                filled = fill(field, payload)
                assert is_one_object(filled)
                assert find(field, filled).carrier == CARRIER


def test_both_backends_nest_equally_deep() -> None:
    """At every depth around the limit of the interpreter the codec gives an answer."""
    for backend in BACKENDS:
        with using(backend) as field:
            depths = {100: True, 100_000: False}
            for depth, is_object in depths.items():
                payload = b'{"a":%b%b,%b,"b":1}' % (b"[" * depth, b"]" * depth, SPLICED)
                assert (field.find(payload) is not None) == is_object
            for depth in range(800, 1100):
                payload = b'{"a":%b%b,%b,"b":1}' % (b"[" * depth, b"]" * depth, SPLICED)
                member = field.find(payload)
                assert member is None or member.carrier == CARRIER
