"""The codec: values and payloads around the sizes at which it changes its way of searching."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from codec import (
    BACKENDS,
    CARRIER,
    DOCUMENT,
    SPLICED,
    K,
    assert_absent,
    assert_left_alone,
    cut,
    fill,
    find,
    read,
    using,
)
from opentelemetry_instrumentation_nats_payload._json import MAX_CARRIER_SIZE, decode_carrier
from opentelemetry_instrumentation_nats_payload._splice import LARGE

_SIZES = [
    size + offset
    for size in (MAX_CARRIER_SIZE, LARGE - 1, LARGE + 1000)
    for offset in (-3, -2, -1, 0, 1, 2, 3)
]

_LARGE: dict[str, Callable[[int], bytes]] = {
    "integer": lambda size: b"1" * size,
    "negative": lambda size: b"-" + b"1" * (size - 1),
    "exponent behind the digits": lambda size: b"1" * size + b"e5",
    "point behind the digits": lambda size: b"1" * size + b".5",
    "point and exponent": lambda size: b"1" * size + b".5E+7",
    "decimals": lambda size: b"0." + b"1" * (size - 2),
    "long exponent": lambda size: b"1e" + b"1" * (size - 2),
    "string": lambda size: b'"' + b"x" * (size - 2) + b'"',
    "string of two-byte letters": lambda size: b'"x' + "é".encode() * (size // 2) + b'"',
    "array": lambda size: b"[" + b"1," * (size // 2) + b"1]",
    "object": lambda size: b'{"a":{"b":"' + b"x" * (size - 12) + b'"}}',
    "too large a carrier": lambda size: b'{"a":"' + b"x" * size + b'"}',
    "too large by spaces": lambda size: b'{"a":"b"' + b" " * size + b"}",
    "too large by duplicates": lambda size: b"{" + b'"a":"b",' * (size // 8 + 1) + b'"a":"b"}',
}


@pytest.mark.parametrize("kind", _LARGE)
def test_a_large_value_is_left_alone(kind: str) -> None:
    """First, last, and followed by more data: never written over, never cut, not even in part."""
    for backend in BACKENDS:
        with using(backend) as field:
            for size in _SIZES:
                value = _LARGE[kind](size)
                for after in (b"}", b',"b":{}}\n', b'\n, "b":"' + b"y" * 9000 + b'"}'):
                    assert_left_alone(field, b'{"a":1,' + K + b":" + value + after)
                    assert_left_alone(field, b"{" + K + b" : " + value + after)


@pytest.mark.parametrize("kind", _LARGE)
def test_a_large_duplicate_is_left_alone(kind: str) -> None:
    """The carrier behind it goes, with its comma; the duplicate stays whole."""
    for backend in BACKENDS:
        with using(backend) as field:
            for size in _SIZES:
                kept = b'{"a":1,' + K + b":" + _LARGE[kind](size)
                for after in (b"}", b',"b":1}'):
                    payload = kept + b"," + SPLICED + after
                    assert cut(field, payload) == kept + after


@pytest.mark.parametrize("value", [DOCUMENT, b"null", b"{}", b'{"a":"}"}'])
@pytest.mark.parametrize("spaces", [0, 1, 9000, 20_000])
def test_a_carrier_ends_where_its_value_ends(value: bytes, spaces: int) -> None:
    """Whatever follows: more members, more braces, more than the window that it is read from."""
    gap = b"\n" * spaces
    for more in (
        b"}",
        b',"b":"' + b"x" * 20_000 + b'"}',
        b',"b":[{}]}',
        b',"b":' + b"1" * 9000 + b"}",
    ):
        payload = b"{" + K + b":" + value + gap + more
        for backend in BACKENDS:
            with using(backend) as field:
                member = find(field, payload)
                assert payload[member.value_start : member.end] == value
                assert member.carrier == decode_carrier(value)
                assert fill(field, payload) == payload.replace(value, DOCUMENT, 1)


def test_the_field_is_found_around_the_bound_of_the_search() -> None:
    """However far from the end: before, at and behind the size from which another way is taken."""
    for distance in range(LARGE - 3, LARGE + len(SPLICED) + 4):
        payload = b'{"a":1,' + SPLICED + b"}"
        payload += b" " * (distance - len(SPLICED) - 1)
        for backend in BACKENDS:
            with using(backend) as field:
                member = find(field, payload)
                assert (member.start, member.carrier) == (len(b'{"a":1,'), CARRIER)
                assert cut(field, payload).rstrip() == b'{"a":1}'


def test_the_field_is_found_behind_a_nested_one_around_the_bound() -> None:
    """What the search from the end finds first is not always the field."""
    for filler in range(LARGE - 2 * len(SPLICED) - 20, LARGE + 20):
        payload = b'{%b,"b":{%b},"c":"%b"}' % (SPLICED, SPLICED, b"x" * filler)
        for backend in BACKENDS:
            with using(backend) as field:
                assert find(field, payload).start == 1
                assert cut(field, payload) == payload[len(SPLICED) + 2 :].join((b"{", b""))


@pytest.mark.parametrize("size", [8191, 8192, 8193])
@pytest.mark.parametrize("before", [b"{", b'{"a":"%b",' % (b"x" * 30_000)], ids=["first", "last"])
def test_the_largest_carrier_is_found_behind_anything(before: bytes, size: int) -> None:
    """8192 bytes are a carrier, one more are not."""
    document = b'{"a":"' + b"y" * (size - 8) + b'"}'
    payload = before + K + b":" + document + b"}"
    for backend in BACKENDS:
        with using(backend) as field:
            if size > 8192:
                assert_left_alone(field, payload)
            else:
                assert read(field, payload) == {"a": "y" * (size - 8)}
                assert cut(field, payload) == before.removesuffix(b",") + b"}"


def test_payloads_of_any_size_take_the_field() -> None:
    """Around the size from which another way is taken, with text like the field and without."""
    for size in (0, *range(LARGE - 120, LARGE + 4), 100_000):
        for text in (b"", b'\\"%b' % K.replace(b'"', b'\\"')):
            payload = b'{"a":"%b%b","b":{%b:1}}' % (text, b"x" * size, K)
            for backend in BACKENDS:
                with using(backend) as field:
                    assert_absent(field, payload)
