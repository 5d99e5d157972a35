"""What is asked of a publisher and a consumer, and what each says at its end."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from .sampling import Sample
from .traffic import SUBJECT, Received


@dataclass(frozen=True)
class Exchange:
    """What is asked of the processes."""

    variant: str
    broker: str
    collector: str
    rate: int
    """Messages a second, of each publisher."""

    seconds: float
    publisher: int = 1
    """Its number."""

    pending_messages: int = 512 * 1024
    """nats-py's default limit of what waits for the callback."""

    callback_seconds: float = 0.0
    """How long the callback waits, as one does that asks a database."""

    keep_latencies: bool = True
    sample_seconds: float = 0.0
    """How often memory is looked at, if at all; then it is also traced."""

    subject: str = SUBJECT

    @property
    def total(self) -> int:
        """Messages of a publisher."""
        return int(self.rate * self.seconds)


@dataclass
class Side:
    """What one process says at its end."""

    count: int
    """Messages published, or processed."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    exported: int = 0
    """Spans that the collector took."""

    errors: Counter[str] = field(default_factory=Counter[str])
    """Types of exceptions raised, or given to ``error_cb``."""

    logged: Counter[str] = field(default_factory=Counter[str])
    """What was logged, at WARNING and above."""

    samples: list[Sample] = field(default_factory=list[Sample])
    behind_seconds: float = 0.0
    """By how much the latest publish was later than it was due."""

    pending_at_drop: set[int] = field(default_factory=set[int])
    """How many messages waited for the callback whenever one was dropped."""

    left_pending: tuple[int, int] = (0, 0)
    """Messages and bytes that nats-py counts as waiting, at the end."""

    received: Received | None = None
    ended_at: float = 0.0
