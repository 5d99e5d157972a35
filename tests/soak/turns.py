"""What is done again and again: subscribe and unsubscribe, reconnect, instrument and uninstrument.

Each turn has a message that is published and processed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg

from opentelemetry_instrumentation_nats_payload import NATSInstrumentor

from .active import instrument
from .counts import Holding, holding
from .proxy import running_proxy

Turn = Callable[[int], Awaitable[None]]
_PAYLOAD = b'{"symbol":"BTCUSDT","price":50000}'


async def turn_and_count(
    client: Client, turn: Turn, turns: int, flush: Callable[[], None]
) -> tuple[Holding, Holding]:
    """What is held after the first ``turns``, and after as many again.

    The first ones fill what is bounded: caches, pools, series of metrics.
    """
    for number in range(turns):
        await turn(number)
    flush()
    holding(client)  # what counting itself leaves behind
    before = holding(client)
    for number in range(turns, 2 * turns):
        await turn(number)
    flush()
    return before, holding(client)


class Box:
    """A callback, and a way to wait for it."""

    def __init__(self) -> None:
        self._arrived = asyncio.Event()

    async def receive(self, _: Msg) -> None:
        """The callback."""
        self._arrived.set()

    async def exchange(self, client: Client, subject: str) -> None:
        """Publish a message, wait for its callback."""
        self._arrived.clear()
        await client.publish(subject, _PAYLOAD)
        await self._arrived.wait()


def subscribing(client: Client, subjects: int = 1_000_000) -> Turn:
    """Subscribe to another subject each time, of which there are as many as that."""
    box = Box()

    async def turn(number: int) -> None:
        subject = f"soak.turns.{number % subjects}"
        subscription = await client.subscribe(subject, cb=box.receive)
        await box.exchange(client, subject)
        await subscription.unsubscribe()

    return turn


def asking(client: Client, subjects: int = 1_000_000) -> Turn:
    """Make a subscription for one message, and ask it for that."""

    async def turn(number: int) -> None:
        subject = f"soak.asked.{number % subjects}"
        subscription = await client.subscribe(subject)
        await client.publish(subject, _PAYLOAD)
        await subscription.next_msg(timeout=10)
        await subscription.unsubscribe()

    return turn


@asynccontextmanager
async def reconnecting(url: str) -> AsyncGenerator[tuple[Client, Turn], None]:
    """A client with a subscription, whose connection is cut each time."""
    back, box = asyncio.Event(), Box()

    async def on_reconnect() -> None:
        back.set()

    async def on_error(_: Exception) -> None:
        """The cut."""

    async with running_proxy(url) as proxy:
        client = await nats.connect(
            proxy.url,
            reconnected_cb=on_reconnect,
            error_cb=on_error,
            reconnect_time_wait=0,
            max_reconnect_attempts=-1,
        )
        await client.subscribe("soak.reconnects", cb=box.receive)

        async def turn(_: int) -> None:
            back.clear()
            proxy.cut()
            await back.wait()
            await box.exchange(client, "soak.reconnects")

        try:
            yield client, turn
        finally:
            await client.close()


def instrumenting(client: Client, options: dict[str, Any]) -> Turn:
    """Instrument, exchange a message, uninstrument; what was subscribed stays."""
    box = Box()

    async def turn(number: int) -> None:
        instrument(**options)
        try:
            subscription = await client.subscribe("soak.instruments", cb=box.receive)
            await box.exchange(client, "soak.instruments")
            await subscription.unsubscribe()
        finally:
            NATSInstrumentor().uninstrument()

    return turn
