"""The codec: one member of a JSON object, found, spliced in, replaced and cut, byte for byte.

Pure functions on bytes. Nothing is parsed and serialised again: that would lose duplicate keys,
number spellings and trailing newlines, and block the event loop on large messages.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ._json import MAX_CARRIER_SIZE, ValueReader, as_object, decode_carrier

_GAP = rb"[ \t\n\r]*"
_EMPTY_OBJECT = re.compile(rb"%b\{%b\}" % (_GAP, _GAP))
_PRECEDING_COMMA = re.compile(rb",%b\Z" % _GAP)
_FOLLOWING_COMMA = re.compile(rb"%b,%b" % (_GAP, _GAP))
# The closing quote is optional, so that an unclosed string is not tried from every quote in it.
_STRING = re.compile(rb'"(?:[^"\\]+|\\.)*"?', re.DOTALL)
# Where a member that we spliced in begins, counted from the end, unless much was added behind it.
_TAIL = MAX_CARRIER_SIZE + 512
# Each duplicate takes another look at the whole payload.
_LARGE = 16 * 1024
_MIN_CUTS, _MAX_CUTS, _CUT_BYTES = 2, 16, 100_000
# How much is looked at before the place of a member counts as not known: spellings of its name;
# quotes and escapes, where one of these may be escaped; quotes behind it, and duplicates, where
# there are several.
_MAX_KEYS, _MAX_QUOTES, _MAX_ESCAPES, _MAX_DUPLICATES = 256, 8000, 2000, 100


class Member(NamedTuple):
    """A member of a payload that is one JSON object; offsets are in bytes.

    ``payload[start:end]`` is ``"name": value`` and ``payload[value_start:end]`` is the value. All
    three are 0 where the place is not known: in a payload that has the name over and over, which
    would take long.
    """

    start: int
    value_start: int
    end: int
    carrier: dict[str, str] | None
    """What the value says. None where it is no carrier: it is then not ours to change."""


class Slot(NamedTuple):
    """Where a carrier goes: ``payload[:start] + prefix + document + payload[end:]``."""

    start: int
    end: int
    prefix: bytes

    def filled_size(self, payload: bytes, document: bytes) -> int:
        """Bytes of the payload once ``document`` is in the slot."""
        return self.start + len(self.prefix) + len(document) + len(payload) - self.end

    def fill(self, payload: bytes, document: bytes) -> bytes:
        """``payload`` with ``document`` in the slot."""
        return spliced(payload, self.start, self.prefix + document, self.end)


def spliced(payload: bytes, start: int, middle: bytes, end: int) -> bytes:
    """``payload`` with ``middle`` in the place of ``payload[start:end]``."""
    if len(payload) < _LARGE:
        return b"".join((payload[:start], middle, payload[end:]))
    view = memoryview(payload)  # saves a copy, and costs 0.1 µs
    return b"".join((view[:start], middle, view[end:]))


class PayloadField:
    """A top-level member of JSON object payloads, known by its name.

    Args:
        name: of letters, digits, ``_``, ``-`` and ``.``: never part of JSON outside of strings.

    Attributes:
        key: the name as JSON, spelled without escapes.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.key = f'"{name}"'.encode()
        # The last member of a document, its value a flat object: what we write, and what
        # json.dumps makes of a dict that got the field last.
        self._last = re.compile(
            rb'[,{ \t\n\r]"%b"%b:%b(\{[^{}]{0,%d}\})%b\}%b\Z'
            % (re.escape(name.encode()), _GAP, _GAP, MAX_CARRIER_SIZE, _GAP, _GAP)
        )
        # A quote that follows a backslash is inside a string. Any other one that stands before
        # the name opens a key: were it to close a string, the name could not follow. The quote
        # comes first, because a search for a literal is five times as fast.
        self._keys = re.compile(rb'"(?<!\\")%b"%b:%b' % (_spellings(name), _GAP, _GAP))
        self._escapes = re.compile(b"|".join(map(_escape, sorted(set(name)))))
        self._value = ValueReader(name)
        self._prefix = b"," + self.key + b":"
        """What stands before the value where :meth:`splice` has written it."""

    def find(self, payload: bytes) -> Member | None:
        """The member, or None; of several the last, which is the one that parsers keep.

        None as well if the payload is not, as a whole, one JSON object in UTF-8.
        """
        at = payload.rfind(self.key, -_TAIL)
        if at < 0 and len(payload) > _TAIL:
            at = payload.find(self.key)  # ten times as fast as rfind on a large payload
        if at < 0 and not self._may_be_escaped(payload):
            return None
        document = as_object(payload)
        if document is None:
            return None
        last = self._last.match(document, at - 1) if at > 0 else None
        if last is not None:
            return _member(payload, at, last.start(1), last.end(1))
        return self._find_anywhere(payload, document)

    def read(self, payload: bytes) -> Member | None:
        """The member for somebody who reads the payload, at the same cost whatever its size.

        The last member of an object, with a flat object as its value, is known by its shape. Any
        other member is found as by :meth:`find`.
        """
        at = payload.rfind(self.key, -_TAIL)
        last = self._last.match(payload, at - 1) if at > 0 and payload[:1] == b"{" else None
        if last is not None and _passes_for_object(payload):
            return _member(payload, at, last.start(1), last.end(1))
        return self.find(payload)

    def read_spliced(self, payload: bytes, size: int) -> bytes | None:
        """The value of ``size`` bytes that :meth:`splice` has written; None if there is none."""
        start = len(payload) - size - 1
        at = start - len(self._prefix)
        if at <= 0 or not payload.startswith(self._prefix, at) or payload[:1] != b"{":
            return None
        if payload[-1:] != b"}" or not _passes_for_object(payload):
            return None
        return payload[start:-1]

    def is_absent(self, payload: bytes) -> bool:
        """Whether the name is nowhere in ``payload``, however it is spelled."""
        return self.key not in payload and not self._may_be_escaped(payload)

    def added_size(self, document_size: int) -> int:
        """Bytes that :meth:`splice` adds with a document of so many, or one more."""
        return len(self._prefix) + document_size

    def splice(self, payload: bytes, document: bytes) -> bytes | None:
        """``payload``, which has no such member, with one whose value is ``document``.

        None if it is not one JSON object in UTF-8.
        """
        if as_object(payload) is None:
            return None
        brace = payload.rfind(b"}")
        prefix = self._prefix
        if payload[1:2] != b'"' and _EMPTY_OBJECT.match(payload):
            prefix = prefix[1:]
        return spliced(payload, brace, prefix + document, brace)

    def _find_anywhere(self, payload: bytes, document: bytes) -> Member | None:
        """The member at any place of ``document``, which is ``payload`` in strict JSON."""
        value = self._value.read(document)
        if value is None:
            return None
        place = self._place(document, value)
        if place is None:
            # What stands for a lone surrogate in the document is not what the payload says.
            return Member(0, 0, 0, decode_carrier(value) if document is payload else None)
        start, value_start = place
        return _member(payload, start, value_start, value_start + len(value))

    def _place(self, document: bytes, value: bytes) -> tuple[int, int] | None:
        """Where the last member at the top level begins, which has ``value``, and its value."""
        keys = self._keys_of(document, value)
        return _last_at_top_level(document, keys) if keys else None

    def _keys_of(self, document: bytes, value: bytes) -> list[tuple[int, int]]:
        """Where the name is the key of ``value``; nothing where it occurs too often."""
        if self._may_be_escaped(document):
            if document.count(b'"') > _MAX_QUOTES:
                return []
            found = [key.span() for key in self._keys.finditer(document)]
        else:
            found = self._literal_keys(document)
        if len(found) > _MAX_KEYS:
            return []
        return [key for key in found if document.startswith(value, key[1])]

    def _literal_keys(self, document: bytes) -> list[tuple[int, int]]:
        # Four times as fast as the pattern, which stops at every quote.
        found: list[tuple[int, int]] = []
        at = document.find(self.key)
        while at >= 0 and len(found) <= _MAX_KEYS:
            key = self._keys.match(document, at)
            found.append(key.span() if key else (at, len(document)))
            at = document.find(self.key, at + 1)
        return found

    def _may_be_escaped(self, payload: bytes) -> bool:
        # Most payloads have no backslash, which one byte shows four times as fast.
        if b"\\" not in payload:
            return False
        escapes = payload.count(b"\\u00")
        return escapes > _MAX_ESCAPES or (escapes > 0 and bool(self._escapes.search(payload)))

    def slot(self, payload: bytes, member: Member | None) -> Slot | None:
        """Where the carrier goes: over the value of ``member``, or before the final brace.

        None if the payload has to stay as it is: it is not one JSON object in UTF-8, or has
        something else than a carrier under the name, or has it at a place that is not known.
        """
        if member is not None:
            is_fixed = member.carrier is None or not member.end
            return None if is_fixed else Slot(member.value_start, member.end, b"")
        if as_object(payload) is None:
            return None
        brace = payload.rfind(b"}")
        prefix = self._prefix[1:] if _EMPTY_OBJECT.match(payload) else self._prefix
        return Slot(brace, brace, prefix)

    def cut(self, payload: bytes, member: Member) -> bytes:
        """``payload`` without ``member``, which :meth:`find` found, and up to 15 duplicates of it;
        without one of them where there are more, or in a large payload.

        What :meth:`slot` spliced in comes out to the byte. What is no carrier stays.
        """
        found: Member | None = member
        cuts = max(_MIN_CUTS, min(_MAX_CUTS, _CUT_BYTES // len(payload)))
        if cuts > _MIN_CUTS and payload.count(self.key) > _MAX_CUTS:
            cuts = _MIN_CUTS  # some stay anyway
        for _ in range(cuts):
            if found is None or found.carrier is None or not found.end:
                break
            payload = _without(payload, found)
            found = self.find(payload)
        return payload


def _passes_for_object(payload: bytes) -> bool:
    """Whether ``payload``, which ends like a JSON object with our field, is one as a whole.

    To validate a megabyte takes 200 times as long as to read the field. More than 16 KiB are
    therefore believed to be one document, unless there is a line break in the first or the last
    16 KiB, as there is between the documents of a stream.
    """
    size = _LARGE
    if len(payload) <= size or payload.find(b"\n", 0, size) >= 0 or payload.find(b"\n", -size) >= 0:
        return as_object(payload) is not None
    return True


def _member(payload: bytes, start: int, value_start: int, end: int) -> Member:
    return Member(start, value_start, end, decode_carrier(payload[value_start:end]))


def _without(payload: bytes, member: Member) -> bytes:
    """``payload`` without ``member`` and one of the commas beside it."""
    start, _, end, _ = member
    before = payload.rfind(b",", 0, start)
    comma = _PRECEDING_COMMA.match(payload, before, start) if before >= 0 else None
    if comma is not None:
        start = comma.start()
    else:
        following = _FOLLOWING_COMMA.match(payload, end)
        end = following.end() if following else end
    return spliced(payload, start, b"", end)


def _last_at_top_level(document: bytes, keys: list[tuple[int, int]]) -> tuple[int, int] | None:
    """Of ``keys`` whose values are the same, the last one at the top level of ``document``.

    From the end, where it mostly is: the depth there is 0, and at the top level it is 1. None
    where it is too far from there.
    """
    depth, end, quotes = 0, len(document), 0
    for count, (start, value_start) in enumerate(reversed(keys[1:])):
        segment = document[value_start:end]
        quotes += segment.count(b'"')
        if quotes > _MAX_QUOTES or count >= _MAX_DUPLICATES:
            return None
        depth -= _depth_change(segment)
        if depth == 1:
            return start, value_start
        end = start
    return keys[0]


def _depth_change(segment: bytes) -> int:
    """How many more objects and arrays ``segment`` opens than it closes, outside of strings."""
    bare = _STRING.sub(b"", segment)
    return bare.count(b"{") + bare.count(b"[") - bare.count(b"}") - bare.count(b"]")


def _escape(char: str) -> bytes:
    """A pattern for ``char`` spelled as a JSON escape, in either case of its digits."""
    return b"\\\\u(?i:%04x)" % ord(char)


def _spellings(name: str) -> bytes:
    """A pattern for ``name`` with any of its characters escaped."""
    return b"".join(b"(?:%b|%b)" % (re.escape(c.encode()), _escape(c)) for c in name)
