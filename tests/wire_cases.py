"""Carriers by example: what the reader takes for one, and what not."""

from __future__ import annotations

from codec import TRACEPARENT
from oracle import FIELD

ORDER = b'{"side":"buy","quantity":1}'
_TP = f'"traceparent":"{TRACEPARENT}"'


def _entries(count: int) -> str:
    return ",".join([_TP, *(f'"k{number}":""' for number in range(count - 1))])


GOOD = {
    "a traceparent": f"{{{_TP}}}",
    "white space": f'{{ {_TP} ,\n "tracestate" : "a=b" }}',
    "of other propagators": '{"b3":"0","uber-trace-id":""}',
    "empty": "{}",
    "null": "null",
    "no name, no text": '{"":""}',
    "beyond ASCII": '{"é":"€"}',
    "16 entries": f"{{{_entries(16)}}}",
}
BAD = {
    "17 entries": f"{{{_entries(17)}}}",
    "a number in it": f'{{{_TP},"n":1}}',
    "null in it": f'{{{_TP},"n":null}}',
    "false in it": f'{{{_TP},"n":false}}',
    "a list in it": f'{{"traceparent":["{TRACEPARENT}"]}}',
    "an object in it": f'{{"a":{{{_TP}}}}}',
    "a text": f'"{TRACEPARENT}"',
    "a list": f'["{TRACEPARENT}"]',
    "a number": "0",
    "false": "false",
}
# Said on the page: a schema sees no bytes, no spelling, and of duplicates only the last.
BEYOND_THE_SCHEMA = {
    "8193 bytes": f'{{"a":"{"x" * 8185}"}}',
    "a number that a duplicate hides": '{"a":1,"a":"x"}',
    "a lone surrogate": r'{"a":"\ud800"}',
}
# No traceparent, though nearly one.
MALFORMED = [
    "",
    TRACEPARENT[:-1],
    TRACEPARENT[1:],
    TRACEPARENT.upper(),
    TRACEPARENT.replace("-", "_"),
    f"{TRACEPARENT}0",
    f"0{TRACEPARENT}",
    f"ff{TRACEPARENT[2:]}",
    f"00-{'0' * 32}-b7ad6b7169203331-01",
    f"00-0af7651916cd43dd8448eb211c80319c-{'0' * 16}-01",
]


def message_with(document: str) -> bytes:
    """An order with ``document`` in the field."""
    return f'{{"side":"buy","quantity":1,"{FIELD}":{document}}}'.encode()
