"""How much is measured, and in which processes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import get_context

from .modes import MODES
from .results import Results
from .rounds import Task, measure
from .server import running_server

# Instrumenting replaces methods of a class. Once that has happened about a thousand times, CPython
# (3.13) no longer caches what it looks up in the class, and nats-py gets slower.
_ROUNDS_PER_PROCESS = 7
# Up to this size the time is that of the message, and above it that of its bytes: fewer will do.
_SMALL_SIZE = 16 * 1024
_MIN_MESSAGES = 4


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    sizes: list[int]
    rounds: int
    messages: int
    burst: int
    """How many messages are published before their delivery is waited for."""

    def tasks(self, address: str) -> Iterator[Task]:
        """The work, one process for each task."""
        for size in self.sizes:
            is_small = size <= _SMALL_SIZE
            messages = self.messages
            if not is_small:
                messages = min(messages, max(_MIN_MESSAGES, messages * _SMALL_SIZE // size))
            all_rounds = self.rounds if is_small else (self.rounds + 1) // 2
            for start in range(0, all_rounds, _ROUNDS_PER_PROCESS):
                rounds = min(_ROUNDS_PER_PROCESS, all_rounds - start)
                for mode in MODES:
                    yield Task(address, size, mode, rounds, messages, min(self.burst, messages))

    def run(self) -> Results:
        """Measure, one process after the other."""
        with (
            running_server() as address,
            get_context("spawn").Pool(1, maxtasksperchild=1) as pool,
        ):
            parts = pool.map(measure, self.tasks(address), chunksize=1)
        return Results(sample for part in parts for sample in part)
