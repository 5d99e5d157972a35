"""Draws one row of the waterfall: grid, the line from the parent, the bar, and its events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..spans import Span
from .layout import Axis, Row, decimals, ticks_of, width_of
from .markup import Markup, fill, joined

# As page.css has it: the lines between rows are measured in pixels.
ROW_HEIGHT = 26
MIDDLE = ROW_HEIGHT // 2

# Two drawings, so that no bar is under a line of a row below it.
_LANE = (
    '<svg class="wires" aria-hidden="true">$lines</svg>'
    '<svg class="bars" role="img" aria-label="$label">$bars</svg>'
)
_GRID = '<line class="grid" x1="$x%" x2="$x%" y1="0" y2="$height"/>'
_LINE = '<line class="$kind" x1="$x1%" y1="$y1" x2="$x2%" y2="$y2"/>'
_BAR = '<rect class="bar" x="$x%" y="8" width="$width%" height="10" rx="2"/>'
# A rect without width is not drawn.
_START = '<line class="start" x1="$x%" x2="$x%" y1="8" y2="18"/>'
_EVENT = '<circle class="event" cx="$x%" cy="$y" r="2.5"/>'
_SCALE = '<svg class="scale" aria-hidden="true">$parts</svg>'
_TICK = '<text x="$x%" dx="4" y="17">$text</text>'

# A label further right would be cut.
_LAST_LABEL = 94


def milliseconds(nanoseconds: float) -> str:
    """A time as the page shows it."""
    return f"{nanoseconds / 1e6:,.2f} ms"


def offset_of(span: Span, axis: Axis) -> str:
    """When the span starts, counted from the start of the trace."""
    return milliseconds(span.start - axis.begin)


def scale(axis: Axis, ticks: Sequence[int]) -> Markup:
    """The head of the column: the times that the grid stands for."""
    places = decimals(ticks[1] / 1e6) if len(ticks) > 1 else 0
    grid = joined(_grid(axis, ticks))
    labels = joined(
        fill(_TICK, x=_number(x), text=f"{tick / 1e6:,.{places if tick else 0}f} ms")
        for tick in ticks
        if (x := axis.percent(axis.begin + tick)) < _LAST_LABEL
    )
    return fill(_SCALE, parts=joined([grid, labels]))


def lane(row: Row, axis: Axis) -> Markup:
    """The row's drawing; `x` and `width` of its rect are percentages of the trace's time."""
    span = row.span
    label = f"starts at {offset_of(span, axis)}, lasts {milliseconds(span.end - span.start)}"
    x = _percent(span.start, axis)
    bars = fill(_START, x=x), fill(_BAR, x=x, width=_number(width_of(span, axis)))
    events = (
        fill(_EVENT, x=_percent(event.time, axis), y=MIDDLE)
        for event in span.events
        if 0 <= axis.percent(event.time) <= 100
    )
    lines = joined([*_grid(axis, ticks_of(axis)), *_wire(row, axis)])
    return fill(_LANE, label=label, lines=lines, bars=joined([*bars, *events]))


def _wire(row: Row, axis: Axis) -> Iterator[Markup]:
    wire = row.wire
    if not wire:
        return
    kind = "wire hop" if wire.between_services else "wire"
    bend, start = _percent(wire.bend, axis), _percent(row.span.start, axis)
    top = MIDDLE - wire.rows * ROW_HEIGHT
    yield fill(_LINE, kind=kind, x1=bend, y1=top, x2=bend, y2=MIDDLE)
    yield fill(_LINE, kind=kind, x1=bend, y1=MIDDLE, x2=start, y2=MIDDLE)


def _grid(axis: Axis, ticks: Sequence[int]) -> Iterator[Markup]:
    for tick in ticks:
        yield fill(_GRID, x=_percent(axis.begin + tick, axis), height=ROW_HEIGHT)


def _percent(time: int, axis: Axis) -> str:
    return _number(axis.percent(time))


def _number(value: float) -> str:
    return f"{value:.4f}".rstrip("0").rstrip(".")
