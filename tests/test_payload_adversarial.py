"""The codec: payloads of a megabyte that would take hours if anything were quadratic."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from codec import (
    BACKENDS,
    CARRIER,
    ESCAPED,
    SPLICED,
    K,
    assert_absent,
    assert_invalid,
    assert_left_alone,
    cut,
    fill,
    read,
    using,
)
from strategies import KEY

_IN_STRING = json.dumps(f'{KEY}:{{"traceparent":"x"}},').encode()[1:-1]
_LARGE = ",".join(f'"key{i}":{{"price":{i}.25,"l":[1,2,3]}}' for i in range(25_000)).encode()
_LONG = b'"a":"' + b"x" * 1_000_000 + b'"'
_EMPTY = K + b":{},"

_ABSENT: dict[str, Callable[[], bytes]] = {
    "in a string": lambda: b'{"a":"' + _IN_STRING * 35_000 + b'"}',
    "in strings": lambda: b'{"a":[' + b'"%b",' % _IN_STRING * 35_000 + b"0]}",
    "the name as strings": lambda: b'{"a":[' + b"%b," % K * 35_000 + b"0]}",
    "nested": lambda: b'{"a":[' + b"{%b:{}}," % K * 35_000 + b"0]}",
    "nested, escaped": lambda: b'{"a":[' + b"{%b:{}}," % ESCAPED * 35_000 + b"0]}",
    "escaped quotes": lambda: b'{"a":"' + b'\\"' * 500_000 + b'","b":{%b:1}}' % K,
    "escapes that could be the name": lambda: b'{"a":"' + b"\\u0061\\u005f" * 80_000 + b'"}',
    "names that end too early": lambda: b'{"a":["' + b"\\u005fotel_trace_header" * 45_000 + b'"]}',
    "white space behind the name": lambda: b'{"a":[%b' % K + b" " * 1_000_000 + b"]}",
    "NaN and lone surrogates": lambda: b'{"a":[' + b'NaN,"\\ud800",-Infinity,' * 45_000 + b"0]}",
    "commas in strings": lambda: b'{"a":"' + b", " * 500_000 + b'"}',
    "a million digits": lambda: b'{"a":' + b"1" * 1_000_000 + b"}",
}


@pytest.mark.parametrize("name", _ABSENT)
def test_a_large_payload_without_the_field_takes_it(name: str) -> None:
    """However much of it looks like the field."""
    payload = _ABSENT[name]()
    for backend in BACKENDS:
        with using(backend) as field:
            assert_absent(field, payload)


_PRESENT: dict[str, Callable[[], tuple[bytes, bytes]]] = {
    "behind nested ones": lambda: (
        b'{"a":[' + b"{%b:{}}," % K * 35_000 + b"0],%b}" % SPLICED,
        b'{"a":[' + b"{%b:{}}," % K * 35_000 + b"0]}",
    ),
    "before some nested ones": lambda: (
        b'{%b,"a":[' % SPLICED + b"{%b:{}}," % K * 250 + b"0]}",
        b'{"a":[' + b"{%b:{}}," % K * 250 + b"0]}",
    ),
    "before a megabyte": lambda: (
        b"{" + SPLICED + b"," + _LARGE + b"}",
        b"{" + _LARGE + b"}",
    ),
    "behind a megabyte": lambda: (
        b"{" + _LARGE + b"," + SPLICED + b"}",
        b"{" + _LARGE + b"}",
    ),
    "before NaN and lone surrogates": lambda: (
        b"{" + SPLICED + b',"a":[' + b'NaN,"\\ud800",-Infinity,' * 45_000 + b"0]}",
        b'{"a":[' + b'NaN,"\\ud800",-Infinity,' * 45_000 + b"0]}",
    ),
    "90 duplicates": lambda: (
        b"{" + _EMPTY * 90 + _LONG + b"}",
        b"{" + _EMPTY * 88 + _LONG + b"}",
    ),
    "40000 duplicates, the last at the end": lambda: (
        b"{" + _EMPTY * 40_000 + SPLICED + b"}",
        b"{" + (_EMPTY * 39_999).rstrip(b",") + b"}",
    ),
    "in white space": lambda: (
        b"{" + b" " * 500_000 + b'%b:{"a":"b"}' % K + b"\n" * 500_000 + b"}",
        b"{" + b" " * 500_000 + b"\n" * 500_000 + b"}",
    ),
    "behind a comma in white space": lambda: (
        b'{"a":1,' + b" " * 500_000 + b'%b:{"a":"b"}' % K + b"\n" * 500_000 + b"}",
        b'{"a":1' + b"\n" * 500_000 + b"}",
    ),
}


@pytest.mark.parametrize("name", _PRESENT)
def test_the_field_of_a_large_payload_is_replaced_and_cut(name: str) -> None:
    """Wherever it stands, and however many there are."""
    payload, expected = _PRESENT[name]()
    for backend in BACKENDS:
        with using(backend) as field:
            assert read(field, fill(field, payload)) == CARRIER
            assert cut(field, payload) == expected


_LOST: dict[str, Callable[[], bytes]] = {
    "before nested ones": lambda: b'{%b,"a":[' % SPLICED + b"{%b:{}}," % K * 35_000 + b"0]}",
    "before nested ones that are the same": lambda: (
        b'{%b,"a":[' % SPLICED + b"{%b}," % SPLICED * 150 + b"0]}"
    ),
    "40000 duplicates": lambda: b"{" + (SPLICED + b",") * 10_000 + b'"a":1}',
    "escaped, before a megabyte": lambda: (
        b"{" + SPLICED.replace(b"_", b"\\u005f") + b"," + _LARGE + b"}"
    ),
    "twice before a megabyte": lambda: b"{%b,%b,%b}" % (SPLICED, SPLICED, _LARGE),
}


@pytest.mark.parametrize("name", _LOST)
def test_a_field_that_would_take_long_to_find_is_read_and_left_alone(name: str) -> None:
    """The parser says what it has. Where it stands is not searched for without end."""
    payload = _LOST[name]()
    for backend in BACKENDS:
        with using(backend) as field:
            assert read(field, payload) == CARRIER
            member = field.find(payload)
            assert member is not None
            assert (field.slot(payload, member), field.cut(payload, member)) == (None, payload)


_OTHER: dict[str, Callable[[], bytes]] = {
    "150000 pairs": lambda: b'{%b:{%b"b":"c"}}' % (K, b'"a":"b",' * 150_000),
    "100000 entries": lambda: (
        b"{%b:{%b}}" % (K, ",".join(f'"{i}":""' for i in range(100_000)).encode())
    ),
    "a million digits": lambda: b"{%b:%b}" % (K, b"1" * 1_000_000),
    "a million digits, first": lambda: b'{%b:%b,"a":1}' % (K, b"1" * 1_000_000),
    "a string of keys": lambda: b'{%b:"%b"}' % (K, _IN_STRING * 35_000),
    "nested ones": lambda: b"{%b:[%b0]}" % (K, b"{%b:{}}," % K * 35_000),
}


@pytest.mark.parametrize("name", _OTHER)
def test_a_megabyte_under_the_name_is_left_alone(name: str) -> None:
    """No carrier is so large: the application has something of its own there."""
    payload = _OTHER[name]()
    for backend in BACKENDS:
        with using(backend) as field:
            assert_left_alone(field, payload)


_INVALID: dict[str, Callable[[], bytes]] = {
    "a million braces": lambda: b"{" * 1_000_000,
    "a million brackets": lambda: b'{"a":' + b"[" * 1_000_000 + b"}",
    "a deep value": lambda: b"{%b:" % K + b"[" * 500_000 + b"]" * 500_000 + b"}",
    "a deep value beside the field": lambda: (
        b'{%b,"a":' % SPLICED + b"[" * 500_000 + b"]" * 500_000 + b"}"
    ),
    "an unclosed string of escaped quotes": lambda: b'{%b:1,"' % K + b'\\"' * 500_000,
    "the same, with the field": lambda: b'{"a":"' + b'\\"' * 500_000 + SPLICED + b"}",
    "unclosed strings": lambda: b'{"a":"' + b'"%b:{}' % K * 35_000,
    "unclosed strings in braces": lambda: b'{"a":"' + b'"%b:{}' % K * 35_000 + b"}",
    "bad behind NaN": lambda: b'{%b,"a":[' % SPLICED + b'NaN,"\\ud800",' * 45_000 + b"]}",
    "a bad byte at the end": lambda: b'{%b,%b,"a":"\xff"}' % (SPLICED, _LARGE),
}


@pytest.mark.parametrize("name", _INVALID)
def test_a_large_payload_that_is_no_object_is_left_alone(name: str) -> None:
    """Even where it has the field, or begins as an object does."""
    payload = _INVALID[name]()
    for backend in BACKENDS:
        with using(backend) as field:
            assert_invalid(field, payload)
