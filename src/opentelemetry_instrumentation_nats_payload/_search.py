"""Where a name stands in the bytes of a JSON document. Pure functions on bytes."""

from __future__ import annotations

import re
from functools import cached_property

from ._splice import GAP, LARGE

# The closing quote is optional, so that an unclosed string is not tried from every quote in it.
_STRING = re.compile(rb'"(?:[^"\\]+|\\.)*"?', re.DOTALL)
# A quote that follows a backslash is inside a string. Any other one that stands before the name
# opens a key: were it to close a string, the name could not follow. The quote comes first, because
# a search for a literal is five times as fast.
_KEY = rb'"(?<!\\")%b"%b:%b'
# How much is looked at before a place counts as not known: spellings of the name; quotes and
# escapes, where one of these may be escaped; quotes and backslashes behind it, and duplicates,
# where there are several.
_MAX_KEYS, _MAX_QUOTES, _MAX_ESCAPES, _MAX_DUPLICATES = 256, 8000, 2000, 50
ESCAPE = b"\\u00"
"""How each escape of a character begins that a name may have."""


class Name:
    """The name of a member, as it may be spelled in JSON.

    Args:
        name: of letters, digits, ``_``, ``-`` and ``.``: never part of JSON outside of strings.

    Attributes:
        key: the name as JSON, spelled without escapes.
    """

    def __init__(self, name: str) -> None:
        self.key = f'"{name}"'.encode()
        self._name = name
        self._literal_key = re.compile(_KEY % (re.escape(name.encode()), GAP, GAP))
        escapes = b"|".join(sorted(set(map(_digits, name))))
        self._escapes = re.compile(rb"\\u00(?:%b)" % escapes)

    @cached_property
    def _any_key(self) -> re.Pattern[bytes]:
        """A pattern for the key with any of its characters escaped.

        To compile it takes half a millisecond. It is only needed where there are escapes, and the
        field is not the last member.
        """
        spellings = (rb"(?:%b|\\u00%b)" % (re.escape(c.encode()), _digits(c)) for c in self._name)
        return re.compile(_KEY % (b"".join(spellings), GAP, GAP))

    def may_be_escaped(self, payload: bytes) -> bool:
        """Whether there may be a spelling of the name with escapes in ``payload``."""
        # Most payloads have no backslash, which one byte shows four times as fast.
        if b"\\" not in payload:
            return False
        if len(payload) > LARGE:
            # The parser says it in one pass. To count the escapes takes as long, and to look at
            # each of them five times as long.
            return payload.rfind(ESCAPE) >= 0
        return self._has_own_escapes(payload)

    def place(self, document: bytes, value: bytes) -> tuple[int, int] | None:
        """Where the last member at the top level begins, which has ``value``, and its value.

        None where that would take long. ``document`` is strict JSON, and has the member.
        """
        keys = [key for key in self._places(document) if document.startswith(value, key[1])]
        return _last_at_top_level(document, keys) if keys else None

    def _places(self, document: bytes) -> list[tuple[int, int]]:
        """Where the name is a key, or part of a string; nothing where it occurs too often."""
        if b"\\" not in document or document.rfind(ESCAPE) < 0:
            found = self._literal_places(document)
        elif document.count(b'"') <= _MAX_QUOTES:
            found = [key.span() for key in self._any_key.finditer(document)]
        else:
            found = [] if self._has_own_escapes(document) else self._literal_places(document)
        return found if len(found) <= _MAX_KEYS else []

    def _literal_places(self, document: bytes) -> list[tuple[int, int]]:
        # Four times as fast as the pattern, which stops at every quote.
        found: list[tuple[int, int]] = []
        at = document.rfind(self.key)
        while at >= 0 and len(found) <= _MAX_KEYS:
            key = self._literal_key.match(document, at)
            found.append(key.span() if key else (at, len(document)))
            at = document.rfind(self.key, 0, at + len(self.key) - 1)
        return found[::-1]

    def _has_own_escapes(self, payload: bytes) -> bool:
        """Whether a character of the name is escaped; or maybe, where there are many escapes."""
        escapes = payload.count(ESCAPE)
        return escapes > _MAX_ESCAPES or (escapes > 0 and bool(self._escapes.search(payload)))


def _last_at_top_level(document: bytes, keys: list[tuple[int, int]]) -> tuple[int, int] | None:
    """Of ``keys`` whose values are the same, the last one at the top level of ``document``.

    From the end, where it mostly is: the depth there is 0, and at the top level it is 1. None
    where it is too far from there.
    """
    depth, end, pieces = 0, len(document), 0
    for count, (start, value_start) in enumerate(reversed(keys[1:])):
        segment = document[value_start:end]
        pieces += _pieces(segment, _MAX_QUOTES)
        if pieces > _MAX_QUOTES or count >= _MAX_DUPLICATES:
            return None
        depth -= _depth_change(segment)
        if depth == 1:
            return start, value_start
        end = start
    return keys[0]


def _pieces(segment: bytes, most: int) -> int:
    """How many quotes and backslashes there are in ``segment``; more than ``most`` of them are not
    counted to the end.
    """
    found = 0
    for start in range(0, len(segment), LARGE):
        end = start + LARGE
        found += segment.count(b'"', start, end) + segment.count(b"\\", start, end)
        if found > most:
            break
    return found


def _depth_change(segment: bytes) -> int:
    """How many more objects and arrays ``segment`` opens than it closes, outside of strings."""
    bare = _STRING.sub(b"", segment)
    return bare.count(b"{") + bare.count(b"[") - bare.count(b"}") - bare.count(b"]")


def _digits(char: str) -> bytes:
    """A pattern for the last two digits of ``char`` as a JSON escape, in either case."""
    digits = f"{ord(char):02x}"
    return "".join(d if d.isdecimal() else f"[{d}{d.upper()}]" for d in digits).encode()
