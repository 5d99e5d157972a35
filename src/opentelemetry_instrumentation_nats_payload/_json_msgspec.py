"""JSON by msgspec: a payload is validated by skipping over it, which builds no objects."""

from __future__ import annotations

import re

import msgspec

_skip = msgspec.json.Decoder(msgspec.Raw).decode
_decode_strings = msgspec.json.Decoder(dict[str, str]).decode
_LONE_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")


def is_json(payload: bytes) -> bool:
    """Whether ``payload``, which is UTF-8, is one JSON document as Python's json reads it."""
    try:
        _skip(payload)
    except RecursionError:
        return False
    except msgspec.DecodeError:
        lenient = _as_strict(payload)
        return lenient != payload and _skips(lenient)
    return True


def _skips(payload: bytes) -> bool:
    try:
        _skip(payload)
    except (RecursionError, msgspec.DecodeError):
        return False
    return True


def _as_strict(payload: bytes) -> bytes:
    """What only Python's json accepts, replaced by strict JSON of the same verdict.

    ``[ ]`` is a value where ``NaN`` was one, still text inside a string, and still invalid
    wherever ``NaN`` was invalid: it has no hexadecimal digit that could complete an escape.
    Falling back to ``json.loads`` instead would block the event loop on a large message.
    """
    strict = payload.replace(b"-Infinity", b"[ ]").replace(b"Infinity", b"[ ]")
    strict = strict.replace(b"NaN", b"[ ]")
    return _LONE_SURROGATE.sub(rb"\\u0020", strict)


def decode_strings(document: bytes) -> dict[str, str] | None:
    """A JSON object of string to string, or None for anything else."""
    try:
        return _decode_strings(document)
    except (RecursionError, UnicodeDecodeError, msgspec.DecodeError):
        return None


encode_strings = msgspec.json.Encoder().encode
