"""Messages of one variant, sent and taken, and the CPU time of it."""

# pyright: reportUnknownMemberType=false
# nats-py's own annotations leave types open.

from __future__ import annotations

import asyncio
import gc
import time

from nats.aio.client import Client
from nats.aio.msg import Msg

from .variants import Variant
from .wire import Wire

_TIMEOUT = 60.0
# Python specialises its code for a class anew each time that a method of it was replaced.
_WARM_UP = 20


class Exchange:
    """A variant and its subscription to a subject of its own."""

    def __init__(self, client: Client, variant: Variant, subject: str) -> None:
        self.variant = variant
        self.wire_size = 0
        """Bytes of one message as the server delivers it; known after :meth:`subscribe`."""

        self._client = client
        self._subject = subject
        self._expected = 0
        self._complete = asyncio.Event()

    async def subscribe(self, address: str) -> None:
        """Subscribe as the variant does: the plugin wraps the callback here."""
        with self.variant.instrumented():
            await self._client.subscribe(self._subject, cb=self._receive)
        wire = await Wire.open(address, self._subject)
        with self.variant.publishing():
            await self._exchange(1)
        self.wire_size = len(await wire.message())
        await wire.close()

    async def _receive(self, message: Msg) -> None:
        await self.variant.application.process(message)
        self._expected -= 1
        if not self._expected:
            self._complete.set()

    async def measure(self, messages: int, burst: int) -> float:
        """CPU microseconds per message. Instrumenting and the first messages do not count."""
        variant, warm_up = self.variant, min(_WARM_UP, messages)
        spans, counted = variant.mode.spans.count, variant.recorded_messages
        with variant.publishing():
            await asyncio.wait_for(self._timed(warm_up, burst), _TIMEOUT)
            gc.collect()
            used = await asyncio.wait_for(self._timed(messages, burst), _TIMEOUT)
        spans = variant.mode.spans.count - spans
        if spans != variant.spans_per_message * (warm_up + messages):
            raise RuntimeError(f"{variant.name} made {spans} spans")
        counted = variant.recorded_messages - counted
        if counted != variant.counts_per_message * (warm_up + messages):
            raise RuntimeError(f"{variant.name} counted {counted} messages")
        return used / messages * 1e6

    async def _timed(self, messages: int, burst: int) -> float:
        """Seconds of CPU from the first publish to the end of the last callback."""
        start = time.process_time()
        while messages > 0:
            await self._exchange(min(burst, messages))
            messages -= burst
        return time.process_time() - start

    async def _exchange(self, messages: int) -> None:
        self._expected = messages
        self._complete.clear()
        for _ in range(messages):
            await self.variant.application.publish(self._client, self._subject)
        await self._complete.wait()
