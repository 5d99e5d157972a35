"""Rounds in which every variant has its turn, at one payload size and in one process."""

# pyright: reportUnknownMemberType=false
# nats-py's own annotations leave types open.

from __future__ import annotations

import asyncio
import gc
import random
from dataclasses import dataclass

import nats
from nats.aio.client import Client

from .documents import make_document
from .exchange import Exchange
from .modes import make_mode
from .results import Sample
from .variants import make_variants


@dataclass(frozen=True)
class Task:
    """What one process measures."""

    address: str
    """Of the nats-server."""

    size: int
    mode: str
    """Of the SDK: a service has one."""

    rounds: int
    messages: int
    burst: int


def measure(task: Task) -> list[Sample]:
    """Measure every variant once a round, in another order each time.

    Machines change their speed. A round is short, so that its variants mostly share one, and
    what is compared are times of the same round.
    """
    return asyncio.run(_measure(task))


async def _measure(task: Task) -> list[Sample]:
    # Connecting ends with the PONG to the client's PING.
    client = await nats.connect(task.address, allow_reconnect=False)
    try:
        exchanges = await _subscribed(client, task)
        gc.collect()
        gc.freeze()
        await _play_round(exchanges, task)  # does not count: nothing has run yet
        times = [await _play_round(exchanges, task) for _ in range(task.rounds)]
    finally:
        await client.close()
    return [
        _sample(task, exchange, list(of_variant))
        for exchange, of_variant in zip(exchanges, zip(*times, strict=True), strict=True)
    ]


def _sample(task: Task, exchange: Exchange, times: list[float]) -> Sample:
    variant = exchange.variant
    return Sample(
        task.size, task.mode, variant.name, variant.has_json, exchange.wire_size, tuple(times)
    )


async def _subscribed(client: Client, task: Task) -> list[Exchange]:
    variants = make_variants(make_document(task.size), make_mode(task.mode))
    exchanges = [
        Exchange(client, variant, f"benchmarks.{number:02}")
        for number, variant in enumerate(variants)
    ]
    for exchange in exchanges:
        await exchange.subscribe(task.address)
    return exchanges


async def _play_round(exchanges: list[Exchange], task: Task) -> list[float]:
    """A time for each of ``exchanges``."""
    times = [0.0] * len(exchanges)
    for index in random.sample(range(len(exchanges)), len(exchanges)):
        times[index] = await exchanges[index].measure(task.messages, task.burst)
    return times
