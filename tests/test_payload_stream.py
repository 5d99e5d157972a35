"""The codec: how much a reader looks at of a large payload that is not strict JSON."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType, SimpleNamespace

import pytest

from codec import BACKENDS, CARRIER, DOCUMENT, ESCAPED, SPLICED, using
from opentelemetry_instrumentation_nats_payload import _payload
from opentelemetry_instrumentation_nats_payload._splice import LARGE

_LONG = b'"x":"' + b"x" * 2 * LARGE + b'"'
_NAN = b'"x":[' + b"NaN," * LARGE + b"0]"
_ROWS = b'"r":[' + b'\n{"a":NaN},' * 5 + b"\n{}],"
_STREAMS: dict[str, tuple[bytes, bool]] = {
    "rows": (b"{%b%b,\n%b}" % (_ROWS, _NAN, SPLICED), True),
    "rows, first": (b"{%b,%b%b\n}" % (SPLICED, _ROWS, _NAN), True),
    "lines": (b'{%b}\n{"a":1,%b}' % (_NAN, SPLICED), False),
    "lines of rows": (b"{%b}\n{%b%b}" % (_NAN, _ROWS, SPLICED), False),
    "lines of another system": (b'{%b}\r\n{"a":1,%b}' % (_NAN, SPLICED), False),
    "lines with one between": (b"{%b} \n\t\n{%b}" % (_NAN, SPLICED), False),
    "lines, the first read": (b'{%b,%b}\n{"a":1}\n' % (SPLICED, _NAN), False),
}


@pytest.mark.parametrize(("payload", "is_read"), _STREAMS.values(), ids=_STREAMS)
def test_a_line_that_begins_another_document_is_told_from_a_row(
    payload: bytes, is_read: bool
) -> None:
    """In what only Python reads, which is not looked at to the end."""
    for backend in BACKENDS:
        with using(backend) as field:
            member = field.read(payload)
            assert (member is not None) is is_read
            assert member is None or member.carrier == CARRIER


@pytest.mark.parametrize("value", [b'"\xff",\n"b":NaN', b'tru,\n"b":NaN'])
def test_an_end_alone_is_not_enough_among_lines(value: bytes) -> None:
    """What stands beside a field at an end has to be JSON in UTF-8, if there are escapes in it."""
    payload = b'{%b,"a":%b,"c":"\\u0041",%b}' % (SPLICED, value, _LONG)
    for backend in BACKENDS:
        with using(backend) as field:
            assert field.read(payload) is None


def test_a_document_that_is_cut_off_is_not_read() -> None:
    """Its brackets do not close: the field in it is that of a nested object."""
    payload = b'{"log":{"n":1,\n%b,%b}' % (_LONG, SPLICED)
    for backend in BACKENDS:
        with using(backend) as field:
            assert field.read(payload) is None


_ONCE: dict[str, Callable[[bytes], bytes]] = {
    "NaN behind lines": lambda x: b'{%b,"b":"%b\\u0041",\n"c":[NaN]}' % (SPLICED, x),
    "NaN before it": lambda x: b'{"b":"%b\\u0041","c":[NaN],\n%b}' % (x, SPLICED),
    "a lone surrogate": lambda x: b'{"b":"%b\\ud800",\n%b}' % (x, SPLICED),
    "not UTF-8": lambda x: b'{%b,"b":"%b\\u0041\xff",\n"c":NaN}' % (SPLICED, x),
    "in the middle": lambda x: b'{"b":"%b",%b,\n"c":"%b"}' % (x, SPLICED, x),
    "an escaped name": lambda x: b'{"b":"%b",%b:%b,\n"c":"%b"}' % (x, ESCAPED, DOCUMENT, x),
    "no JSON": lambda x: b'{%b,"b":"%b\\u0041",\n"c":tru}' % (SPLICED, x),
}


@pytest.mark.parametrize("name", _ONCE)
@pytest.mark.parametrize("backend", BACKENDS, ids=lambda b: b.__name__.rpartition(".")[2])
def test_a_large_payload_is_parsed_once(
    name: str, backend: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is in it, and nothing in it is replaced."""
    payload = _ONCE[name]("é".encode() * 100_000)
    passes: list[int] = []
    monkeypatch.setattr(_payload, "without_extensions", lambda: pytest.fail(name))
    with using(_counting(backend, passes)) as field:
        field.read(payload)
    assert sum(size > 2 * LARGE for size in passes) <= 1


def _counting(backend: ModuleType, passes: list[int]) -> ModuleType:
    """``backend``, which notes the size of what it passes over."""

    def noted(function: Callable[[bytes], object]) -> Callable[[bytes], object]:
        def pass_over(payload: bytes) -> object:
            passes.append(len(payload))
            return function(payload)

        return pass_over

    def reader(name: str) -> object:
        made = backend.ValueReader(name)
        return SimpleNamespace(look=noted(made.look), read=noted(made.read))

    counting = ModuleType("counting")
    counting.__dict__.update(backend.__dict__)
    counting.__dict__.update(
        ValueReader=reader, look=noted(backend.look), as_strict=noted(backend.as_strict)
    )
    return counting
