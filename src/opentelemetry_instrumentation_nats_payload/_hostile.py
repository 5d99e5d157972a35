"""What a propagator is given of a carrier that somebody else wrote. Pure functions on text.

OpenTelemetry's own propagators log a warning for each malformed entry, in the sender's words, and
take time that grows with the square of the blanks in a value. They therefore get what they accept
in silence: the well-formed entries, spelled without blanks.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import quote_plus, unquote_plus

MAX_VALUE = 8192
"""Characters of a value (https://www.w3.org/TR/baggage/#limits, and OpenTelemetry's own limit)."""

MAX_BAGGAGE_ENTRIES = 64
"""Every platform passes on as many; each costs about as much as the rest of a message."""

_MAX_TRACEPARENT = 512
_MAX_PAIR = 4096
_MAX_TRACESTATE_ENTRIES = 32
# Control characters, save the tab, and whatever else ends a line.
_CONTROL = frozenset(map(chr, [*range(9), *range(10, 32), *range(127, 160), 0x2028, 0x2029]))
_BLANKS = " \t"
_KEY = r"[!#-'*+\-.0-9A-Z^-z|~]+"
_TEXT = r"[!#-+\--:<-\[\]-~]*"
_PROPERTY = f"{_KEY}(?:={_TEXT})?"
_BAGGAGE_ENTRY = re.compile(rf"{_KEY}={_TEXT}(?:;{_PROPERTY})*")
_STATE_KEY = r"(?:[a-z][_0-9a-z\-*/]{0,255}|[a-z0-9][_0-9a-z\-*/]{0,240}@[a-z][_0-9a-z\-*/]{0,13})"
_STATE_VALUE = r"[ -+\--<>-~]{0,255}[!-+\--<>-~]"
_STATE_ENTRY = re.compile(f"{_STATE_KEY}={_STATE_VALUE}")


def accepted(name: str, value: object) -> str | None:
    """What of ``value`` the propagators get under ``name``; None for nothing."""
    if not isinstance(value, str) or len(value) > MAX_VALUE:
        return None
    if not value.isprintable() and not _CONTROL.isdisjoint(value):
        return None
    if name == "traceparent":
        return value if len(value) <= _MAX_TRACEPARENT else None
    if name == "baggage":
        return _baggage(value)
    return _tracestate(value) if name == "tracestate" else value


@lru_cache(64)
def _baggage(value: str) -> str:
    """The well-formed entries, as many as every platform passes on."""
    # Escaped anew, a text grows to three times its length at most.
    is_bounded = 3 * len(value) <= _MAX_PAIR
    entries: list[str] = []
    room = MAX_VALUE
    for text in value.split(",", 2 * MAX_BAGGAGE_ENTRIES)[: 2 * MAX_BAGGAGE_ENTRIES]:
        entry = _baggage_entry(text)
        size = 0 if entry is None or is_bounded else _size_when_sent(entry)
        if entry is None or size > _MAX_PAIR:
            continue
        room -= size + bool(entries)
        if room < 0 or len(entries) == MAX_BAGGAGE_ENTRIES:
            break
        entries.append(entry)
    return ",".join(entries)


def _baggage_entry(text: str) -> str | None:
    key, equals, rest = text.strip(_BLANKS).partition("=")
    # No blanks anywhere: OpenTelemetry's patterns take the square of their number.
    pieces = [_without_blanks(piece) for piece in rest.split(";")]
    entry = key.strip(_BLANKS) + equals + ";".join(pieces)
    return entry if _BAGGAGE_ENTRY.fullmatch(entry) else None


def _without_blanks(text: str) -> str:
    """``text`` without blanks around it, and around its first ``=``."""
    key, equals, value = text.partition("=")
    return key.strip(_BLANKS) + equals + value.strip(_BLANKS)


def _size_when_sent(entry: str) -> int:
    """Characters of an entry, or of what becomes of it when it is sent on, if those are more: a
    propagator warns of what is too large to be sent, too.
    """
    key, _, content = entry.partition("=")
    return max(len(entry), len("=".join(quote_plus(unquote_plus(t)) for t in (key, content))))


@lru_cache(64)
def _tracestate(value: str) -> str:
    """The entries, or none if one of them is malformed: then all of them are to be discarded."""
    entries = [entry for text in value.split(",") if (entry := text.strip(_BLANKS))]
    if len(entries) > _MAX_TRACESTATE_ENTRIES:
        return ""
    return ",".join(entries) if all(map(_STATE_ENTRY.fullmatch, entries)) else ""
