"""The codec: what a reader is given of large payloads, which are not validated as a whole."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given

from codec import BACKENDS, CARRIER, DOCUMENT, ESCAPED, SPLICED, K, using
from opentelemetry_instrumentation_nats_payload import _json_stdlib
from opentelemetry_instrumentation_nats_payload._payload import PayloadField
from opentelemetry_instrumentation_nats_payload._splice import LARGE, Member
from oracle import FIELD
from strategies import PROPERTY, WithField, objects_with_field

_field = PayloadField(FIELD)
_LONG = b'"x":"' + b"x" * 2 * LARGE + b'"'
_LONG_NAN = b'"x":[' + b"NaN," * LARGE + b"0]"
_LINES = b'"x":[' + b"1,\n" * LARGE + b"0]"
_LINES_NAN = b'"x":[' + b"NaN,\n" * LARGE + b"0]"
_ESCAPES = b'"x":"' + b"\\u005f" * LARGE + b'"'


def _by_shape(backend: object) -> bool:
    """Whether it takes ``NaN`` for JSON only after another look."""
    return backend is not _json_stdlib


_BRACES = b'{"traceparent":"00-%032x-%016x-01","tracestate":"a=b},c={"}' % (7, 8)
_EMOJI = b'"e":"\\ud83d\\ude00"'

_READ: dict[str, bytes] = {
    "last": b"{%b,%b}" % (_LONG, SPLICED),
    "last, spaced": b"{%b, %b \t} " % (_LONG, SPLICED),
    "first": b"{%b,%b}" % (SPLICED, _LONG),
    "near the start": b'{"a":1,%b,%b}' % (SPLICED, _LONG),
    "near the end": b'{%b,%b,"a":[{}]}' % (_LONG, SPLICED),
    "far from the ends": b"{%b,%b,%b}" % (_LONG, SPLICED, _LONG),
    "near the start, among escapes": b"{%b,%b}" % (SPLICED, _ESCAPES),
    "the last of two": b'{%b:1,%b,%b,"b":0}' % (K, _LONG, SPLICED),
    "behind a nested one": b'{"a":{%b:1},%b,%b}' % (K, _LONG, SPLICED),
    "before a nested one": b'{%b,%b,"a":{%b:1}}' % (SPLICED, _LONG, K),
    "escaped": b"{%b,%b}" % (SPLICED.replace(K, ESCAPED), _LONG),
    "among escapes": b'{%b,%b,"b":1}' % (_ESCAPES, SPLICED),
    "among lines": b"{%b,\n%b\n}\n" % (_LINES, SPLICED),
    "NaN, last": b"{%b,%b}" % (_LONG_NAN, SPLICED),
    "NaN, first": b"{%b,%b}" % (SPLICED, _LONG_NAN),
    "NaN, near the start": b'{"a":NaN,%b,%b}' % (SPLICED, _LONG_NAN),
    "NaN, near the end": b'{%b,%b,"a":[NaN,{}]}' % (_LONG_NAN, SPLICED),
    "NaN and escapes, near the start": b'{%b,%b,"a":NaN}' % (SPLICED, _ESCAPES),
    "NaN, first, and white space at the end": b"{%b,%b}\r\n" % (SPLICED, _LONG_NAN),
    "NaN, first, and blanks at the end": b"{%b,%b} \t " % (SPLICED, _LONG_NAN),
    "emoji among lines": b"{%b,%b,\n%b}" % (_EMOJI, _LINES, SPLICED),
    "NaN, first, spaced": b"{ %b , %b}" % (SPLICED, _LONG_NAN),
    "NaN among lines, last": b"{%b,\n%b\n}\n" % (_LINES_NAN, SPLICED),
    "NaN among lines, first": b"{\n%b,\n%b}" % (SPLICED, _LINES_NAN),
    "a lone surrogate among lines": b'{"a":"\\ud800",%b,\n%b}' % (_LINES, SPLICED),
}


@pytest.mark.parametrize("payload", _READ.values(), ids=_READ)
def test_a_large_payload_is_read(payload: bytes) -> None:
    """As it is found by who looks at all of it."""
    for backend in BACKENDS:
        with using(backend) as field:
            member = field.read(payload)
            assert member is not None
            assert member.carrier == CARRIER
            assert member == field.find(payload)


@pytest.mark.parametrize("pattern", [b"{K:V,X}", b'{"a":1,K:V,X}', b'{X,K:V,"a":1}', b"{X,K:V}"])
def test_a_text_in_the_carrier_may_have_braces(pattern: bytes) -> None:
    """A ``tracestate`` of somebody's has them; that is no end of the carrier."""
    payload = pattern.replace(b"K", K).replace(b"V", _BRACES).replace(b"X", _LONG)
    for backend in BACKENDS:
        with using(backend) as field:
            member = field.read(payload)
            assert member is not None
            assert member.carrier is not None
            assert member.carrier["tracestate"] == "a=b},c={"
            assert member == field.find(payload)


