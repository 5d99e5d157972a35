"""JSON by msgspec: a payload is validated by skipping over it, which builds no objects."""

from __future__ import annotations

import re
from operator import attrgetter
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
_MANY = 500
# Where msgspec has stopped. Of an escape, that is up to 12 bytes behind it.
_POSITION = re.compile(r"\(byte (\d+)\)\Z")
_CONSTANTS = (b"NaN", b"Infinity")
_OF_ESCAPES = re.compile("surrogate|hex escape|truncated")
_SURROGATES, _BEHIND = (rb"\ud", rb"\uD"), 16
_NOTHING = msgspec.Raw()


def as_strict(payload: bytes) -> bytes | None:
    """``payload``, which is UTF-8, as strict JSON of the same length; None if it is not JSON.

    Python's json also accepts NaN, Infinity and lone surrogate escapes. These are replaced, the
    rest is the same bytes at the same places.
    """
    try:
        _skip(payload)
    except RecursionError:
        return None
    except msgspec.DecodeError as error:
        strict = without_extensions(payload) if _is_at_extension(payload, error) else None
        return strict if strict is not None and look(strict) else None
    return payload


def look(payload: bytes) -> bool | None:
    """Whether ``payload`` is JSON as everybody reads it; None if it stops being so at what only
    Python's json reads. The bytes of its strings are not looked at.
    """
    try:
        _skip(payload)
    except RecursionError:
        return False
    except msgspec.DecodeError as error:
        return None if _is_at_extension(payload, error) else False
    return True


def _is_at_extension(payload: bytes, error: msgspec.DecodeError) -> bool:
    text = str(error)
    found = _POSITION.search(text)
    if found is None and "truncated" not in text:  # words of another msgspec
        return True
    end = int(found[1]) if found else len(payload)
    if payload.startswith(_CONSTANTS, end):
        return True
    before = payload[max(end - _BEHIND, 0) : end]
    return any(s in before for s in _SURROGATES) and bool(_OF_ESCAPES.search(text))


def without_extensions(payload: bytes) -> bytes | None:
    """What :func:`as_strict` makes of a ``payload`` that is not strict, if it is JSON at all; None
    if there is nothing to replace.
    """
    # Falling back to json.loads instead would block the event loop on a large message.
    strict = payload
    for token, pattern, replacement in _EXTENSIONS:
        if strict.rfind(token) < 0:
            continue
        strict, count = pattern.subn(replacement.replace(b"\\", rb"\\"), strict, _MANY)
        if count == _MANY:
            strict = strict.replace(token, replacement)
    return None if strict == payload else strict


def decode_strings(document: bytes) -> dict[str, str] | None:
    """A JSON object of string to string, or None for anything else."""
    try:
        return _decode_strings(document)
    except (RecursionError, UnicodeDecodeError, msgspec.DecodeError):
        return None


encode_strings = msgspec.json.Encoder().encode


class ValueReader:
    """Reads the values of some top-level members of a JSON object, wherever they stand.

    Msgspec validates the object by the way, as fast as without looking for anything.
    """

    def __init__(self, *names: str) -> None:
        fields = [f"value{number}" for number in range(len(names))]
        members = [(field, msgspec.Raw, _NOTHING) for field in fields]
        payload: Any = msgspec.defstruct(
            "Payload", members, rename=dict(zip(fields, names, strict=True)), gc=False
        )
        self._decode = msgspec.json.Decoder(payload).decode
        self._first = attrgetter(fields[0])
        self._values = attrgetter(*fields)
        self._nothing = self._values(payload())

    def read(self, payload: bytes) -> bytes | None:
        """The bytes of the value of the first name in ``payload``, which is UTF-8, of several the
        last; empty if there is none. None if ``payload`` is not one object in strict JSON.
        """
        value = self.look(payload)
        return None if isinstance(value, bool) else value

    def look(self, payload: bytes) -> bytes | bool:
        """The same of any payload, the bytes of whose strings are not looked at; for None, whether
        it stops being strict JSON at what only Python's json reads.
        """
        try:
            return bytes(self._first(self._decode(payload)))
        except RecursionError:
            return False
        except msgspec.DecodeError as error:
            return _is_at_extension(payload, error)

    def has_any(self, payload: bytes) -> bool | None:
        """Whether there is a member of one of the names; None as for :meth:`read`."""
        try:
            return self._values(self._decode(payload)) != self._nothing
        except (RecursionError, msgspec.DecodeError):
            return None
