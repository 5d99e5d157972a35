"""JSON by msgspec: a payload is validated by skipping over it, which builds no objects."""

from __future__ import annotations

import re
from typing import Any

import msgspec

_skip = msgspec.json.Decoder(msgspec.Raw).decode
_decode_strings = msgspec.json.Decoder(dict[str, str]).decode
# What only Python's json accepts, and strict JSON of the same length: a value in the place of a
# value, still text inside a string, and no hexadecimal digits that could complete an escape. The
# token comes first in the pattern, because a search for a literal is ten times as fast. Where
# there are many, they are replaced without a look around, which is faster again, and the same save
# in a field's name: what is no value there was none before.
_VALUE = rb"%b(?<![^\[:, \t\n\r]%b)(?![^\],} \t\n\r])"
_SURROGATE = rb"\\u[dD](?=[89a-fA-F][0-9a-fA-F]{2})"
_EXTENSIONS = [
    (token, re.compile(pattern.replace(b"%b", token)), replacement)
    for token, pattern, replacement in (
        (b"NaN", _VALUE, b"[ ]"),
        (b"-Infinity", _VALUE, b"[       ]"),
        (b"Infinity", _VALUE, b"[      ]"),
        (rb"\ud", _SURROGATE, rb"\u4"),
        (rb"\uD", _SURROGATE, rb"\u4"),
    )
]
_MANY = 2000


def as_strict(payload: bytes) -> bytes | None:
    """``payload``, which is UTF-8, as strict JSON of the same length; None if it is not JSON.

    Python's json also accepts NaN, Infinity and lone surrogate escapes. These are replaced, the
    rest is the same bytes at the same places.
    """
    try:
        _skip(payload)
    except RecursionError:
        return None
    except msgspec.DecodeError:
        strict = _without_extensions(payload)
    else:
        return payload
    return strict if strict != payload and _skips(strict) else None


def _skips(payload: bytes) -> bool:
    try:
        _skip(payload)
    except (RecursionError, msgspec.DecodeError):
        return False
    return True


def _without_extensions(payload: bytes) -> bytes:
    # Falling back to json.loads instead would block the event loop on a large message.
    for token, pattern, replacement in _EXTENSIONS:
        count = payload.count(token)
        if count > _MANY:
            payload = payload.replace(token, replacement)
        elif count:
            payload = pattern.sub(lambda _, by=replacement: by, payload)
    return payload


def decode_strings(document: bytes) -> dict[str, str] | None:
    """A JSON object of string to string, or None for anything else."""
    try:
        return _decode_strings(document)
    except (RecursionError, UnicodeDecodeError, msgspec.DecodeError):
        return None


encode_strings = msgspec.json.Encoder().encode


class ValueReader:
    """Reads the value of one top-level member of a JSON object, wherever it stands."""

    def __init__(self, name: str) -> None:
        member = ("value", msgspec.Raw, msgspec.Raw())
        payload: Any = msgspec.defstruct("Payload", [member], rename={"value": name})
        self._decode = msgspec.json.Decoder(payload).decode

    def read(self, document: bytes) -> bytes | None:
        """The bytes of the value in ``document``, one strict JSON object; of several the last."""
        return bytes(self._decode(document).value) or None
