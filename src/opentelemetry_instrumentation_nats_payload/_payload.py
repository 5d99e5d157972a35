"""The codec: one member of a JSON object, found, spliced in, replaced and cut, byte for byte.

Pure functions on bytes. Nothing is parsed and serialised again: that would lose duplicate keys,
number spellings and trailing newlines, and block the event loop on large messages.

Searches begin at the end. The field is mostly there, and ``bytes.rfind`` takes a half to a third of
the time of ``bytes.find`` and ``in`` on most payloads, and of some that are chosen for it a tenth.
It has no such payloads here: a quote stands at the ends of the key and nowhere in it, which bounds
the work to a step or two for a byte.
"""

from __future__ import annotations

import re

from ._json import (
    MAX_CARRIER_SIZE,
    WHITESPACE,
    ValueReader,
    as_document,
    as_object,
    begins_utf8,
    decode_carrier,
    has_braces,
    is_strict_object,
    is_utf8,
    may_be_object,
    without_extensions,
)
from ._search import Name
from ._splice import GAP, LARGE, MAX_BLANKS, Member, Slot, spliced, without

_EMPTY_OBJECT = re.compile(rb"[ \t\n\r]*\{[ \t\n\r]*\}")
_QUOTE = ord(b'"')
_MAX_LINES = 64
# Each duplicate takes another look at the whole payload.
_MIN_CUTS, _MAX_CUTS, _CUT_BYTES = 2, 16, 100_000


