"""One row of the table."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from .details import details
from .lane import lane, milliseconds, offset_of
from .layout import Axis, Row
from .markup import Markup, fill, joined, resource

# Deeper levels leave no room for the name.
MOST_GUIDES = 16

_GUIDE = '<i class="guide $kind"></i>'
_MARK = '<span class="mark $kind">$text</span>'


def render_row(
    row: Row, number: int, axis: Axis, colour: Callable[[str], str], names: dict[str, str]
) -> Markup:
    """The row, with the panel of details that opens when it is chosen."""
    span, identifier = row.span, f"span-{number}"
    service_class = "service" if _enters_service(row) else "service same"
    return fill(
        resource("row.html"),
        colour=colour(span.service),
        guides=joined(fill(_GUIDE, kind=kind) for kind in row.guides[-MOST_GUIDES:]),
        id=identifier,
        level=row.depth + 1,
        title=_title(row, axis),
        service_class=service_class,
        service=span.service,
        name=span.name,
        marks=joined(fill(_MARK, kind=kind, text=text) for kind, text in _marks(row)),
        details=details(row, axis, identifier, colour(span.service), names),
        kind=span.kind.lower(),
        duration=milliseconds(span.end - span.start),
        lane=lane(row, axis),
    )


def _enters_service(row: Row) -> bool:
    return not row.parent or row.parent.service != row.span.service


def _title(row: Row, axis: Axis) -> str:
    span = row.span
    lines = [
        f"{span.service}: {span.name}",
        f"{span.kind.lower()}, {milliseconds(span.end - span.start)} from {offset_of(span, axis)}",
        *(text for _, text in _marks(row)),
    ]
    return "\n".join(lines)


def _marks(row: Row) -> Iterator[tuple[str, str]]:
    span = row.span
    if span.status.code == "ERROR":
        yield "error", "error"
    if row.is_orphan:
        yield "orphan", "parent missing"
    if row.lead:
        yield "early", "before its parent"
    if span.events:
        yield "events", _count(len(span.events), "event")
    if span.links:
        yield "links", _count(len(span.links), "link")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
