"""A member of a JSON object put into a payload, or taken out of it. Pure functions on bytes."""

from __future__ import annotations

import re
from typing import NamedTuple

LARGE = 16 * 1024
"""Bytes from which on a payload is not copied more often than needed, nor read as a whole."""

MAX_BLANKS = 512
"""White space that is looked over at a place of a payload, before another way is taken."""

GAP = rb"[ \t\n\r]{0,%d}" % MAX_BLANKS
_gap = re.compile(GAP)


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
    if len(payload) < LARGE:
        return b"".join((payload[:start], middle, payload[end:]))
    view = memoryview(payload)  # saves a copy, and costs 0.1 µs
    return b"".join((view[:start], middle, view[end:]))


def without(payload: bytes, member: Member) -> bytes:
    """``payload`` without ``member`` and one of the commas beside it."""
    start, _, end, _ = member
    comma = payload.rfind(b",", 0, start)
    if comma >= 0 and gap_end(payload, comma + 1) == start:
        start = comma
    else:
        following = gap_end(payload, end)
        if payload.startswith(b",", following):
            end = gap_end(payload, following + 1)
    return spliced(payload, start, b"", end)


def gap_end(payload: bytes, at: int) -> int:
    """Where the white space ends that begins at ``at``, if there is any."""
    match = _gap.match(payload, at)
    end = at if match is None else match.end()
    if end - at < MAX_BLANKS:
        return end
    while True:  # four times as fast where there is much
        piece = payload[end : end + LARGE]
        rest = len(piece.lstrip())
        end += len(piece) - rest
        if rest or not piece:
            return end
