"""Services that hand a message over to a worker, as the tests of ``follow_handoff`` use them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from nats.aio.client import Client
from nats.aio.msg import Msg
from opentelemetry import trace

from conftest import settle
from spans import Recorded

Handle = Callable[[Msg], Awaitable[Any]]
MESSAGE_MODES = ["message", "all"]
QUEUE_MODES = ["queue", "all"]


def here() -> tuple[int, int]:
    """The ids of the current trace and span; zeros for none."""
    context = trace.get_current_span().get_span_context()
    return context.trace_id, context.span_id


class Service:
    """A subscription. The n-th message has trace n, publish span 2n - 1 and process span 2n, as
    long as nothing else makes spans.
    """

    def __init__(self, nc: Client, subject: str, handle: Handle) -> None:
        self.nc = nc
        self.subject = subject
        self._handle = handle
        self._handled = asyncio.Event()

    async def send(self, payload: bytes = b"{}", **more: Any) -> None:
        """Publish, and wait until the callback is done."""
        self._handled.clear()
        await self.nc.publish(self.subject, payload, **more)
        await self.handled()

    async def handled(self) -> None:
        """Wait until the callback is done."""
        await self._handled.wait()

    async def callback(self, message: Msg) -> None:
        """The callback."""
        try:
            await self._handle(message)
        finally:
            self._handled.set()


async def serve(nc: Client, subject: str, handle: Handle, **more: Any) -> Service:
    """A service whose subscription is ready."""
    service = Service(nc, subject, handle)
    await nc.subscribe(subject, cb=service.callback, **more)
    await settle(nc)
    return service


async def putting(nc: Client, subject: str, queue: asyncio.Queue[Any], *items: Any) -> Service:
    """A service whose callback puts the next one of ``items``, or else the message."""
    left = list(items)

    async def put(message: Msg) -> None:
        await queue.put(left.pop(0) if left else message)

    return await serve(nc, subject, put)


async def in_task(function: Callable[[], Awaitable[Any]]) -> Any:
    """What ``function`` returns, in a task of its own."""

    async def run() -> Any:
        return await function()

    return await asyncio.create_task(run())


def own_span(name: str, trace_id: int, span: int, parent: int | None = None) -> Recorded:
    """A span that the application has made, as it should be."""
    return Recorded(name, "INTERNAL", {}, trace_id, span, parent)


async def read(queue: asyncio.Queue[Any]) -> tuple[int, int]:
    """What is current after the data of the next message was read."""
    assert isinstance((await queue.get()).data, bytes)
    return here()
