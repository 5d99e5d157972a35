"""Messages that say who sent them, which one it is, and when."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

SUBJECT = "soak.orders"
SIZE = 200

_HEAD = b'{"publisher":"%d","sequence":"%010d","sent_at":"%016d","note":"'
_PADDING = b"n" * (SIZE - len(_HEAD % (0, 0, 0)) - 2) + b'"}'
_AT_PUBLISHER = slice(14, 15)
_AT_SEQUENCE = slice(29, 39)
_AT_TIME = slice(52, 68)


def make(publisher: int, sequence: int) -> bytes:
    """A JSON document of 200 bytes, made now."""
    return _HEAD % (publisher, sequence, time.monotonic_ns() // 1000) + _PADDING


@dataclass
class Received:
    """What a consumer got."""

    count: int = 0
    missing: int = 0
    """Sequence numbers that were passed over."""

    first_missing: int | None = None
    """The first of these."""

    disordered: int = 0
    """Messages that came after a later one, or twice."""

    carried: int = 0
    """Messages that are longer than they were made: a context was added."""

    last_at: float = 0.0
    """When the last one was processed, on the clock that all processes share."""

    latencies: list[int] | None = None
    """Microseconds from publish to callback, where they are kept."""

    _next: dict[bytes, int] = field(default_factory=dict[bytes, int])

    def take(self, data: bytes) -> None:
        """A payload that :func:`make` made, whatever was added to its end."""
        now = time.monotonic_ns() // 1000
        publisher, sequence = data[_AT_PUBLISHER], int(data[_AT_SEQUENCE])
        expected = self._next.get(publisher, 0)
        if sequence < expected:
            self.disordered += 1
        else:
            if sequence > expected and self.first_missing is None:
                self.first_missing = expected
            self.missing += sequence - expected
            self._next[publisher] = sequence + 1
        self.count += 1
        self.carried += len(data) > SIZE
        self.last_at = now / 1e6
        if self.latencies is not None:
            self.latencies.append(now - int(data[_AT_TIME]))


class Pace:
    """How many messages are due, at a steady rate."""

    def __init__(self, rate: float, total: int) -> None:
        self._rate = rate
        self._total = total
        self._start = time.monotonic()

    def due(self) -> int:
        """From the start until now."""
        return min(self._total, int((time.monotonic() - self._start) * self._rate) + 1)

    def behind(self, number: int) -> float:
        """How many seconds ago the message of that number was due."""
        return self.seconds - number / self._rate

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self._start


def percentiles(latencies: list[int]) -> dict[str, float]:
    """Milliseconds."""
    ordered = sorted(latencies) or [0]
    last = len(ordered) - 1
    shares = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999, "max": 1.0}
    return {name: ordered[round(share * last)] / 1000 for name, share in shares.items()}
