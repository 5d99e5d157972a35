"""Messages of somebody who wants a consumer to suffer."""

from __future__ import annotations

import json
from collections.abc import Callable

from oracle import FIELD

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
_KEY = b'"%b"' % FIELD.encode()
_CARRIER = b'{"traceparent":"%b"}' % TRACEPARENT.encode()
_MEMBER = _KEY + b":" + _CARRIER


def plain(size: int) -> bytes:
    """A message of about that size, with a context as everybody sends it."""
    return b'{"a":"%b",%b}' % (b"x" * size, _MEMBER)


def carrying(**values: str) -> bytes:
    """A message whose carrier has these values."""
    return json.dumps({"a": 1, FIELD: values}).encode()


PAYLOADS: dict[str, Callable[[int], bytes]] = {
    "a large value in the carrier": lambda n: b'{%b:{"traceparent":"%b"}}' % (_KEY, b"0" * n),
    "a carrier of many entries": lambda n: (
        b"{%b:{%b}}" % (_KEY, b",".join(b'"%d":""' % i for i in range(n // 10)))
    ),
    "a deep carrier": lambda n: b"{%b:%b}" % (_KEY, b"[" * (n // 2) + b"]" * (n // 2)),
    "deep beside the field": lambda n: (
        b'{"a":%b,%b}' % (b'{"a":' * (n // 6) + b"1" + b"}" * (n // 6), _MEMBER)
    ),
    "the field over and over": lambda n: b"{%b%b}" % ((_KEY + b":{},") * (n // 26), _MEMBER),
    "the field over and over, not last": lambda n: (
        b'{%b"a":1}' % ((_MEMBER + b",") * (n // len(_MEMBER)))
    ),
    "nested fields that are the same": lambda n: (
        b'{%b,"a":[%b0]}' % (_MEMBER, (b"{%b}," % _MEMBER) * (n // len(_MEMBER)))
    ),
    "strings that look like the field": lambda n: (
        b'{"a":[%b0],%b,"b":1}' % (b'"\\"_otel_trace_headers\\":{}",' * (n // 32), _MEMBER)
    ),
    "escapes of the name": lambda n: b'{"a":"%b"}' % (b"\\u0041\\u005F" * (n // 12)),
    "escapes": lambda n: b'{"a":"%b","b":"\\u005fotel"}' % (b"\\u0041" * (n // 6)),
    "not a number": lambda n: b'{"a":[%b0],%b}' % (b"NaN," * (n // 4), _MEMBER),
    "lone surrogates": lambda n: b'{"a":"%b",%b}' % (b"\\ud800" * (n // 6), _MEMBER),
    "quotes": lambda n: b'{%b,"a":"%b"}' % (_MEMBER, b'\\"' * (n // 2)),
    "white space": lambda n: b"{%b:%b%b}" % (_KEY, b" " * n, _CARRIER),
}
"""By size in bytes, about."""

BAGGAGE = {
    "line breaks": "a=1\nWARNING root forged\r\n,b=2",
    "escape sequences": "a=\x1b[31mred,b=2",
    "other line breaks": "a=1\x85forged\u2028forged\u2029,b=2",
    "nul": "a=\x00,b=2",
    "blanks in a property": "a=b;" + " " * 3990 + "x",
    "blanks in two properties": ",".join(["a=b;" + " " * 3990 + "x"] * 2),
    "blanks before the value of a property": "a=b;k" + " " * 3990 + "=v",
    "blanks within a property": "a=b;k=v" + " " * 3990 + "w",
    "malformed entries": ",".join("no equals sign" for _ in range(180)),
    "invalid keys": ",".join(f"k @{i}=v" for i in range(180)),
    "invalid values": ",".join(f'k{i}="v v"' for i in range(180)),
    "invalid properties": "a=1;=,b=2;@@,c=3;p=\\",
    "not ASCII": "schlüssel=wert,a=ü",
    "too many entries": ",".join(f"k{i}=v" for i in range(1000)),
    "too long an entry": f"a={'x' * 5000},b=2",
    "too long": "x" * 9000,
    "longer when it is sent on": f"a={'%FF' * 1300},b={chr(39) * 1300},c={chr(39) * 1400}",
    "blanks": "a=1" + " " * 8000 + "b=2",
    "tabs": "a=1" + "\t" * 8000 + ",b=2",
    "commas": "," * 8000,
    "equals signs": "=" * 8000,
    "semicolons": "a=1" + ";" * 8000,
}

TRACESTATE = {
    "line breaks": "a=1\nWARNING root forged\r\n,b=2",
    "malformed": "a=1,no equals sign",
    "invalid keys": "A=1,b=2",
    "invalid values": "a=ü",
    "duplicates": "a=1,a=2",
    "too many entries": ",".join(f"k{i}=v" for i in range(40)),
    "too long": ",".join(f"k{i}={'v' * 255}" for i in range(31)) + "," + "x" * 600,
    "blanks": "a=1" + " " * 8000 + "b=2",
    "commas": "," * 8000,
}
