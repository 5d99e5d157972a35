"""What the client knows of its own work."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

_MAX_PROBLEMS: Final = 10


@dataclass
class Heard:
    """What the client knows of its own work."""

    seconds: float = 0.0
    missed: int = 0
    """Messages that came faster than they could be looked at."""

    unreadable: int = 0
    """Messages whose subject or headers nats-py cannot decode."""

    internal: int = 0
    """Messages of NATS itself, replies, and JetStream's deliveries of what was published."""

    disconnections: int = 0
    """How often the connection was lost; what was published meanwhile was not heard."""

    problems: list[str] = field(default_factory=list[str])
    """What the server complained of."""

    def add_problem(self, text: str) -> None:
        """Remember ``text``, if it is new and not one too many."""
        if text not in self.problems and len(self.problems) < _MAX_PROBLEMS:
            self.problems.append(text)
