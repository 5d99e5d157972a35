"""Exported spans as plain values, to be compared whole."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.id_generator import IdGenerator

Attributes = Mapping[str, Any]


class SequentialIds(IdGenerator):
    """Trace ids 1, 2, …, and span ids 1, 2, …, in the order in which spans start."""

    def __init__(self) -> None:
        self._traces = count(1)
        self._spans = count(1)

    def generate_trace_id(self) -> int:
        return next(self._traces)

    def generate_span_id(self) -> int:
        return next(self._spans)


@dataclass(frozen=True)
class Recorded:
    """A span, with everything in it that the instrumentation decides."""

    name: str
    kind: str
    attributes: Attributes
    trace: int
    span: int
    parent: int | None = None
    links: tuple[tuple[int, int], ...] = ()
    status: str = "UNSET"
    description: str | None = None
    events: tuple[str, ...] = ()

    def but(self, **changes: Any) -> Recorded:
        """The same with other values; ``attributes`` are added to."""
        if "attributes" in changes:
            changes["attributes"] = {**self.attributes, **changes["attributes"]}
        return dataclasses.replace(self, **changes)


def recorded(span: ReadableSpan) -> Recorded:
    """What the exporter got, as a value. Attribute values keep their types: True is not 1."""
    return Recorded(
        name=span.name,
        kind=span.kind.name,
        attributes={k: Typed.of(_steady(k, v)) for k, v in (span.attributes or {}).items()},
        trace=span.context.trace_id if span.context else 0,
        span=span.context.span_id if span.context else 0,
        parent=span.parent.span_id if span.parent else None,
        links=tuple((link.context.trace_id, link.context.span_id) for link in span.links),
        status=span.status.status_code.name,
        description=span.status.description,
        events=tuple(event.name for event in span.events),
    )


def _steady(name: str, value: Any) -> Any:
    """Seconds that no two runs have in common, as 1.0."""
    if name != "messaging.nats.message.delivery_latency":
        return value
    assert 0 <= value < 60
    return value / value if value else 1.0


@dataclass(frozen=True)
class Typed:
    """An attribute value and its type."""

    type: str
    value: Any

    @classmethod
    def of(cls, value: Any) -> Typed:
        return cls(type(value).__name__, value)


def attributes(values: Mapping[str, Any]) -> Attributes:
    """Expected attributes."""
    return {k: Typed.of(v) for k, v in values.items()}


def traceparent(trace: int, span: int, flags: str = "01") -> str:
    """The W3C traceparent of two ids (https://www.w3.org/TR/trace-context/)."""
    return f"00-{trace:032x}-{span:016x}-{flags}"


def field(trace: int, span: int) -> bytes:
    """The member that is spliced into a payload that has others."""
    return b',"_otel_trace_headers":{"traceparent":"%b"}' % traceparent(trace, span).encode()
