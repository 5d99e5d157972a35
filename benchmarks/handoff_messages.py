"""CPU time of a message that is handed over to a worker, by the settings that concern it."""

# pyright: reportUnknownMemberType=false
# nats-py's own annotations leave types open.

from __future__ import annotations

import asyncio
import gc
import json
import random
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from statistics import median
from typing import Any

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg

from opentelemetry_instrumentation_nats_payload import NATSInstrumentor

from .documents import encode, make_document
from .modes import SAMPLED, Mode, make_mode

WAYS = ("in the callback", "Msg on a queue", "dict on a queue")
FIELDS = ("refresh", "keep", "strip")
FOLLOWS = ("off", "message", "queue", "all")

_SIZE = 200
_WARM_UP = 20
_TIMEOUT = 30.0

Work = Callable[[Any], None]


@dataclass(frozen=True)
class Task:
    """What one process measures."""

    address: str
    rounds: int
    messages: int


@dataclass(frozen=True)
class Variant:
    """A way to the worker, and settings; none without the plugin."""

    way: str
    field: str = ""
    follow: str = ""

    @contextmanager
    def instrumented(self, mode: Mode) -> Generator[None]:
        """Have the plugin active inside of the block, if the variant uses it."""
        if not self.field:
            yield
            return
        NATSInstrumentor().instrument(
            tracer_provider=mode.provider,
            skip_dep_check=True,
            metrics=False,
            consumed_field=self.field,
            follow_handoff=self.follow,
        )
        try:
            yield
        finally:
            NATSInstrumentor().uninstrument()


VARIANTS = [
    *(Variant(way) for way in WAYS),
    *(Variant(*settings) for settings in product(WAYS, FIELDS, FOLLOWS)),
]
Times = dict[Variant, list[float]]


def measure(task: Task) -> Times:
    """CPU microseconds per message of every variant, one for each round."""
    return asyncio.run(_measure(task))


def medians(times: Times, reference: Callable[[Variant], Variant]) -> dict[Variant, float]:
    """How many times what the reference costs, as the median over rounds."""
    return {
        variant: median(
            mine / other for mine, other in zip(own, times[reference(variant)], strict=True)
        )
        for variant, own in times.items()
    }


async def _measure(task: Task) -> Times:
    mode = make_mode(SAMPLED)
    times: Times = {variant: [] for variant in VARIANTS}
    client = await nats.connect(task.address, allow_reconnect=False)
    try:
        for number in range(task.rounds + 1):
            for variant in random.sample(VARIANTS, len(VARIANTS)):
                used = await _Exchange(client, variant).measure(mode, task.messages)
                if number:  # in the first one nothing has run yet
                    times[variant].append(used)
    finally:
        await client.close()
    return times


class _Exchange:
    """Messages of one variant, sent, handed over and decoded."""

    def __init__(self, client: Client, variant: Variant) -> None:
        self._client = client
        self._variant = variant
        self._payload = encode(make_document(_SIZE))
        self._queue: asyncio.Queue[Any] = asyncio.Queue()
        self._expected = 0
        self._complete = asyncio.Event()

    async def measure(self, mode: Mode, messages: int) -> float:
        """CPU microseconds per message; instrumenting and the first messages do not count."""
        worker = asyncio.create_task(self._work())
        with self._variant.instrumented(mode):
            subscription = await self._client.subscribe("benchmarks.handoff", cb=self._receive)
            await asyncio.wait_for(self._timed(_WARM_UP), _TIMEOUT)
            gc.collect()
            used = await asyncio.wait_for(self._timed(messages), _TIMEOUT)
            await subscription.unsubscribe()
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)
        return used / messages * 1e6

    async def _timed(self, messages: int) -> float:
        self._expected = messages
        self._complete.clear()
        start = time.process_time()
        for _ in range(messages):
            await self._client.publish("benchmarks.handoff", self._payload)
        await self._complete.wait()
        return time.process_time() - start

    async def _receive(self, message: Msg) -> None:
        if self._variant.way == WAYS[0]:
            self._decode(message.data)
            self._finish()
        elif self._variant.way == WAYS[1]:
            await self._queue.put(message)
        else:
            await self._queue.put(self._decode(message.data))

    async def _work(self) -> None:
        while True:
            item = await self._queue.get()
            if isinstance(item, Msg):
                self._decode(item.data)
            self._finish()
            self._queue.task_done()

    def _decode(self, data: bytes) -> dict[str, Any]:
        return json.loads(data)

    def _finish(self) -> None:
        self._expected -= 1
        if not self._expected:
            self._complete.set()
