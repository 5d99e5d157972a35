"""The codec: which member is the field, and which text only looks like it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given

from codec import (
    ALL_ESCAPED,
    BACKENDS,
    DOCUMENT,
    ESCAPED,
    NAME,
    SPLICED,
    K,
    assert_absent,
    cut,
    fill,
    find,
    using,
)
from opentelemetry_instrumentation_nats_payload._payload import Member, PayloadField, Slot
from oracle import FIELD, carrier_in, parse, without
from strategies import KEY, PROPERTY, WithField, objects_with_field

_field = PayloadField(FIELD)

_ELSEWHERE = {
    "nested": b'{"a":{%b}}' % SPLICED,
    "nested, then more": b'{"a":{%b},"b":1}' % SPLICED,
    "nested in an array": b'{"a":[{%b}]}' % SPLICED,
    "nested after arrays": b'{"a":[[],{"b":[]},{%b}],"c":1}' % SPLICED,
    "nested after braces in strings": b'{"a":{"}":"}}}]]",%b}}' % SPLICED,
    "nested twice": b'{"a":{"b":{%b},%b}}' % (SPLICED, SPLICED),
    "in a string": json.dumps({"a": f'{KEY}:{{"x":"y"}}'}).encode(),
    "in a string, at its end": json.dumps({"a": f'x,{KEY}:{{"x":"y"}}}}'}).encode(),
    "in a string, twice escaped": json.dumps({"a": json.dumps({FIELD: {}})}).encode(),
    "thrice escaped": json.dumps({"a": json.dumps(json.dumps({FIELD: {}}))}).encode(),
    "as a string": b'{"a":%b}' % K,
    "as a string before a member": b'{"a":%b,"b":{}}' % K,
    "in an array": b'{"a":[%b,%b],"b":{}}' % (K, K),
    "within another key": b'{"x%b_x":{"a":"b"}}' % NAME,
    "as the start of a key": b'{"%bs":{"a":"b"}}' % NAME,
    "as the end of a key": b'{"x%b":{"a":"b"}}' % NAME,
    "as a quoted key": b'{"\\"%b":{"a":"b"}}' % NAME,
    "behind a backslash": b'{"\\\\%b":{"a":"b"}}' % NAME,
    "twice escaped key": b'{"\\\\u005fotel_trace_headers":{"a":"b"}}',
    "another key with escapes": b'{"\\u005fotel_trace_header\\u0054":{}}',
    "in another case": b'{"_OTEL_TRACE_HEADERS":{},"_Otel_trace_headers":{}}',
    "nested, beside NaN": b'{"a":[NaN,{%b}],"b":"\\ud800"}' % SPLICED,
}


@pytest.mark.parametrize("payload", _ELSEWHERE.values(), ids=_ELSEWHERE)
def test_other_places_of_the_name_are_not_the_field(payload: bytes) -> None:
    """Nested, in strings, in arrays and as part of other keys it is left alone."""
    assert FIELD not in json.loads(payload)
    for backend in BACKENDS:
        with using(backend) as field:
            assert_absent(field, payload)


_PLACES = {
    "only": (b"{", b"}"),
    "first": (b"{", b',"a":1}'),
    "middle": (b'{"a":1,', b',"b":2}'),
    "last": (b'{"a":1,', b"}"),
    "last, newline": (b'{"a":1, ', b"}\n"),
    "after an array": (b'{"a":[1,{}],', b',"b":[]}'),
    "after a nested one": (b'{"a":{%b:{"a":"nested"}},' % K, b',"b":1}'),
    "before a nested one": (b"{", b',"b":{%b:{"a":"nested"}}}' % K),
    "between nested ones": (b'{"a":[{%b:1}],' % K, b',"b":[{%b:{}}]}' % K),
    "between equal ones": (b'{"a":[{%b}],' % SPLICED, b',"b":[{%b}]}' % SPLICED),
    "after text like it": (b'{"a":"\\"%b\\":{",' % NAME, b',"b":1}'),
    "before text like it": (b"{", b',"b":"\\"%b\\":{}}"}' % NAME),
    "after a backslash": (b'{"a":"\\\\",', b"}"),
    "after escaped quotes": (b'{"a":"\\\\\\"",', b',"b":"\\""}'),
    "after a longer key": (b'{"x%b":{"a":"b"},' % NAME, b"}"),
    "far from the end": (b"{", b',"a":"' + b"x" * 50_000 + b'"}'),
    "far from the start": (b'{"a":"' + b"x" * 50_000 + b'",', b"}"),
    "far from both": (b'{"a":"%b",' % (b"x" * 50_000), b',"b":"%b"}' % (b"y" * 50_000)),
    "before a long nested one": (b"{", b',"b":{%b:1,"c":"%b"}}' % (K, b"x" * 50_000)),
    "after NaN": (b'{"a":[NaN,-Infinity],', b"}"),
    "before lone surrogates": (b"{", b',"\\ud800":"\\udc00"}'),
}


def _check(field: PayloadField, before: bytes, key: bytes, value: bytes, after: bytes) -> None:
    """Found where it stands; a carrier is replaced and cut there, anything else is left."""
    member = key + b": " + value
    payload = before + member + b" " + after
    start, end = len(before), len(before + member)
    value_start = end - len(value)
    found = find(field, payload)
    carrier = carrier_in(dict(parse(payload).items)[FIELD], len(value))
    assert found == Member(start, value_start, end, carrier)
    if carrier is None:
        assert field.slot(payload, found) is None
        assert field.cut(payload, found) is payload
        return
    assert field.slot(payload, found) == Slot(value_start, end, b"")
    assert fill(field, payload) == payload[:value_start] + DOCUMENT + payload[end:]
    assert parse(cut(field, payload)) == without(parse(payload))


@pytest.mark.parametrize(("before", "after"), _PLACES.values(), ids=_PLACES)
def test_the_field_is_found_replaced_and_cut_at_any_place(before: bytes, after: bytes) -> None:
    """First, last or between members, near text and nested members that look like it."""
    for backend in BACKENDS:
        with using(backend) as field:
            for key in (K, ESCAPED, ALL_ESCAPED):
                for value in (DOCUMENT, b'{"a":"}"}', b"1"):
                    _check(field, before, key, value, after)


_VALUES = {
    "empty": b"{}",
    "null": b"null",
    "spaced carrier": b'{ "a" : "b" ,\n"c":"d" }',
    "duplicates": b'{"a":"1","a":"2"}',
    "escapes": rb'{"a":"\u00e9\n\"\ud834\udd1e"}',
    "braces in it": b'{"a":"}","b":"{","c":"\\"}"}',
    "the key in it": b'{%b:"%b"}' % (K, NAME),
    "NaN in it": b'{"a":"NaN -Infinity"}',
    "non-ASCII": '{"é":"𝄞"}'.encode(),
    "16 entries": json.dumps({str(i): "" for i in range(16)}).encode(),
    "17 entries": json.dumps({str(i): "" for i in range(17)}).encode(),
    "8192 bytes": b'{"a":"' + b"x" * 8184 + b'"}',
    "8193 bytes": b'{"a":"' + b"x" * 8185 + b'"}',
    "8193 bytes in UTF-8": b'{"a":"x' + "é".encode() * 4092 + b'"}',
    "8193 bytes by white space": b'{"a":"b"' + b" " * 8184 + b"}",
    "a megabyte": b'{"a":"' + b"x" * 1_000_000 + b'"}',
    "number": b"-1.5e3",
    "NaN": b"NaN",
    "-Infinity": b"-Infinity",
    "string": b'"}\\",\\\\"',
    "array": b"[{},[]]",
    "array of a name": b'["traceparent"]',
    "nested": b'{"a":{%b:{}}}' % K,
    "list values": b'{"a":["b"]}',
    "null values": b'{"a":null}',
    "number values": b'{"a":"b","c":1}',
    "a number that a duplicate hides": b'{"a":1,"a":"b"}',
    "lone surrogate": rb'{"a":"\ud800"}',
    "lone surrogate as key": rb'{"\udc00":"a"}',
    "5000 digits": b"1" * 5000,
}


@pytest.mark.parametrize("value", _VALUES.values(), ids=_VALUES)
def test_only_an_object_of_strings_within_bounds_is_a_carrier(value: bytes) -> None:
    """Or null; at most 16 entries and 8 KiB. Anything else is the application's own."""
    for backend in BACKENDS:
        with using(backend) as field:
            for before, after in ((b"{", b',"a":1}'), (b'{"a":1,', b"}")):
                for key in (K, ESCAPED):
                    _check(field, before, key, value, after)


@PROPERTY
@given(objects_with_field())
def test_the_last_field_at_the_top_level_is_found(document: WithField) -> None:
    """What a parser keeps of several is what is found, where it stands, and read as it says."""
    start, value_start, end = document.spans[-1]
    value = dict(parse(document.payload).items)[FIELD]
    carrier = carrier_in(value, end - value_start)
    for backend in BACKENDS:
        with using(backend) as field:
            member = field.find(document.payload)
            assert member == Member(start, value_start, end, carrier)
            assert (field.slot(document.payload, member) is None) == (carrier is None)
