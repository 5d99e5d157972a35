"""Calls that wait for something, to be cancelled or interrupted in the middle."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from nats.aio.client import Client
from nats.aio.msg import Msg

from conftest import settle
from every_operation import HAS_PUBLISH_ASYNC
from opentelemetry_instrumentation_nats_payload import (
    process_batch,
    process_span,
    use_message_context,
)

# Every publish waits until it is written. Where that is cancelled, an older nats-py never writes
# again.
_WAITS_TO_WRITE: dict[str, Any] = {"pending_size": 1} if HAS_PUBLISH_ASYNC else {}
STEPS = 6
"""Turns of the loop after which every one of these calls waits for the server, or for nothing."""


class _Client(Client):
    """An application's own, whose writing can be held up: nats-py's swallows a cancellation."""

    async def _send_publish(self, *args: Any, **kwargs: Any) -> None:
        if "cancel.held-up" in (*args, *kwargs.values()):
            await asyncio.Event().wait()
        await super()._send_publish(*args, **kwargs)


class Surroundings(NamedTuple):
    """What the calls need."""

    nc: Client
    js: Any
    pull: Any
    subscription: Any
    message: Msg
    stored: Msg

    async def publish(self) -> None:
        """Waits until all is written: the pending buffer of this connection holds one byte."""
        await self.nc.publish("cancel.any", b"{}")

    async def held_up(self) -> None:
        await self.nc.publish("cancel.held-up", b"{}")

    async def held_up_reply(self) -> None:
        message = Msg(self.nc, reply="cancel.held-up")
        await message.respond(b"{}")

    async def held_up_request(self) -> None:
        await self.nc.request("cancel.held-up", b"{}", timeout=9)

    async def held_up_js_publish(self) -> None:
        await self.js.publish("cancel.held-up", b"{}", timeout=9)

    async def request(self) -> None:
        await self.nc.request("cancel.silent", b"{}", timeout=9)

    async def js_publish(self) -> None:
        await self.js.publish("cancel.silent", b"{}", timeout=9)

    async def publish_async(self) -> None:
        await (await self.js.publish_async("cancel.silent", b"{}"))

    async def next_msg(self) -> None:
        await self.subscription.next_msg(timeout=9)

    async def messages(self) -> None:
        async for _ in self.subscription.messages:
            raise AssertionError

    async def fetch_one(self) -> None:
        await self.pull.fetch(1, timeout=9)

    async def fetch(self) -> None:
        await self.pull.fetch(3, timeout=9)

    async def respond(self) -> None:
        await self.message.respond(b"{}")

    async def settle(self) -> None:
        await self.stored.in_progress()

    async def span_of_one(self) -> None:
        with process_span(self.message):
            await asyncio.Event().wait()

    async def span_of_several(self) -> None:
        with process_batch([self.message]):
            await asyncio.Event().wait()

    async def use(self) -> None:
        with use_message_context(self.message):
            await self.nc.publish("cancel.any", b"{}")
            await asyncio.Event().wait()


CALLS: list[Callable[[Surroundings], Awaitable[None]]] = [
    *(Surroundings.publish, Surroundings.request, Surroundings.js_publish),
    *(Surroundings.held_up, Surroundings.held_up_reply),
    *(Surroundings.held_up_request, Surroundings.held_up_js_publish),
    *(Surroundings.next_msg, Surroundings.messages),
    *(Surroundings.fetch_one, Surroundings.fetch),
    *(Surroundings.respond, Surroundings.settle),
    *(Surroundings.span_of_one, Surroundings.span_of_several, Surroundings.use),
]
# While nats-py writes, it swallows a cancellation, and these do nothing else. An older one makes
# a timeout of it elsewhere.
SWALLOWING = (Surroundings.publish, Surroundings.respond, Surroundings.settle)
if HAS_PUBLISH_ASYNC:
    CALLS.append(Surroundings.publish_async)


async def connected(server: str) -> Client:
    """Connect with such a client."""
    nc = _Client()
    await nc.connect(server, **_WAITS_TO_WRITE)
    return nc


async def surroundings_of(nc: Client) -> Surroundings:
    """A stream without messages, a service that never answers, and a message to reply to."""
    js: Any = nc.jetstream()
    await js.add_stream(name="CANCEL", subjects=["cancel.stored"])
    pull = await js.pull_subscribe("cancel.stored", durable="cancel", stream="CANCEL")
    held: asyncio.Queue[Msg] = asyncio.Queue()

    async def silent(message: Msg) -> None:
        """Never answers."""

    await nc.subscribe("cancel.silent", cb=silent)
    await nc.subscribe("cancel.held", cb=held.put)
    subscription = await nc.subscribe("cancel.asked")
    await settle(nc)
    await nc.publish("cancel.held", b"{}", reply="cancel.reply")
    await js.publish("cancel.stored", b"{}")
    (stored,) = await pull.fetch(1)
    return Surroundings(nc, js, pull, subscription, await held.get(), stored)
