"""The counts of one subject, or of all. Pure."""

from __future__ import annotations

import math
from typing import Final

from .finding import CARRYING, SOURCES, Finding

MAX_TRACES: Final = 1_000_000
"""Trace ids that are told apart, about 100 MB of them; there may be more than a count that says
so many."""


class Tally:
    """What was found in messages."""

    def __init__(self) -> None:
        self.messages = 0
        self.sources: dict[str, int] = dict.fromkeys(SOURCES, 0)
        self.both = 0
        self.sampled = 0
        self.bytes_added = 0
        self._traces: set[int] = set()

    def add(self, finding: Finding) -> None:
        """Count one message."""
        self.messages += 1
        self.sources[finding.source] += 1
        self.bytes_added += finding.bytes_added
        if finding.source in CARRYING:
            self.both += finding.in_both
            self.sampled += finding.span_context.trace_flags.sampled
            if len(self._traces) < MAX_TRACES:
                self._traces.add(finding.span_context.trace_id)

    def merge(self, other: Tally) -> None:
        """Count the messages of ``other`` as well."""
        self.messages += other.messages
        for source, count in other.sources.items():
            self.sources[source] += count
        self.both += other.both
        self.sampled += other.sampled
        self.bytes_added += other.bytes_added
        for trace in other._traces:
            if len(self._traces) >= MAX_TRACES:
                break
            self._traces.add(trace)

    @property
    def traces(self) -> int:
        """How many traces the messages belong to, at most :data:`MAX_TRACES`."""
        return len(self._traces)

    @property
    def carrying(self) -> int:
        """How many messages have a context."""
        return sum(self.sources[source] for source in CARRYING)

    @property
    def eligible(self) -> int:
        """How many messages have one, or could."""
        return self.messages - self.sources["not_eligible"]

    @property
    def share(self) -> float | None:
        """Of the messages that could have a context, how many have: percent, None of nothing."""
        return 100 * self.carrying / self.eligible if self.eligible else None

    def counts(self) -> dict[str, int]:
        """Every count by its name."""
        return {
            "messages": self.messages,
            **self.sources,
            "both": self.both,
            "sampled": self.sampled,
            "traces": self.traces,
            "bytes_added": self.bytes_added,
        }


def percent(share: float | None) -> str:
    """``share`` for people; 100 only when it is all."""
    return "-" if share is None else f"{math.floor(share * 10) / 10:.1f} %"
