"""Messages that are made to cost much, and plain ones of their size."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import count

SIZES = (2_000, 16_000, 64_000, 900_000)
"""Bytes, about."""

_KEY = b'"_otel_trace_headers"'
_TRACEPARENT = b'"traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"'
_MEMBER = _KEY + b":{" + _TRACEPARENT + b"}"

_NUMBER = b"@@@@@@@@"
"""Where another number is in each message, so that nothing is known from the one before."""

_numbers = count()

_BLANKS = b" " * 7900
_EMOJI = "😀".encode()


def _entries(content: bytes) -> bytes:
    """A baggage as large as one may be, of as many entries as are read."""
    size = 7900 // 64
    entries = (b"key%d=" % i + content * ((size - 7) // len(content)) for i in range(64))
    return b",".join(entries)


_BAGGAGE: dict[str, bytes] = {
    "that is malformed": b"x y," * 1900,
    "of many entries": b",".join(b"k%d=v" % i for i in range(1100))[:7900],
    "of letters": _entries(b"x"),
    "of escapes": _entries(b"%C3%A9"),
    "of signs": _entries(b"("),
    "of properties": _entries(b";a"),
    "of properties and blanks": _entries(b" ; a = b"),
    "of blanks": b"a=1" + _BLANKS + b"b",
    "of commas": b"," * 7900,
    "of percent signs": b"a=" + b"%" * 3900 + b",b=" + b"%" * 3900,
    "of broken properties": b"a = b;" * 1300,
    "of 1000 percent signs": _entries(b"%" + b"x" * 7),
}
"""What comes behind its first entry."""

_TRACESTATE: dict[str, bytes] = {
    "of blanks": b"a=1" + _BLANKS + b"b",
    "of many entries": b",".join(b"k%d=v" % i for i in range(1100))[:7900],
    "of long entries": b",".join(b"k%d=" % i + b"x" * 240 for i in range(31)),
    "of commas": b"," * 7900,
}


def _carrying(key: bytes, value: bytes, size: int) -> bytes:
    """A message whose carrier has ``value`` under ``key``, and is about as large as one may be."""
    return _padded(size, b'%b:{%b,"%b":"n=%b,%b"}' % (_KEY, _TRACEPARENT, key, _NUMBER, value))


def _padded(size: int, member: bytes) -> bytes:
    return b'{"a":"%b",%b}' % (b"x" * max(size - len(member), 0), member)


_DOCUMENTS: dict[str, Callable[[int], bytes]] = {
    "a carrier that is too large": lambda n: b'{%b:{"traceparent":"%b"}}' % (_KEY, b"0" * n),
    "a carrier of many entries": lambda n: (
        b"{%b:{%b}}" % (_KEY, b",".join(b'"%d":""' % i for i in range(n // 10)))
    ),
    "a deep carrier": lambda n: b"{%b:%b}" % (_KEY, b"[" * (n // 2) + b"]" * (n // 2)),
    "the field over and over": lambda n: b'{%b"a":1}' % ((_KEY + b":{},") * (n // 26)),
    "the same context nested over and over": lambda n: (
        b'{%b,"a":[%b0]}' % (_MEMBER, (b"{%b}," % _MEMBER) * (n // 103))
    ),
    "escapes": lambda n: b'{"a":"%b",%b,"b":1}' % (b"\\u0041" * (n // 6), _MEMBER),
    "escapes without the field": lambda n: b'{"a":"%b"}' % (b"\\u0041" * (n // 6)),
    "NaN": lambda n: b'{"a":[%b0],%b}' % (b"NaN," * (n // 4), _MEMBER),
    "NaN behind the field": lambda n: b'{%b,"a":[%b0]}' % (_MEMBER, b"NaN," * (n // 4)),
    "NaN around the field": lambda n: b'{"b":1,%b,"a":[%b0]}' % (_MEMBER, b"NaN," * (n // 4)),
    "NaN at the end": lambda n: b'{"b":1,%b,"a":[%bNaN]}' % (_MEMBER, b"1," * (n // 2)),
    "NaN and line breaks": lambda n: b'{"a":[%b0],\n%b\n}' % (b"NaN,\n" * (n // 5), _MEMBER),
    "lone surrogates": lambda n: b'{"a":"%b",%b}' % (b"\\ud800" * (n // 6), _MEMBER),
    "lone surrogates behind it": lambda n: b'{%b,"a":"%b"}' % (_MEMBER, b"\\ud800" * (n // 6)),
    "quotes": lambda n: b'{%b,"a":"%b"}' % (_MEMBER, b'\\"' * (n // 2)),
    "quotes around it": lambda n: b'{"b":1,%b,"a":"%b"}' % (_MEMBER, b'\\"' * (n // 2)),
    "backslashes": lambda n: b'{"b":1,%b,"a":"%b"}' % (_MEMBER, b"\\\\" * (n // 2)),
    "backslashes between three": lambda n: (
        b'{%b,"b":{%b},"a":"%b","c":{%b}}' % (_MEMBER, _MEMBER, b"\\\\" * (n // 2), _MEMBER)
    ),
    "small members": lambda n: b'{%b,%b"b":1}' % (_MEMBER, b'"a":1,' * (n // 6)),
    "deep members": lambda n: (
        b'{%b,%b"b":1}' % (_MEMBER, (b'"a":' + b"[" * 400 + b"]" * 400 + b",") * (n // 805))
    ),
    "an escape, and NaN behind lines": lambda n: (
        b'{%b,"b":"%b\\u0041",\n"c":[%b0]}'
        % (_MEMBER, b"x" * max(n - 8000, 0), b"NaN," * min(1990, n // 5))
    ),
    "an escape, and NaN behind emoji": lambda n: (
        b'{%b,"b":"%b\\u0041",\n"a":NaN}' % (_MEMBER, _EMOJI * (n // 4))
    ),
    "an escape in what is not UTF-8": lambda n: (
        b'{%b,"b":"%b\\u0041\xff",\n"c":NaN}' % (_MEMBER, _EMOJI * (n // 4))
    ),
    "NaN, lines, and emoji before it": lambda n: (
        b'{"b":"%b","c":NaN,\n%b}' % (_EMOJI * (n // 4), _MEMBER)
    ),
    "one of each that is not strict": lambda n: (
        b'{"a":[NaN,Infinity,-Infinity,"\\ud800","\\uD800"],"x":"%b",\n%b}' % (b"x" * n, _MEMBER)
    ),
    "blanks in the field": lambda n: (
        b'{%b%b:%b{%b}%b,"a":1}'
        % (b" " * (n // 3), _KEY, b" " * (n // 3), _TRACEPARENT, b" " * (n // 3))
    ),
    "blanks around the field": lambda n: (
        b'{%b%b,%b"a":1%b}' % (b" " * (n // 3), _MEMBER, b" " * (n // 3), b" " * (n // 3))
    ),
    "an escaped name": lambda n: (
        b'{"\\u005fotel_trace_headers":{%b},"a":[%b"x"],"p":"%b"}'
        % (_TRACEPARENT, b'"q",' * min(3900, n // 8), b"\\u0041" * (max(n - 15600, n // 2) // 6))
    ),
    "the same field far away": lambda n: (
        b'{%b,"x":"%b",%b,"y":"%b","z":0}' % (_MEMBER, b"x" * (n // 2), _MEMBER, b"x" * (n // 2))
    ),
    "one letter, without the field": lambda n: b'{"a":"%b"}' % (b"e" * n),
    "a traceparent of blanks": lambda n: _padded(
        n, b'%b:{%b-%b%bx\\ny"}' % (_KEY, _TRACEPARENT[:-1], _NUMBER, _BLANKS)
    ),
}
_CARRIERS: dict[str, Callable[[int], bytes]] = {
    f"a {key} {name}": partial(_carrying, key.encode(), value)
    for key, values in (("baggage", _BAGGAGE), ("tracestate", _TRACESTATE))
    for name, value in values.items()
}
MESSAGES = _DOCUMENTS | _CARRIERS
"""By their names, what makes a message of about so many bytes."""


def plain_message(size: int) -> bytes:
    """A message of so many bytes, or a few more, with a ``traceparent`` and nothing unusual."""
    return _padded(size - 8, _MEMBER)


def numbered(payload: bytes, number: int) -> list[bytes]:
    """So many of ``payload``, no two with the same values in their carriers."""
    return [payload.replace(_NUMBER, b"%08d" % next(_numbers)) for _ in range(number)]
