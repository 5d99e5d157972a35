"""What applications send."""

from __future__ import annotations


class Text(bytes):
    """A kind of bytes of the application's."""


OBJECT = b'{"a":1}'
PAYLOADS: list[bytes] = [
    OBJECT,
    b'{ "a": [1, {"b": "c"}], "a": 1.50 }\n',
    b"{}",
    b"{ }",
    b'{"n":NaN}',
    b"[1]",
    b'"text"',
    b"",
    b"text",
    b"{broken",
    bytes(range(256)),
    Text(b'{"kind":"of bytes"}'),
]
BUFFERS: list[bytearray | memoryview] = [bytearray(b'{"b":2}'), memoryview(b'{"c":3}')]
NO_PAYLOADS: list[object] = [None, "text", 7, ["a"], {"a": 1}, object()]
