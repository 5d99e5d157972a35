"""What a process holds, looked at again and again while it works."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import threading
import time
import tracemalloc
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from .counts import resident_bytes
from .variants import Telemetry


@dataclass(frozen=True)
class Sample:
    """What there is at one moment."""

    seconds: float
    """Since the start."""

    resident: int
    traced: int
    """Bytes that tracemalloc knows of."""

    objects: int
    tasks: int
    threads: int
    variables: int
    subscriptions: int


@asynccontextmanager
async def sampled(
    every: float, client: Any, telemetry: Telemetry
) -> AsyncGenerator[list[Sample], None]:
    """Fills a list, until the end of the block; ``every`` 0 for never."""
    samples: list[Sample] = []
    if not every:
        yield samples
        return
    task = asyncio.create_task(_sample(samples, every, client, telemetry))
    try:
        yield samples
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _sample(samples: list[Sample], every: float, client: Any, telemetry: Telemetry) -> None:
    start = time.monotonic()
    while True:
        await asyncio.sleep(every)
        telemetry.flush()  # spans that wait for their batch are no growth
        gc.collect()
        samples.append(
            Sample(
                seconds=time.monotonic() - start,
                resident=resident_bytes(),
                traced=tracemalloc.get_traced_memory()[0],
                objects=len(gc.get_objects()),
                tasks=len(asyncio.all_tasks()),
                threads=threading.active_count(),
                variables=len(contextvars.copy_context()),
                subscriptions=len(client._subs),
            )
        )


def slope(samples: list[Sample], name: str) -> float:
    """By how much a value grows in a second: the line of least squares."""
    xs = [sample.seconds for sample in samples]
    ys = [float(getattr(sample, name)) for sample in samples]
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    spread = sum((x - mean_x) ** 2 for x in xs)
    return sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True)) / spread
