"""JSON by the standard library, for interpreters that msgspec has no wheel for."""

from __future__ import annotations

import json
from typing import Any, cast

# Numbers stay text: int() refuses more than 4300 digits, which are still JSON.
_decoder = json.JSONDecoder(parse_int=str, parse_float=str)


def as_strict(payload: bytes) -> bytes | None:
    """``payload`` if Python's json reads it as one document in UTF-8, else None."""
    try:
        _decoder.decode(payload.decode())
    except (RecursionError, ValueError):
        return None
    return payload


def look(payload: bytes) -> bool:
    """Whether ``payload`` is JSON in UTF-8: what Python's json adds is no trouble here."""
    return as_strict(payload) is not None


def without_extensions(_: bytes) -> bytes | None:
    """None: what is not strict is no JSON either."""
    return None


def decode_strings(document: bytes) -> dict[str, str] | None:
    """A JSON object of string to string, or None for anything else."""
    try:
        carrier: Any = json.loads(document.decode(), object_pairs_hook=_strings)
    except (RecursionError, ValueError):
        return None
    return cast("dict[str, str]", carrier) if isinstance(carrier, dict) else None


def _strings(pairs: list[tuple[str, Any]]) -> dict[str, str]:
    for pair in pairs:  # also those that a duplicate key hides
        for text in pair:
            if not isinstance(text, str):
                raise ValueError(text)
            text.encode()  # a lone surrogate is no text that could be sent on
    return dict(pairs)


def encode_strings(carrier: dict[str, str]) -> bytes:
    """Compact JSON in UTF-8. Raises UnicodeEncodeError on a lone surrogate."""
    return json.dumps(carrier, separators=(",", ":"), ensure_ascii=False).encode()


class ValueReader:
    """Reads the values of some top-level members of a JSON object, wherever they stand."""

    def __init__(self, *names: str) -> None:
        self._names = names

    def read(self, payload: bytes) -> bytes | None:
        """The bytes of the value of the first name in ``payload``, of several the last; empty if
        there is none. None if ``payload`` is not one JSON object in UTF-8.
        """
        values = self._values(payload)
        return None if values is None else values.get(self._names[0], b"")

    def look(self, payload: bytes) -> bytes | bool:
        """The same, with False for None."""
        value = self.read(payload)
        return False if value is None else value

    def has_any(self, payload: bytes) -> bool | None:
        """Whether there is a member of one of the names; None as for :meth:`read`."""
        values = self._values(payload)
        return None if values is None else bool(values)

    def _values(self, payload: bytes) -> dict[str, bytes] | None:
        if not look(payload):
            return None
        text = payload.decode()
        position = _skip_gap(text, 0)
        return self._members(text, position + 1) if text[position] == "{" else None

    def _members(self, text: str, position: int) -> dict[str, bytes]:
        values: dict[str, bytes] = {}
        while True:
            position = _skip_gap(text, position)
            if text[position] == "}":
                return values
            key, position = _decoder.raw_decode(text, position)
            start = _skip_gap(text, _skip_gap(text, position) + 1)
            _, position = _decoder.raw_decode(text, start)
            if key in self._names:
                values[key] = text[start:position].encode()
            position = _skip_gap(text, position)
            position += text[position] == ","


def _skip_gap(text: str, position: int) -> int:
    while text[position] in " \t\n\r":
        position += 1
    return position
