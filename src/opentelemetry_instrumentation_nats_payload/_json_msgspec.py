"""JSON by msgspec: a payload is validated by skipping over it, which builds no objects."""

from __future__ import annotations

import re
from typing import Any

import msgspec

_skip = msgspec.json.Decoder(msgspec.Raw).decode
_decode_strings = msgspec.json.Decoder(dict[str, str]).decode
# What only Python's json accepts, and strict JSON of the same length: a value in the place of a
# value, still text inside a string, and no hexadecimal digits that could complete an escape. The
# token comes first in the pattern, because a search for a literal is ten times as fast.
_EXTENSIONS = [
    (
        re.compile(rb"%b(?<![^\[:, \t\n\r]%b)(?![^\],} \t\n\r])" % (token, token)),
        replacement,
    )
    for token, replacement in (
        (b"NaN", b"[ ]"),
        (b"Infinity", b"[      ]"),
        (b"-Infinity", b"[       ]"),
    )
]
_EXTENSIONS.append((re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}"), rb"\\u0020"))


def as_strict(payload: bytes) -> bytes | None:
    """``payload``, which is UTF-8, as strict JSON of the same length; None if it is not JSON.

    Python's json also accepts NaN, Infinity and lone surrogate escapes. These are replaced, the
    rest is the same bytes at the same places.
    """
    try:  # as in _skips; a call less for most payloads
        _skip(payload)
    except (RecursionError, msgspec.DecodeError):
        pass
    else:
        return payload
    strict = _without_extensions(payload)
    return strict if strict != payload and _skips(strict) else None


def _skips(payload: bytes) -> bool:
    try:
        _skip(payload)
    except (RecursionError, msgspec.DecodeError):
        return False
    return True


def _without_extensions(payload: bytes) -> bytes:
    # Falling back to json.loads instead would block the event loop on a large message.
    for extension, replacement in _EXTENSIONS:
        payload = extension.sub(replacement, payload)
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
