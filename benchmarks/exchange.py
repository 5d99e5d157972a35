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

_TIMEOUT = 30.0
# Python specialises its code for a class anew each time that a method of it was replaced.
_WARM_UP = 20


class Exchange:
    """A variant and its subscription to a subject of its own."""

    def __init__(self, client: Client, variant: Variant, subject: str) -> None:
        self.variant = variant
        self._client = client
        self._subject = subject
        self._expected = 0
        self._complete = asyncio.Event()

    async def subscribe(self) -> None:
        """Subscribe as the variant does: the plugin wraps the callback here."""
        with self.variant.instrumented():
            await self._client.subscribe(self._subject, cb=self._receive)

    async def _receive(self, message: Msg) -> None:
        await self.variant.application.process(message)
        self._expected -= 1
        if not self._expected:
            self._complete.set()

    async def measure(self, messages: int, burst: int) -> float:
        """CPU microseconds per message. Instrumenting and the first messages do not count."""
        spans = self.variant.recorded_spans
        counted = self.variant.recorded_messages
        with self.variant.instrumented():
            await asyncio.wait_for(self._timed(_WARM_UP, burst), _TIMEOUT)
            gc.collect()
            used = await asyncio.wait_for(self._timed(messages, burst), _TIMEOUT)
        spans = self.variant.recorded_spans - spans
        if spans != self.variant.spans_per_message * (_WARM_UP + messages):
            raise RuntimeError(f"{self.variant.name} made {spans} spans")
        counted = self.variant.recorded_messages - counted
        if counted != self.variant.counts_per_message * (_WARM_UP + messages):
            raise RuntimeError(f"{self.variant.name} counted {counted} messages")
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
