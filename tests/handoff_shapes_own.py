"""Workers that do more than work on one message after the other: what they do besides is not about
the message before, and a batch not about one alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from nats.aio.msg import Msg

from handoff_shapes import WAIT, Desk, Pack, QueueService, Worker, the_message, unpack
from handoff_shapes_work import untraced
from opentelemetry_instrumentation_nats_payload import process_batch

BATCH = 5


class Heartbeat(QueueService):
    """A worker that says that it is alive, once each time that it has nothing to do."""

    def __init__(self, desk: Desk, pack: Pack) -> None:
        super().__init__(desk, pack, untraced, waits=WAIT, count=1)
        self._has_worked = False

    async def idle(self) -> None:
        """In the branch of the timeout."""
        if self._has_worked:
            self._has_worked = False
            await self.desk.publish_own()

    async def after(self) -> None:
        """To be idle again is news."""
        self._has_worked = True


class Originator(QueueService):
    """A worker that also publishes something of its own, a moment later."""

    def __init__(self, desk: Desk, pack: Pack, calls_done: bool) -> None:
        super().__init__(desk, pack, untraced, calls_done=calls_done, count=1)

    async def after(self) -> None:
        """By a timer."""
        await asyncio.sleep(WAIT / 5)
        await self.desk.publish_own()


class MixedQueue(QueueService):
    """A timer puts its ticks on the queue of the messages, one after each."""

    def __init__(self, desk: Desk, pack: Pack) -> None:
        super().__init__(desk, pack, untraced, count=1)
        self._worked = asyncio.Semaphore(0)

    def workers(self) -> Sequence[Worker]:
        """The worker, and the timer."""
        return [*super().workers(), self._tick()]

    async def _tick(self) -> None:
        while True:
            await self._worked.acquire()
            await self.queue.put("tick")

    async def handle(self, item: Any) -> None:
        """A message, or a tick."""
        if item == "tick":
            await self.desk.publish_own()
            return
        await super().handle(item)
        self._worked.release()


class Batch(QueueService):
    """A worker that collects messages, decodes each as it comes, and publishes one summary."""

    def __init__(self, desk: Desk, is_traced: bool) -> None:
        super().__init__(desk, the_message, untraced, count=1)
        self._is_traced = is_traced
        self._messages: list[Msg] = []
        self._numbers: list[str] = []

    async def handle(self, item: Any) -> None:
        """Decode it; with the last one, publish."""
        self._messages.append(item)
        self._numbers.append(str(unpack(self.desk, item)["number"]))
        if len(self._messages) == BATCH:
            await self._flush()
            self._messages, self._numbers = [], []

    async def _flush(self) -> None:
        if not self._is_traced:
            await self._publish_summary()
            return
        with process_batch(self._messages):
            await self._publish_summary()

    async def _publish_summary(self) -> None:
        subject = f"{self.desk.name}.out.{'-'.join(self._numbers)}"
        await self.desk.client.publish(subject, b'{"stored":5}')
