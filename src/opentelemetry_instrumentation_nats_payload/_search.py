"""Where a name stands in the bytes of a JSON document. Pure functions on bytes."""

from __future__ import annotations

import re
from functools import cached_property

from ._json import WHITESPACE
from ._splice import GAP, LARGE, gap_end

# What may stand between a key and its value.
_COLON = re.compile(rb"%b:%b" % (GAP, GAP))
# How much is looked at before a place counts as not known: spellings of the name; quotes and
# escapes, where one of these may be escaped; quotes or backslashes behind it, and duplicates,
# where there are several. In a large document that spells the name with escapes alone, which only
# somebody does who wants a search to take long, there may be few quotes.
_MAX_KEYS, _MAX_QUOTES, _MAX_ESCAPES, _MAX_DUPLICATES = 256, 8000, 2000, 50
_FEW_QUOTES = 500
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
        escapes = b"|".join(sorted(set(map(_digits, name))))
        self._escapes = re.compile(rb"\\u00(?:%b)" % escapes)

    @cached_property
    def _any_key(self) -> re.Pattern[bytes]:
        """A pattern for the key with any of its characters escaped.

        To compile it takes half a millisecond. It is only needed where there are escapes, and the
        field is not the last member.
        """
        spellings = (rb"(?:%b|\\u00%b)" % (re.escape(c.encode()), _digits(c)) for c in self._name)
        # A quote that follows a backslash is inside a string. Any other one that stands before the
        # name opens a key: were it to close a string, the name could not follow. The quote comes
        # first, because a search for a literal is five times as fast.
        return re.compile(rb'"(?<!\\")%b"' % b"".join(spellings))

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
        elif len(document) > LARGE and document.rfind(self.key) < 0:
            found = self._any_places(document) if _has_up_to(_FEW_QUOTES, b'"', document) else []
        elif _has_up_to(_MAX_QUOTES, b'"', document):
            found = self._any_places(document)
        else:
            found = [] if self._has_own_escapes(document) else self._literal_places(document)
        return found if len(found) <= _MAX_KEYS else []

    def _literal_places(self, document: bytes) -> list[tuple[int, int]]:
        # Four times as fast as a pattern, which stops at every quote.
        found: list[tuple[int, int]] = []
        size = len(self.key)
        at = document.rfind(self.key)
        while at >= 0 and len(found) <= _MAX_KEYS:
            # After a backslash it is inside a string.
            is_text = document.startswith(b"\\", at - 1)
            found.append((at, len(document) if is_text else _value_start(document, at + size)))
            at = document.rfind(self.key, 0, at + size - 1)
        return found[::-1]

    def _any_places(self, document: bytes) -> list[tuple[int, int]]:
        keys = (key.span() for key in self._any_key.finditer(document))
        return [(start, _value_start(document, end)) for start, end in keys]

    def _has_own_escapes(self, payload: bytes) -> bool:
        """Whether a character of the name is escaped; or maybe, where there are many escapes."""
        escapes = payload.count(ESCAPE)
        return escapes > _MAX_ESCAPES or (escapes > 0 and bool(self._escapes.search(payload)))


def _has_up_to(most: int, byte: bytes, document: bytes) -> bool:
    """Whether ``byte`` is in ``document`` so often; more of it is not looked at."""
    return len(document.split(byte, most + 1)) <= most + 1


def _value_start(document: bytes, end: int) -> int:
    """Where a value begins, if what ends at ``end`` is its key; else the size of ``document``."""
    match = _COLON.match(document, end)
    if match is not None and document[match.end()] not in WHITESPACE:
        return match.end()
    colon = gap_end(document, end)
    return gap_end(document, colon + 1) if document.startswith(b":", colon) else len(document)


def _last_at_top_level(document: bytes, keys: list[tuple[int, int]]) -> tuple[int, int] | None:
    """Of ``keys`` whose values are the same, the last one at the top level of ``document``.

    From the end, where it mostly is: the depth there is 0, and at the top level it is 1. None
    where it is too far from there.
    """
    depth, end, quotes = 0, len(document), 0
    for count, (start, value_start) in enumerate(reversed(keys[1:])):
        pieces = _at_quotes(document[value_start:end], _MAX_QUOTES - quotes)
        if pieces is None or count >= _MAX_DUPLICATES:
            return None
        quotes += len(pieces)
        depth -= _depth_change(b"".join(pieces[::2]))
        if depth == 1:
            return start, value_start
        end = start
    return keys[0]


def _at_quotes(segment: bytes, most: int) -> list[bytes] | None:
    """``segment``, which begins outside of strings, by turns outside and inside of them.

    None where it has more than ``most`` backslashes, or strings to about half of that.
    """
    if b"\\" in segment:
        if not _has_up_to(most, b"\\", segment):
            return None
        segment = segment.replace(b"\\\\", b"").replace(b'\\"', b"")
    pieces = segment.split(b'"', most)
    return pieces if len(pieces) <= most else None


def _depth_change(bare: bytes) -> int:
    """How many more objects and arrays are opened than closed in JSON without its strings."""
    return bare.count(b"{") + bare.count(b"[") - bare.count(b"}") - bare.count(b"]")


def _digits(char: str) -> bytes:
    """A pattern for the last two digits of ``char`` as a JSON escape, in either case."""
    digits = f"{ord(char):02x}"
    return "".join(d if d.isdecimal() else f"[{d}{d.upper()}]" for d in digits).encode()