class PayloadField:
    """A top-level member of JSON object payloads, known by its name.

    Args:
        name: of letters, digits, ``_``, ``-`` and ``.``: never part of JSON outside of strings.

    Attributes:
        key: the name as JSON, spelled without escapes.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._name = Name(name)
        self.key = self._name.key
        flat = rb'%b"%b:%b(\{[^{}]{0,%d}\})%b' % (
            re.escape(name.encode()),
            *(GAP, GAP, MAX_CARRIER_SIZE, GAP),
        )
        # The last member of a document, its value a flat object: what we write, and what
        # json.dumps makes of a dict that got the field last.
        self._last = re.compile(rb'[,{ \t\n\r]"%b\}%b\Z' % (flat, GAP))
        # The same anywhere else. A quote that follows a backslash is inside a string.
        self._other = re.compile(rb'"(?<!\\")%b,' % flat)
        self._value = ValueReader(name)
        self._prefix = b"," + self.key + b":"
        """What stands before the value where :meth:`insert` has written it."""

    def find(self, payload: bytes) -> Member | None:
        """The member, or None; of several the last, which is the one that parsers keep.

        None as well if the payload is not, as a whole, one JSON object in UTF-8.
        """
        at = payload.rfind(self.key)
        if at < 0 and not self._name.may_be_escaped(payload):
            return None
        last = self._last.match(payload, at - 1) if at > 0 else None
        if last is None:
            return self._find_exactly(payload)
        if as_object(payload) is None:
            return None
        return _member(payload, at, last.start(1), last.end(1))

    def read(self, payload: bytes) -> Member | None:
        """The member for somebody who reads the payload, in steps whose number is bounded.

        As by :meth:`find`, save in more than 16 KiB: there a member with a flat object as its value
        is looked at from the nearer end of the payload, and what only Python reads has none that is
        further than 16 KiB from either.
        """
        if len(payload) <= LARGE:
            return self.find(payload)
        at = payload.rfind(self.key)
        if at < 0 and not self._name.may_be_escaped(payload):
            return None
        last = self._last.match(payload, at - 1) if at > 0 and payload[:1] == b"{" else None
        if last is None:
            return self._find_in_large(payload, at)
        if not _passes_for_object(payload):
            return None
        return _member(payload, at, last.start(1), last.end(1))

    def read_spliced(self, payload: bytes, size: int) -> bytes | None:
        """The value of ``size`` bytes that :meth:`insert` has written; None if there is none."""
        start = len(payload) - size - 1
        at = start - len(self._prefix)
        if at <= 0 or not payload.startswith(self._prefix, at) or payload[:1] != b"{":
            return None
        if payload[-1:] != b"}" or not _passes_for_object(payload):
            return None
        return payload[start:-1]

    def is_absent(self, payload: bytes) -> bool:
        """Whether the name is nowhere in ``payload``, however it is spelled."""
        return payload.rfind(self.key) < 0 and not self._name.may_be_escaped(payload)

    def added_size(self, document_size: int) -> int:
        """Bytes that :meth:`insert` adds with a document of so many, or one more."""
        return len(self._prefix) + document_size

    def insert(self, payload: bytes, brace: int, document: bytes) -> bytes:
        """``payload``, a JSON object without such a member, with one whose value is ``document``.

        Args:
            payload: an object.
            brace: where its final brace is.
            document: an object, as JSON.
        """
        prefix = self._prefix
        if payload[1] != _QUOTE and _EMPTY_OBJECT.match(payload):
            prefix = prefix[1:]
        return spliced(payload, brace, prefix + document, brace)

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
        """``payload`` without ``member``, which :meth:`read` found, and up to 15 duplicates of it;
        without one of them where there are more, or in a large payload, in which those stay that
        are spelled with escapes, or that :meth:`read` does not find.

        What :meth:`slot` spliced in comes out to the byte. What is no carrier stays.
        """
        if member.carrier is None or not member.end:
            return payload
        others = 0 if self._is_alone(payload, member) else self._max_cuts(payload) - 1
        payload = without(payload, member)
        for _ in range(others):
            found = self.read(payload)
            if found is None or found.carrier is None or not found.end:
                break
            payload = without(payload, found)
        return payload

    def _is_alone(self, payload: bytes, member: Member) -> bool:
        """Whether ``member``, which has no duplicates behind it, has none that is looked for."""
        is_first = payload.rfind(self.key, 0, member.start) < 0
        return is_first and (len(payload) > LARGE or not self._name.may_be_escaped(payload))

    def _max_cuts(self, payload: bytes) -> int:
        cuts = max(_MIN_CUTS, min(_MAX_CUTS, _CUT_BYTES // len(payload)))
        if cuts > _MIN_CUTS and payload.count(self.key) > _MAX_CUTS:
            return _MIN_CUTS  # some stay anyway
        return cuts

    def _find_exactly(self, payload: bytes) -> Member | None:
        """The member of ``payload`` at any place."""
        if not may_be_object(payload):
            return None
        document, value = payload, self._value.look(payload)
        if value is True:
            document = without_extensions(payload)
            value = None if document is None else self._value.read(document)
        return self._located(payload, document, value) if document and value else None

    def _find_in_large(self, payload: bytes, at: int) -> Member | None:
        """The same in about one pass, where :meth:`_find_exactly` takes ten for what is not strict.

        Somebody else chose the payload. ``at`` is where the name stands last, without escapes.
        """
        near = self._near_an_end(payload, at) if at > 0 else None
        if near is not None and not self._name.may_be_escaped(payload):
            return near if _passes_for_object(payload) else None
        value = self._value.look(payload) if has_braces(payload) else False
        if not isinstance(value, bool) and is_utf8(payload):
            return self._located(payload, payload, value) if value else None
        if near is None or not _may_be_stream(payload):
            return near
        is_believed = value is True and begins_utf8(payload) and not _is_stream(payload)
        return near if is_believed else None

    def _near_an_end(self, payload: bytes, at: int) -> Member | None:
        """The member at ``at``, if what stands before it, or behind it, is known to be so much of
        an object, and no more than 16 KiB.
        """
        other = self._other.match(payload, at)
        if other is None or payload[:1] != b"{" or not _ends_like_object(payload):
            return None
        end = other.end(1)
        if at <= LARGE:
            rest = payload[:at] + b'"":0}'
        elif len(payload) - end <= LARGE:
            rest = b'{"":0' + payload[end:]
        else:
            return None
        member = None if as_object(rest) is None else _member(payload, at, other.start(1), end)
        # What is no carrier may be the start of one, up to a brace in a string.
        return None if member is None or member.carrier is None else member

    def _located(self, payload: bytes, document: bytes, value: bytes) -> Member:
        """The member with ``value`` of ``document``, which is ``payload`` in strict JSON."""
        place = self._name.place(document, value)
        if place is None:
            # What stands for a lone surrogate in the document is not what the payload says.
            is_same = document is payload or value in payload
            return Member(0, 0, 0, decode_carrier(value) if is_same else None)
        start, value_start = place
        return _member(payload, start, value_start, value_start + len(value))


def _passes_for_object(payload: bytes) -> bool:
    """Whether ``payload``, which begins and ends like a JSON object with our field, is one.

    To validate a megabyte takes 200 times as long as to read the field. More than 16 KiB are
    therefore believed to be one document, unless there is a line break in the first or the last
    16 KiB, as there is between the documents of a stream: then they are validated, up to what only
    Python's json reads. From there on they are believed again, if no line begins another document.
    """
    if len(payload) <= LARGE:
        return as_document(payload) is not None
    if not _may_be_stream(payload):
        return True
    is_strict = is_strict_object(payload)
    return not _is_stream(payload) if is_strict is None else is_strict


def _may_be_stream(payload: bytes) -> bool:
    """Whether there is a line break near the start or the end of ``payload``."""
    return payload.find(b"\n", 0, LARGE) >= 0 or payload.find(b"\n", -LARGE) >= 0


def _is_stream(payload: bytes) -> bool:
    """Whether one of the last 64 lines of ``payload`` that begin like an object comes after one.

    No line of one document does.
    """
    at = len(payload)
    for _ in range(_MAX_LINES):
        at = payload.rfind(b"\n{", 0, at)
        if at < 0:
            return False
        if _ends_like_object(payload[max(at - MAX_BLANKS, 0) : at]):
            return True
    return False


def _ends_like_object(payload: bytes) -> bool:
    return payload[-MAX_BLANKS:].rstrip(WHITESPACE).endswith(b"}")


def _member(payload: bytes, start: int, value_start: int, end: int) -> Member:
    return Member(start, value_start, end, decode_carrier(payload[value_start:end]))