_UNREAD: dict[str, bytes] = {
    "absent": b"{%b}" % _LONG,
    "nested": b'{%b,"a":{%b}}' % (_LONG, SPLICED),
    "nested, first": b'{"a":{%b,%b}}' % (SPLICED, _LONG),
    "in an array": b"[{%b,%b}]" % (SPLICED, _LONG),
    "in a string": b'{"a":"\\"%b\\":{}",%b}' % (FIELD.encode(), _LONG),
    "escapes": b"{%b}" % _ESCAPES,
    "a line for each document": b"{%b,%b}\n{%b}\n" % (_LONG, SPLICED, SPLICED),
    "a line for each document, with NaN": b"{%b,%b}\n{%b}\n" % (_LONG_NAN, SPLICED, SPLICED),
    "the first of two, with NaN": b'{%b,%b}\n{"a":1}' % (SPLICED, _LONG_NAN),
    "emoji, and another document": b"{%b}\n {%b,%b}" % (_EMOJI, _LONG, SPLICED),
    "emoji, and another one close by": b"{\n%b\n}{%b,\n%b}" % (_EMOJI, _LONG, SPLICED),
    "emoji in what is no JSON": b"{ no %b\n%b,%b}" % (_EMOJI, _LONG, SPLICED),
    "NaN in what is no UTF-8": b'{"a":NaN,"b":"\xff"\n,%b,%b}' % (_LINES_NAN, SPLICED),
    "broken among lines": b'{"a":tru,%b,\n%b}' % (_LINES, SPLICED),
    "not closed": b"{%b,%b,%b" % (SPLICED, _LONG_NAN, b'"a":1'),
    "broken before it": b'{"a":tru,%b,%b}' % (SPLICED, _LONG),
    "broken behind it": b'{%b,%b,"a":tru}' % (_LONG, SPLICED),
    "broken, far from the ends": b'{%b,%b,%b,"a":tru}' % (_LONG, SPLICED, _LONG),
    "a key that ends like it": b'{"a\\"%b":%b,%b}' % (FIELD.encode(), DOCUMENT, _LONG),
    "NaN, nested and first": b'{"a":{%b,%b}}' % (SPLICED, _LONG_NAN),
}


@pytest.mark.parametrize("payload", _UNREAD.values(), ids=_UNREAD)
def test_a_large_payload_without_the_field_has_none_to_read(payload: bytes) -> None:
    """Nor has one that is no JSON object, as far as a reader looks."""
    for backend in BACKENDS:
        with using(backend) as field:
            assert field.read(payload) is None


_GIVEN_UP: dict[str, bytes] = {
    "between": b"{%b,%b,%b}" % (_LONG_NAN, SPLICED, _LONG_NAN),
    "escaped": b"{%b,%b}" % (SPLICED.replace(K, ESCAPED), _LONG_NAN),
    "first, with the name elsewhere": b'{%b,%b,"a":{%b:1}}' % (SPLICED, _LONG_NAN, K),
}


@pytest.mark.parametrize("payload", _GIVEN_UP.values(), ids=_GIVEN_UP)
def test_what_only_python_reads_is_not_searched_for_the_field(payload: bytes) -> None:
    """In more than 16 KiB it is read as the first or last member; who publishes finds it."""
    for backend in BACKENDS:
        with using(backend) as field:
            found = field.find(payload)
            assert found is not None
            assert found.carrier == CARRIER
            assert field.read(payload) == (None if _by_shape(backend) else found)


@pytest.mark.parametrize("value", [b"1", b'{"traceparent":"x"}'])
def test_an_escaped_duplicate_behind_it_is_the_one_that_counts(value: bytes) -> None:
    """As for every parser, in strict JSON of any size."""
    payload = b"{%b,%b,%b:%b}" % (SPLICED, _LONG, ESCAPED, value)
    for backend in BACKENDS:
        with using(backend) as field:
            assert field.read(payload) == field.find(payload)


@pytest.mark.parametrize(
    "payload",
    [
        b'{%b,"a":tru,%b}' % (SPLICED, _LONG),
        b'{%b,"a":tru,%b}' % (_LONG, SPLICED),
        b'{%b,"a":%b}' % (SPLICED, b"[" * 100_000 + b"]" * 100_000),
    ],
    ids=["first", "last", "deep"],
)
def test_what_is_far_from_the_field_is_believed_to_be_json(payload: bytes) -> None:
    """To validate it would take many times as long; nothing but the field is changed."""
    for backend in BACKENDS:
        with using(backend) as field:
            member = field.read(payload)
            assert member is not None
            assert payload[member.start : member.end] == SPLICED
            assert field.find(payload) is None


_EDGES: dict[str, Callable[[int], bytes]] = {
    "last": lambda size: b'{"a":NaN,"x":"%b",%b}' % (b"x" * size, SPLICED),
    "first": lambda size: b'{%b,"a":NaN,"x":"%b"}' % (SPLICED, b"x" * size),
}


@pytest.mark.parametrize("place", _EDGES)
def test_around_16_kib_the_field_is_read(place: str) -> None:
    """By either way."""
    for size in range(LARGE - 120, LARGE + 3):
        payload = _EDGES[place](size)
        found = _field.find(payload)
        assert found is not None
        assert _field.read(payload) == found


@PROPERTY
@given(objects_with_field())
def test_a_reader_gets_what_there_is(document: WithField) -> None:
    """Up to 16 KiB exactly; beyond that the same, or nothing."""
    payload = document.payload
    for backend in BACKENDS:
        with using(backend) as field:
            found = field.find(payload)
            allowed: tuple[Member | None, ...] = (found,)
            if len(payload) > LARGE and not backend.look(payload):
                allowed = (found, None)
            assert field.read(payload) in allowed
