"""The counts of one subject, or of all. Pure."""

from __future__ import annotations

import math
from typing import Final

from .finding import CARRYING, SOURCES, Finding

MAX_TRACES: Final = 1_000_000
"""Trace ids that tallies with one memory tell apart, at about 60 bytes each."""


class Memory:
    """How many trace ids the tallies that share it may remember."""

    def __init__(self, left: int = MAX_TRACES) -> None:
        self.left = left


class Tally:
    """What was found in messages.

    Args:
        memory: for the traces; one of its own if not given.
    """

    def __init__(self, memory: Memory | None = None) -> None:
        self.messages = 0
        self.sources: dict[str, int] = dict.fromkeys(SOURCES, 0)
        self.both = 0
        self.sampled = 0
        self.bytes_added = 0
        self._traces: set[int] = set()
        self._memory = memory or Memory()

    def add(self, finding: Finding) -> None:
        """Count one message."""
        self.messages += 1
        self.sources[finding.source] += 1
        self.bytes_added += finding.bytes_added
        if finding.source in CARRYING:
            self.both += finding.in_both
            self.sampled += finding.span_context.trace_flags.sampled
            self._remember(finding.span_context.trace_id)

    def _remember(self, trace: int) -> None:
        if trace not in self._traces and self._memory.left > 0:
            self._memory.left -= 1
            self._traces.add(trace)

    def merge(self, other: Tally) -> None:
        """Count the messages of ``other`` as well, which is not used any more."""
        other._memory.left += len(other._traces)
        self.add_all(other)

    def add_all(self, other: Tally) -> None:
        """Count the messages of ``other`` as well."""
        self.messages += other.messages
        for source, count in other.sources.items():
            self.sources[source] += count
        self.both += other.both
        self.sampled += other.sampled
        self.bytes_added += other.bytes_added
        for trace in other._traces:
            self._remember(trace)

    @property
    def traces(self) -> int:
        """How many traces the messages belong to, as far as there was memory for them."""
        return len(self._traces)

    @property
    def has_forgotten(self) -> bool:
        """Whether there may be more traces."""
        return self._memory.left <= 0

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

    @property
    def sampled_share(self) -> float | None:
        """Of the messages with a context, how many are sampled: percent, None of nothing."""
        return 100 * self.sampled / self.carrying if self.carrying else None

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
