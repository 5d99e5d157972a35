"""What a look at ``msg.data`` costs, and an item that goes through an ``asyncio.Queue``."""

# pyright: reportUnknownMemberType=false
# nats-py's own annotations leave types open.

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg

from opentelemetry_instrumentation_nats_payload import NATSInstrumentor

from .modes import SAMPLED, Mode, make_mode

PLAIN = "plain attribute"
UNARMED = "a message that was not armed"
IN_CALLBACK = "in the callback"
AGAIN = "in the worker, again"
FIRST = "in the worker, the first time"
READS = (PLAIN, UNARMED, IN_CALLBACK, AGAIN, FIRST)

PUT_AND_GET = (
    "put, get: a task without messages",
    "put_nowait, get_nowait: a task without messages",
    "put, get: a task that has worked on messages",
    "put, get: a queue that has carried messages",
)

_COUNT = 2000
Times = dict[str, float]


@dataclass(frozen=True)
class Micro:
    """The least of all rounds, in microseconds."""

    reads: Mapping[str, float]
    plain: Mapping[str, float]
    """Of :data:`PUT_AND_GET`, without the plugin."""

    followed: Mapping[str, float]
    """The same with ``queue``."""


def measure(address: str, rounds: int) -> Micro:
    """Take turns, in one process."""
    return asyncio.run(_measure(address, rounds))


async def _measure(address: str, rounds: int) -> Micro:
    mode = make_mode(SAMPLED)
    reads, plain, followed = (defaultdict[str, float](lambda: 1e9) for _ in range(3))
    client = await nats.connect(address, allow_reconnect=False)
    try:
        for _ in range(rounds):
            _keep_least(reads, {PLAIN: _read(Msg(client, data=b"{}"))})
            _keep_least(plain, await _queues(client))
            async with _following(mode, "message"):
                _keep_least(reads, await _reads(client))
            async with _following(mode, "queue"):
                _keep_least(followed, await _queues(client))
    finally:
        await client.close()
    return Micro(dict(reads), dict(plain), dict(followed))


def _keep_least(kept: dict[str, float], times: Times) -> None:
    for name, value in times.items():
        kept[name] = min(kept[name], value)


@asynccontextmanager
async def _following(mode: Mode, follow: str) -> AsyncGenerator[None]:
    NATSInstrumentor().instrument(
        tracer_provider=mode.provider, skip_dep_check=True, metrics=False, follow_handoff=follow
    )
    try:
        yield
    finally:
        NATSInstrumentor().uninstrument()


def _read(message: Msg) -> float:
    start = perf_counter()
    for _ in range(_COUNT):
        message.data  # noqa: B018
    return (perf_counter() - start) / _COUNT * 1e6


def _alternate(one: Msg, other: Msg) -> float:
    """Each look is the first one since this task has worked on another message."""
    start = perf_counter()
    for _ in range(_COUNT // 2):
        one.data  # noqa: B018
        other.data  # noqa: B018
    return (perf_counter() - start) / _COUNT * 1e6


async def _reads(client: Client) -> Times:
    times: Times = {UNARMED: _read(Msg(client, data=b"{}"))}
    messages: list[Msg] = []

    async def callback(message: Msg) -> None:
        times[IN_CALLBACK] = _read(message)
        messages.append(message)

    async def work() -> None:
        times[FIRST] = _alternate(*messages)
        messages[0].data  # noqa: B018
        times[AGAIN] = _read(messages[0])

    await _deliver(client, callback)
    await asyncio.create_task(work())
    return times


async def _deliver(client: Client, callback: Callable[[Msg], Awaitable[None]]) -> None:
    """Two messages, to the end of their callbacks."""
    done = asyncio.Semaphore(0)

    async def receive(message: Msg) -> None:
        await callback(message)
        done.release()

    subscription = await client.subscribe("benchmarks.micro", cb=receive)
    for _ in range(2):
        await client.publish("benchmarks.micro", b'{"id":1}')
    for _ in range(2):
        await done.acquire()
    await subscription.unsubscribe()


async def _queues(client: Client) -> Times:
    """Nothing that is put here has anything to do with a message."""
    carrying: asyncio.Queue[Any] = asyncio.Queue()
    await _deliver(client, carrying.put)
    worker = asyncio.create_task(_worker(carrying))
    values = (
        await asyncio.create_task(_put_and_get(asyncio.Queue())),
        await asyncio.create_task(_put_and_get_nowait(asyncio.Queue())),
        await worker,
        await asyncio.create_task(_put_and_get(carrying)),
    )
    return dict(zip(PUT_AND_GET, values, strict=True))


async def _worker(carrying: asyncio.Queue[Any]) -> float:
    for _ in range(2):
        await carrying.get()
        carrying.task_done()
    return await _put_and_get(asyncio.Queue())


async def _put_and_get(queue: asyncio.Queue[Any]) -> float:
    start = perf_counter()
    for number in range(_COUNT):
        await queue.put(number)
        await queue.get()
    return (perf_counter() - start) / _COUNT * 1e6


async def _put_and_get_nowait(queue: asyncio.Queue[Any]) -> float:
    start = perf_counter()
    for number in range(_COUNT):
        queue.put_nowait(number)
        queue.get_nowait()
    return (perf_counter() - start) / _COUNT * 1e6
