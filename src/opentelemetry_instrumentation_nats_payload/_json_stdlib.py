"""JSON by the standard library, for interpreters that msgspec has no wheel for."""

from __future__ import annotations

import json
from typing import Any, cast

# Numbers stay text: int() refuses more than 4300 digits, which are still JSON.
_decode = json.JSONDecoder(parse_int=str, parse_float=str).decode


def is_json(payload: bytes) -> bool:
    """Whether ``payload``, which is UTF-8, is one JSON document as Python's json reads it."""
    try:
        _decode(payload.decode())
    except (RecursionError, ValueError):
        return False
    return True


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
