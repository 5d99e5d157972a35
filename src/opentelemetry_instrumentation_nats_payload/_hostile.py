"""What a propagator is given of a carrier that somebody else wrote. Pure functions on text.

OpenTelemetry's own propagators log a warning for each malformed entry, in the sender's words, and
take time that grows with the square of the blanks in a value. They therefore get what they accept
in silence: the well-formed entries, spelled without blanks.
"""

from __future__ import annotations

import re
from functools import lru_cache

from ._baggage import MAX_SIZE, read_baggage

MAX_VALUE = MAX_SIZE
"""Characters of a value."""

_MAX_TRACEPARENT = 512
_MAX_TRACESTATE_ENTRIES = 32
# Control characters, save the tab, and whatever else ends a line.
_CONTROL = frozenset(map(chr, [*range(9), *range(10, 32), *range(127, 160), 0x2028, 0x2029]))
_BLANKS = " \t"
_STATE_KEY = r"(?:[a-z][_0-9a-z\-*/]{0,255}|[a-z0-9][_0-9a-z\-*/]{0,240}@[a-z][_0-9a-z\-*/]{0,13})"
_STATE_VALUE = r"[ -+\--<>-~]{0,255}[!-+\--<>-~]"
_STATE_ENTRY = re.compile(f"{_STATE_KEY}={_STATE_VALUE}")


def accepted(name: str, value: object) -> str | None:
    """What of ``value`` the propagators get under ``name``; None for nothing."""
    if not isinstance(value, str) or len(value) > MAX_VALUE:
        return None
    if name == "baggage":
        return read_baggage(value).text
    if not value.isprintable() and not _CONTROL.isdisjoint(value):
        return None
    if name == "traceparent":
        return value if len(value) <= _MAX_TRACEPARENT else None
    return _tracestate(value) if name == "tracestate" else value


@lru_cache(64)
def _tracestate(value: str) -> str:
    """The entries, or none if one of them is malformed: then all of them are to be discarded."""
    # An entry may be empty, but not without end.
    if value.count(",") > 2 * _MAX_TRACESTATE_ENTRIES:
        return ""
    entries = [entry for text in value.split(",") if (entry := text.strip(_BLANKS))]
    if len(entries) > _MAX_TRACESTATE_ENTRIES:
        return ""
    return ",".join(entries) if all(map(_STATE_ENTRY.fullmatch, entries)) else ""
