"""Payloads that are bad for a codec that is not careful, of a size of choice."""

from __future__ import annotations

import json
from collections.abc import Callable

from .documents import encode, make_document

FIELD, ALIAS = "_otel_trace_headers", "_otel_trace_context"
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
CARRIER = {"traceparent": TRACEPARENT}
DOCUMENT = json.dumps(CARRIER, separators=(",", ":")).encode()
MEMBER = b'"%b":%b' % (FIELD.encode(), DOCUMENT)

PLAIN = "a plain message"
_KEY = f'"{FIELD}"'.encode()


def spliced(payload: bytes) -> bytes:
    """``payload``, an object that is not empty, with the field as its last member."""
    return payload[:-1] + b"," + MEMBER + b"}"


def leading(payload: bytes) -> bytes:
    """The same with the field as its first member."""
    return b"{" + MEMBER + b"," + payload[1:]


def plain(size: int) -> bytes:
    """What a service sends."""
    return encode(make_document(size))


def _filled(start: bytes, unit: bytes, end: bytes, size: int) -> bytes:
    return start + unit * ((size - len(start) - len(end)) // len(unit)) + end


ADVERSARIAL: dict[str, Callable[[int], bytes]] = {
    PLAIN: plain,
    "… with the field last": lambda size: spliced(plain(size - 96)),
    "… with the field first": lambda size: leading(plain(size - 96)),
    "nothing but ``{``": lambda size: b"{" * size,
    "``{`` in a string": lambda size: _filled(b'{"a":"', b"{", b'"}', size),
    "objects in objects, 900 deep": lambda size: _filled(
        b'{"a":[', b'{"a":' * 900 + b"0" + b"}" * 900 + b",", b"0]}", size
    ),
    "the field's name in strings": lambda size: _filled(
        b'{"a":[', b'"\\"%b\\":{},",' % FIELD.encode(), b"0]}", size
    ),
    "the field's name as strings": lambda size: _filled(b'{"a":[', _KEY + b",", b"0]}", size),
    "the field in objects in it": lambda size: _filled(b'{"a":[', b"{%b}," % MEMBER, b"0]}", size),
    "duplicates of the field": lambda size: _filled(b"{", MEMBER + b",", MEMBER + b"}", size),
    "backslashes": lambda size: _filled(b'{"a":"', b"\\\\", b'"}', size),
    "escapes like the name's": lambda size: _filled(b'{"a":"', b"\\u005f", b'"}', size),
    "``NaN``": lambda size: _filled(b'{"a":[', b"NaN,", b"0]}", size),
    "not ASCII": lambda size: _filled(b'{"a":"', "é".encode(), b'"}', size),
    "two documents, a line each": lambda size: _filled(
        b"", plain(size // 2 - 2) + b"\n", b"", size
    ),
}
"""What they hold, and how to make one of about so many bytes."""
