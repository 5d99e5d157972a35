"""The codec: several fields are looked for at once, and the first goes where there is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codec import ALL_ESCAPED, BACKENDS, DOCUMENT, ESCAPED, K, using
from damaged import mutated_objects, token_soup
from opentelemetry_instrumentation_nats_payload import _fields
from opentelemetry_instrumentation_nats_payload._fields import NO_OBJECT, PayloadFields
from opentelemetry_instrumentation_nats_payload._payload import PayloadField
from opentelemetry_instrumentation_nats_payload._splice import LARGE
from oracle import FIELD, is_one_object, parse
from strategies import PROPERTY, any_objects, objects_with_field

_ALIAS = "_otel_trace_context"
_A = f'"{_ALIAS}"'.encode()
_LONG = b'"x":"' + b"x" * 2 * LARGE + b'"'


def _fields_by_backend() -> list[tuple[PayloadField, PayloadFields]]:
    """The field, and it with an alias, with each JSON backend."""
    found: list[tuple[PayloadField, PayloadFields]] = []
    for backend in BACKENDS:
        with using(backend) as field, pytest.MonkeyPatch.context() as patch:
            patch.setattr(_fields, "ValueReader", backend.ValueReader)
            found.append((field, PayloadFields((field, PayloadField(_ALIAS)))))
    return found


_BOTH = _fields_by_backend()


def _filled(field: PayloadField, payload: bytes) -> bytes:
    slot = field.slot(payload, None)
    assert slot is not None
    return slot.fill(payload, DOCUMENT)


@PROPERTY
@given(
    st.one_of(
        any_objects, mutated_objects(), token_soup, objects_with_field().map(lambda d: d.payload)
    )
)
def test_a_field_goes_where_it_is_spliced_in(payload: bytes) -> None:
    """Into one object that has none of the names, before its final brace; and nowhere else."""
    for field, fields in _BOTH:
        brace = fields.place(payload)
        if not is_one_object(payload):
            assert brace == NO_OBJECT
            continue
        has_any = any(name in (FIELD, _ALIAS) for name, _ in parse(payload).items)
        if has_any:
            assert brace is None
        else:
            assert brace is not None
            assert field.insert(payload, brace, DOCUMENT) == _filled(field, payload)


@pytest.mark.parametrize("key", [K, _A, ESCAPED, ALL_ESCAPED], ids=["name", "alias", "E", "A"])
@pytest.mark.parametrize("value", [b"1", b"null", b'""', b"{}"])
@pytest.mark.parametrize("pattern", [b"{K:V,L}", b"{L,K:V}", b'{"a":NaN,K:V,L}', b"{K:V}"])
def test_a_name_that_is_there_is_seen(key: bytes, value: bytes, pattern: bytes) -> None:
    """Whatever it holds, wherever it stands, however it is spelled."""
    payload = pattern.replace(b"K", key).replace(b"V", value).replace(b"L", _LONG)
    for _, fields in _BOTH:
        assert fields.place(payload) is None
        if payload.startswith(b'{"a":NaN') and key in (ESCAPED, ALL_ESCAPED):
            continue  # who reads does not find it either
        assert not fields.are_absent(payload)


@pytest.mark.parametrize(
    "payload",
    [
        b"{}",
        b'{"a":"\\n"}',
        b'{"\\u00e9":"an _otel_trace_headers"}',
        b"{%b}" % _LONG,
        b"[1]",
        b"x\\",
    ],
)
def test_names_that_are_nowhere_are_absent(payload: bytes) -> None:
    """Escapes of other characters, and a name that is part of a text, do not matter."""
    for _, fields in _BOTH:
        assert fields.are_absent(payload)


@pytest.mark.parametrize("value", [b"\xff", b"\\ud800", b"\x00", b'","":tru,"'])
def test_names_are_absent_where_a_reader_finds_none(value: bytes) -> None:
    """A large payload with escapes that is no JSON in UTF-8, or only Python's, is no error."""
    for payload in (b'{"a":"\\u0041%b",%b}' % (value, _LONG), value + b"\\u0041" + _LONG):
        for field, fields in _BOTH:
            assert field.read(payload) is None
            assert fields.are_absent(payload)


def test_a_nested_name_is_no_field() -> None:
    """Only at the end of a large payload it is left to be looked at again."""
    for _, fields in _BOTH:
        assert fields.place(b'{"a":{%b:{}}}' % K) == len(b'{"a":{%b:{}}' % K)
        assert fields.place(b'{"a":{%b:{}},%b}' % (K, _LONG)) == len(_LONG) + 32
        assert fields.place(b'{%b,"a":{%b:{}}}' % (_LONG, K)) is None


def test_one_field_alone_is_looked_for() -> None:
    """Without aliases."""
    fields = PayloadFields((PayloadField(FIELD),))
    assert fields.place(b'{"a":1}') == 6
    assert fields.place(b"{%b:1}" % K) is None
    assert fields.are_absent(b"{%b:1}" % _A)


def test_an_alias_may_be_the_name_itself() -> None:
    """Somebody may set both to the same; it is then looked for once."""
    field = PayloadField(FIELD)
    fields = PayloadFields((field, PayloadField(FIELD)))
    assert fields.place(b'{"a":1}') == 6
    assert fields.place(b"{%b:{}}" % K) is None
    assert not fields.are_absent(b"{%b:{}}" % K)
