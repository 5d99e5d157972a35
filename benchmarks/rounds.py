"""Rounds in which every variant has its turn."""

from __future__ import annotations

import gc
import random
from dataclasses import dataclass

from nats.aio.client import Client

from .documents import make_document
from .exchange import Exchange
from .modes import Mode, make_modes
from .results import Result, summarise
from .server import connected_client
from .variants import make_variants


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    sizes: list[int]
    rounds: int
    messages: int
    burst: int
    """How many messages are published before their delivery is waited for."""


async def run(plan: Plan) -> list[Result]:
    """Measure every variant once a round, in another order each time.

    Machines change their speed. A round is short, so that its variants mostly share one, and
    what is compared are times of the same round.
    """
    modes = make_modes()
    async with connected_client() as client:
        groups = {size: await _subscribed(client, modes, size) for size in plan.sizes}
        gc.collect()
        gc.freeze()
        for _ in range(plan.rounds):
            for exchanges in groups.values():
                await _play_round(exchanges, plan)
    return [result for size, group in groups.items() for result in summarise(size, group)]


async def _subscribed(client: Client, modes: list[Mode], size: int) -> list[Exchange]:
    variants = make_variants(make_document(size), modes)
    exchanges = [
        Exchange(client, variant, f"benchmarks.{size}.{number}")
        for number, variant in enumerate(variants)
    ]
    for exchange in exchanges:
        await exchange.subscribe()
    return exchanges


async def _play_round(exchanges: list[Exchange], plan: Plan) -> None:
    for exchange in random.sample(exchanges, len(exchanges)):
        await exchange.measure(plan.messages, plan.burst)
