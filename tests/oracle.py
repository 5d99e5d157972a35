"""An oracle: what Python's json, and a scanner that shares no code with ours, say of payloads.

It keeps pairs, their order and the spelling of numbers.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

FIELD = "_otel_trace_headers"
MAX_SIZE = 8192
MAX_ENTRIES = 16

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]', re.DOTALL)


class Pairs(NamedTuple):
    """A JSON object as parsed: its members in order, duplicates included."""

    items: list[tuple[str, Any]]


def _object(items: list[tuple[str, Any]]) -> Pairs:
    return Pairs(items)


def _number(text: str) -> tuple[str, str]:
    """A number, or NaN, by its spelling: unequal to every string, and equal to itself."""
    return ("number", text)


_oracle = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_number, parse_float=_number, parse_constant=_number
)


def parse(payload: bytes) -> Pairs:
    """The one JSON object that ``payload`` is; ValueError or RecursionError if it is none."""
    value: object = _oracle.decode(payload.decode())
    if not isinstance(value, Pairs):
        raise ValueError(value)
    return value


def is_one_object(payload: bytes) -> bool:
    """Whether Python's json reads ``payload``, in UTF-8, as one object."""
    try:
        parse(payload)
    except (RecursionError, ValueError):
        return False
    return True


def without(parsed: Pairs, name: str = FIELD) -> Pairs:
    """The object without its members of that name."""
    return Pairs([pair for pair in parsed.items if pair[0] != name])


def last_value(document: bytes, name: str = FIELD) -> bytes | None:
    """The bytes of the value of the last top-level member of that name, token by token."""
    text = document.decode()
    depth, start, key = 0, None, ""
    found: str | None = None
    for token in _TOKEN.finditer(text):
        char = token.group()[0]
        if char in "]}" or (char == "," and depth == 1):
            depth -= char != ","
            if start is not None and (char == "," or depth == 0):
                found = text[start : token.start()].strip(" \t\r\n") if key == name else found
                start = None
        elif char in "[{":
            depth += 1
        elif depth == 1 and start is None:
            if char == ":":
                start = token.end()
            else:
                key = json.loads(token.group())
    return None if found is None else found.encode()


def carrier_in(value: Any, size: int) -> dict[str, str] | None:
    """The carrier that a parsed value of so many bytes is, by the contract, or None.

    All its pairs count, also those that a duplicate key hides.
    """
    if value is None:
        return {}
    if not isinstance(value, Pairs) or size > MAX_SIZE:
        return None
    carrier = {name: text for name, text in value.items if isinstance(text, str)}
    if len(carrier) > MAX_ENTRIES or not all(isinstance(text, str) for _, text in value.items):
        return None
    return carrier if is_unicode("".join(map("".join, value.items))) else None


def is_unicode(text: str) -> bool:
    """Whether ``text`` has no lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_utf8(payload: bytes) -> bool:
    """Whether ``payload`` is UTF-8."""
    try:
        payload.decode()
    except UnicodeDecodeError:
        return False
    return True
