"""CPU time of a function that is called again and again."""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Callable, Hashable, Mapping
from timeit import Timer
from typing import TypeVar

_SECONDS_PER_TURN = 0.004

Name = TypeVar("Name", bound=Hashable)


def interleaved(
    operations: Mapping[Name, Callable[[], object]], rounds: int
) -> dict[Name, list[float]]:
    """CPU microseconds of a call of each, one for each round, in another order each time."""
    timers = {name: Timer(call, timer=time.process_time) for name, call in operations.items()}
    numbers = {name: _number(timer) for name, timer in timers.items()}
    times: dict[Name, list[float]] = {name: [] for name in operations}
    names = list(operations)
    gc.collect()
    for _ in range(rounds):
        for name in random.sample(names, len(names)):
            used = timers[name].timeit(numbers[name])
            times[name].append(used / numbers[name] * 1e6)
    return times


def _number(timer: Timer) -> int:
    """How many calls make a turn."""
    timer.timeit(1)
    return max(1, int(_SECONDS_PER_TURN / max(timer.timeit(2) / 2, 1e-7)))
