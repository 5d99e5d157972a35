"""JSON by the standard library, for interpreters that msgspec has no wheel for."""

from __future__ import annotations

import json
from typing import Any, cast

# Numbers stay text: int() refuses more than 4300 digits, which are still JSON.
_decoder = json.JSONDecoder(parse_int=str, parse_float=str)


def as_strict(payload: bytes) -> bytes | None:
    """``payload``, which is UTF-8, if Python's json reads it as one document, else None."""
    try:
        _decoder.decode(payload.decode())
    except (RecursionError, ValueError):
        return None
    return payload


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
    """Reads the value of one top-level member of a JSON object, wherever it stands."""

    def __init__(self, name: str) -> None:
        self._name = name

    def read(self, document: bytes) -> bytes | None:
        """The bytes of the value in ``document``, one JSON object; of several the last."""
        text = document.decode()
        position = text.index("{") + 1
        value: str | None = None
        while True:
            position = _skip_gap(text, position)
            if text[position] == "}":
                return None if value is None else value.encode()
            key, position = _decoder.raw_decode(text, position)
            start = _skip_gap(text, _skip_gap(text, position) + 1)
            _, position = _decoder.raw_decode(text, start)
            if key == self._name:
                value = text[start:position]
            position = _skip_gap(text, position)
            position += text[position] == ","


def _skip_gap(text: str, position: int) -> int:
    while text[position] in " \t\n\r":
        position += 1
    return position
