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
        total: as many messages as the rate and the seconds ask for.
        seconds: from the first publish until ``total`` of them had begun.
        used: the port of the server that the publisher was connected to at the publish.
        traces: the trace of the application that published the message.
        handled: the traces that the callback was in.
        stored: the sequence numbers of the stream that the message was delivered from.
        redelivered: deliveries that the server says are not the first of that sequence number.
        in_stream: messages that the stream says it has, at the end.
        misnamed: process spans whose server.port is not that of the consumer's connection.
        unacknowledged: messages that had been sent to the consumer when the server was killed, and
            of which the cluster had no acknowledgement.
    """

    total: int = 0
    attempts: int = 0
    seconds: float = 0.0
    acknowledged: set[int] = field(default_factory=set[int])
    failed: Counter[str] = field(default_factory=Counter[str])
    used: dict[int, int] = field(default_factory=dict[int, int])
    traces: dict[int, int] = field(default_factory=dict[int, int])
    handled: dict[int, set[int]] = field(default_factory=dict[int, set[int]])
    stored: dict[int, set[int]] = field(default_factory=dict[int, set[int]])
    deliveries: Counter[int] = field(default_factory=Counter[int])
    redelivered: int = 0
    in_stream: int = 0
    misnamed: int = 0
    reconnects: int = 0
    unacknowledged: int = 0
    seconds_without_leader: float = 0.0
    producers: Producers = field(default_factory=Producers)

    @property
    def rate(self) -> float:
        """Messages a second, as they were published."""
        return self.attempts / self.seconds if self.seconds else 0.0

    @property
    def lost(self) -> int:
        """Acknowledged, and never delivered."""
        return len(self.acknowledged - self.deliveries.keys())

    @property
    def again(self) -> int:
        """Deliveries of a sequence number of the stream beyond its first."""
        return self.deliveries.total() - sum(map(len, self.stored.values()))

    @property
    def stored_twice(self) -> int:
        """Sequence numbers of the stream beyond the first of a message."""
        return sum(map(len, self.stored.values())) - len(self.stored)

    @property
    def is_read_whole(self) -> bool:
        """Whether everything that the stream has was delivered."""
        return sum(map(len, self.stored.values())) == self.in_stream

    @property
    def untraced(self) -> int:
        """Acknowledged messages that were not processed in the trace of their producer."""
        return sum(self.handled.get(n) != {self.traces[n]} for n in self.acknowledged)

    @property
    def misnamed_publishes(self) -> int:
        """Publish spans that do not name the server that was connected."""
        ports = self.producers.ports
        return sum(ports.get(self.traces[n]) != port for n, port in self.used.items())
