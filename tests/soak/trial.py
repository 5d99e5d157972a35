"""One exchange from its start to its end, and whether anything was lost."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from .collector import running_collector
from .exchange import Exchange, Side
from .lines import Worker, working
from .monitored import Broker, running_broker
from .peers import WARM_UP_MESSAGES, consume, publish

LATE_SECONDS = 0.15
"""The consumer may be this late with the last message, and the publisher with its last publish."""

_LATE_SHARE = 0.01
"""And by this share of the time: a publisher that takes longer has fallen behind."""


@dataclass(frozen=True)
class Place:
    """Where exchanges take place."""

    broker: Broker
    collector: str

    def exchange(self, variant: str, rate: int, seconds: float) -> Exchange:
        """One with defaults."""
        return Exchange(variant, self.broker.url, self.collector, rate, seconds)


@contextmanager
def place() -> Generator[Place]:
    """A nats-server and a collector of their own."""
    with running_broker() as broker, running_collector() as collector:
        yield Place(broker, collector)


@dataclass(frozen=True)
class Outcome:
    """What came of an exchange."""

    exchange: Exchange
    publishers: list[Side]
    consumer: Side
    server_cpu_seconds: float

    @property
    def sent(self) -> int:
        """By all publishers."""
        return sum(side.count for side in self.publishers)

    @property
    def asked(self) -> int:
        """Of all publishers."""
        return self.exchange.total * len(self.publishers)

    @property
    def rate(self) -> float:
        """Messages a second, as they were sent: the publishers' own count by their own time."""
        return self.sent / self.sending_seconds

    @property
    def received(self) -> int:
        """By the callback."""
        return self.consumer.count

    @property
    def dropped(self) -> int:
        """By nats-py, said to ``error_cb``."""
        return self.consumer.errors["SlowConsumerError"]

    @property
    def unaccounted(self) -> int:
        """Neither received nor said to be dropped."""
        return self.sent - self.received - self.dropped

    @property
    def disordered(self) -> int:
        """Messages out of order, or twice."""
        return self.consumer.received.disordered if self.consumer.received else 0

    @property
    def missing(self) -> int:
        """Gaps in the sequences."""
        return self.consumer.received.missing if self.consumer.received else 0

    @property
    def carried(self) -> int:
        """Messages that came with a context."""
        return self.consumer.received.carried if self.consumer.received else 0

    @property
    def exported(self) -> int:
        """Spans of both sides."""
        return sum(side.exported for side in (*self.publishers, self.consumer))

    @property
    def late_seconds(self) -> float:
        """From the publisher's last publish to the end of the consumer's last callback."""
        received = self.consumer.received
        last_at = received.last_at if received else 0.0
        return max(0.0, last_at - max(side.ended_at for side in self.publishers))

    @property
    def sending_seconds(self) -> float:
        """How long the slowest publisher took."""
        return max(side.seconds for side in self.publishers)

    @property
    def behind_seconds(self) -> float:
        """By how much the latest publish was later than it was due."""
        return max(side.behind_seconds for side in self.publishers)

    @property
    def is_lossless(self) -> bool:
        """Every message came, once and in order, and nobody raised anything."""
        errors = sum(sum(side.errors.values()) for side in (*self.publishers, self.consumer))
        return not (self.sent - self.received or self.disordered or self.missing or errors)

    @property
    def is_published(self) -> bool:
        """As many as were asked for, in the time that was asked for."""
        limit = self.exchange.seconds * (1 + _LATE_SHARE) + LATE_SECONDS
        return self.sent == self.asked and self.sending_seconds < limit

    @property
    def is_sustained(self) -> bool:
        """Nothing was lost, and neither side fell behind."""
        return self.is_lossless and self.is_published and self.late_seconds < LATE_SECONDS


class Running:
    """An exchange that is under way."""

    def __init__(self, place: Place, exchange: Exchange, stack: ExitStack, publishers: int) -> None:
        self._exchange = exchange
        self._broker = place.broker
        self._consumer = stack.enter_context(working(consume, exchange))
        self._consumer.answer()
        self._publishers: list[Worker] = [
            stack.enter_context(working(publish, replace(exchange, publisher=number + 1)))
            for number in range(publishers)
        ]
        for worker in self._publishers:
            worker.answer()
        self._consumer.tell(WARM_UP_MESSAGES * publishers)
        self._consumer.answer()
        self._cpu = self._broker.cpu_seconds()
        for worker in self._publishers:
            worker.tell("go")

    def outcome(self) -> Outcome:
        """Wait for the end."""
        seconds = 2 * self._exchange.seconds + 60
        publishers: list[Side] = [worker.answer(seconds) for worker in self._publishers]
        self._consumer.tell(sum(side.count for side in publishers))
        consumer: Side = self._consumer.answer(seconds)
        cpu = self._broker.cpu_seconds() - self._cpu
        return Outcome(self._exchange, publishers, consumer, cpu)


def run(place: Place, exchange: Exchange, publishers: int = 1) -> Outcome:
    """Start the processes, wait for their end."""
    with ExitStack() as stack:
        return Running(place, exchange, stack, publishers).outcome()
