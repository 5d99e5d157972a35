"""What is seen of messages that go through a cluster."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor


class Producers(SpanProcessor):
    """The server.port of the producer span of each trace, and how many spans are open."""

    def __init__(self) -> None:
        self.ports: dict[int, Any] = {}
        self.open = 0

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        """One more."""
        self.open += 1
        if span.kind is trace.SpanKind.PRODUCER:
            self.ports[span.context.trace_id] = span.attributes.get("server.port")

    def on_end(self, span: ReadableSpan) -> None:
        """One less."""
        self.open -= 1


@dataclass
class Run:
    """What one run saw, by the numbers of the messages.

    Attributes:
        used: the port of the server that the publisher was connected to at the publish.
        traces: the trace of the application that published the message.
        handled: the traces that the callback was in.
        misnamed: process spans whose server.port is not that of the consumer's connection.
    """

    attempts: int = 0
    acknowledged: set[int] = field(default_factory=set[int])
    failed: Counter[str] = field(default_factory=Counter[str])
    used: dict[int, int] = field(default_factory=dict[int, int])
    traces: dict[int, int] = field(default_factory=dict[int, int])
    handled: dict[int, set[int]] = field(default_factory=dict[int, set[int]])
    deliveries: Counter[int] = field(default_factory=Counter[int])
    misnamed: int = 0
    reconnects: int = 0
    seconds_without_leader: float = 0.0
    producers: Producers = field(default_factory=Producers)

    @property
    def lost(self) -> int:
        """Acknowledged, and never delivered."""
        return len(self.acknowledged - self.deliveries.keys())

    @property
    def repeated(self) -> int:
        """Deliveries beyond the first."""
        return self.deliveries.total() - len(self.deliveries)

    @property
    def untraced(self) -> int:
        """Acknowledged messages that were not processed in the trace of their producer."""
        return sum(self.handled.get(n) != {self.traces[n]} for n in self.acknowledged)

    @property
    def misnamed_publishes(self) -> int:
        """Publish spans that do not name the server that was connected."""
        ports = self.producers.ports
        return sum(ports.get(self.traces[n]) != port for n, port in self.used.items())
