"""What the page says of a span when it is chosen: ids, status, attributes, links and events."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from ..spans import Attributes, Event, Link, Value
from .lane import milliseconds, offset_of
from .layout import Axis, Row
from .markup import Markup, fill, joined, resource

_FACT = '<div><dt>$name</dt><dd class="$kind">$value</dd></div>'
_SECTION = "<h3>$title</h3>$parts"
_LIST = "<dl>$facts</dl>"
_CARD = '<section class="card"><h4>$title</h4>$facts</section>'
_NONE = '<p class="none">none</p>'


def details(row: Row, axis: Axis, identifier: str, colour: str, names: dict[str, str]) -> Markup:
    """The panel of one span; `names` has those of the trace's spans by id."""
    span = row.span
    sections = [
        _section("Attributes", [_attributes(span.attributes)] if span.attributes else []),
        _section(f"Links ({len(span.links)})", [_link(link, names) for link in span.links]),
        _section(f"Events ({len(span.events)})", [_event(event, axis) for event in span.events]),
    ]
    return fill(
        resource("details.html"),
        id=identifier,
        colour=colour,
        service=span.service,
        name=span.name,
        facts=_facts(_of_the_span(row, axis)),
        sections=joined(sections),
    )


def _of_the_span(row: Row, axis: Axis) -> Iterator[tuple[str, Value]]:
    span = row.span
    yield "Kind", span.kind.lower()
    yield "Status", f"{span.status.code.lower()} {span.status.message}".strip()
    yield "Starts at", offset_of(span, axis)
    yield "Lasts", milliseconds(span.end - span.start)
    if row.lead:
        yield "Clock", f"starts {milliseconds(row.lead)} before its parent"
    yield "Parent", _parent(row)
    yield "Span id", span.span_id
    yield "Trace id", span.trace_id
    yield "Scope", span.scope or "not named"


def _parent(row: Row) -> str:
    if row.parent:
        return f"{row.parent.service}: {row.parent.name}"
    return f"{row.span.parent_id}, not in the trace" if row.is_orphan else "none, a root span"


def _link(link: Link, names: dict[str, str]) -> Markup:
    title = names.get(link.span_id, "a span that is not in the trace")
    ids: Attributes = {"span id": link.span_id, "trace id": link.trace_id}
    return fill(_CARD, title=title, facts=_attributes({**ids, **link.attributes}))


def _event(event: Event, axis: Axis) -> Markup:
    title = f"{event.name} at {milliseconds(event.time - axis.begin)}"
    return fill(_CARD, title=title, facts=_attributes(event.attributes))


def _section(title: str, parts: list[Markup]) -> Markup:
    return fill(_SECTION, title=title, parts=joined(parts) if parts else Markup(_NONE))


def _attributes(attributes: Attributes) -> Markup:
    return _facts(iter(attributes.items()))


def _facts(facts: Iterator[tuple[str, Value]]) -> Markup:
    return fill(_LIST, facts=joined(_fact(name, value) for name, value in facts))


def _fact(name: str, value: Value) -> Markup:
    kind = "text" if isinstance(value, str) else "literal"
    return fill(_FACT, name=_breakable(name), kind=kind, value=_text(value))


def _breakable(name: str) -> Markup:
    """The name, which may go on in the next line after each dot."""
    return Markup("<wbr>".join(fill("$part", part=part) for part in re.split(r"(?<=\.)", name)))


def _text(value: Value) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.hex(" ")
    return json.dumps(value, ensure_ascii=False, default=_text)
