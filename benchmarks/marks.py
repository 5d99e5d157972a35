"""Calls of an operation between two marks, of which callgrind counts the instructions."""

from __future__ import annotations

import gc
import os
from collections.abc import Awaitable, Callable

CALLS = 300
# A task keeps the last thousand traces that it has begun: what a publish costs does not change any
# more after that. Python has long specialised its code by then.
WARM_UP = 1100

Operation = Callable[[], Awaitable[None]]


async def count(operation: Operation) -> None:
    """``CALLS`` of ``operation`` between two marks, after those that do not count."""
    await _repeat(operation, WARM_UP)
    gc.collect()
    gc.disable()
    _mark()
    await _repeat(operation, CALLS)
    _mark()
    gc.enable()


async def _repeat(operation: Operation, calls: int) -> None:
    for _ in range(calls):
        await operation()


def _mark() -> None:
    """Callgrind writes down what it has counted, and begins anew: :mod:`benchmarks.callgrind`."""
    os.getpriority(os.PRIO_PROCESS, 0)


def finish() -> None:
    """End the process: the way out of Python is slow under callgrind, and nothing to count."""
    os._exit(0)
