"""How much is measured, and in which processes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import get_context

from .modes import MODES
from .results import Result, summarise
from .rounds import Task, measure
from .server import running_server

# Instrumenting replaces methods of a class. Once that has happened about a thousand times, CPython
# (3.13) no longer caches what it looks up in the class, and nats-py gets slower.
_ROUNDS_PER_PROCESS = 16


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
        for start in range(0, self.rounds, _ROUNDS_PER_PROCESS):
            rounds = min(_ROUNDS_PER_PROCESS, self.rounds - start)
            for size in self.sizes:
                for mode in MODES:
                    yield Task(address, size, mode, rounds, self.messages, self.burst)

    def run(self) -> list[Result]:
        """Measure, one process after the other."""
        with (
            running_server() as address,
            get_context("spawn").Pool(1, maxtasksperchild=1) as pool,
        ):
            parts = pool.map(measure, self.tasks(address), chunksize=1)
        return list(summarise(sample for part in parts for sample in part))
