"""Where the rows, bars and lines of the waterfall are; knows nothing of HTML."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ..spans import Span, Trace
from ..traces import walk

Guide = Literal["gap", "line", "fork", "end"]

MOST_TICKS = 8


@dataclass(frozen=True)
class Axis:
    """The time from the first start to the last end, in nanoseconds; never empty."""

    begin: int
    extent: int

    def percent(self, time: float) -> float:
        """Where a time is, from 0 to 100."""
        return 100 * (time - self.begin) / self.extent


@dataclass(frozen=True)
class Wire:
    """The line from a span to its child: down from `bend`, then along the child's row.

    `bend` is the time within the parent that is nearest to the child's start, `rows` how far up
    the parent is.
    """

    bend: int
    rows: int
    between_services: bool


@dataclass(frozen=True)
class Row:
    """One span, how it hangs in the tree, and the line to it, unless it is a root."""

    span: Span
    depth: int
    guides: tuple[Guide, ...]
    parent: Span | None
    wire: Wire | None

    @property
    def is_orphan(self) -> bool:
        """Whether the span has a parent that is not in the trace."""
        return bool(self.span.parent_id) and self.parent is None

    @property
    def lead(self) -> int:
        """Nanoseconds that the span starts before its parent, as clocks differ; or 0."""
        return max(self.parent.start - self.span.start, 0) if self.parent else 0


def axis_of(trace: Trace) -> Axis:
    """The axis on which the whole trace has room."""
    begin = min(span.start for span in trace)
    end = max(max(span.start, span.end) for span in trace)
    return Axis(begin, max(end - begin, 1))


def ticks_of(axis: Axis) -> list[int]:
    """Nanoseconds from the begin: 1, 2 or 5 times a power of ten apart, and not too many."""
    step = next(step for step in _steps() if axis.extent // step < MOST_TICKS)
    return list(range(0, axis.extent + 1, step))


def _steps() -> list[int]:
    return [digit * 10**power for power in range(19) for digit in (1, 2, 5)]


def rows_of(trace: Trace) -> list[Row]:
    """A row for each span, parents before children."""
    spans = {span.span_id: span for span in trace}
    walked = list(walk(trace))
    guides = _guides([depth for depth, _ in walked])
    places = {span.span_id: number for number, (_, span) in enumerate(walked)}
    rows: list[Row] = []
    for number, (depth, span) in enumerate(walked):
        parent = spans.get(span.parent_id)
        wire = _wire(parent, span, number - places[parent.span_id]) if parent else None
        rows.append(Row(span, depth, guides[number], parent, wire))
    return rows


def _wire(parent: Span, child: Span, rows: int) -> Wire:
    bend = min(max(child.start, parent.start), max(parent.end, parent.start))
    return Wire(bend, rows, parent.service != child.service)


def _guides(depths: Sequence[int]) -> list[tuple[Guide, ...]]:
    """What is drawn left of each name, seen from the last row up: who has a sibling below."""
    found: list[tuple[Guide, ...]] = []
    below: set[int] = set()
    for depth in reversed(depths):
        passing: list[Guide] = ["line" if level in below else "gap" for level in range(1, depth)]
        own: list[Guide] = ["fork" if depth in below else "end"] if depth else []
        found.append((*passing, *own))
        below = {level for level in below if level < depth} | {depth}
    return found[::-1]


def width_of(span: Span, axis: Axis) -> float:
    """How long the bar is, in percent; 0 when the clock was set back during the span."""
    return 100 * max(span.end - span.start, 0) / axis.extent


def decimals(step: float) -> int:
    """How many decimal places tell multiples of the step apart."""
    return max(-math.floor(math.log10(step)), 0)
