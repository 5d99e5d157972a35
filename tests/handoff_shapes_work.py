"""What workers do with a document, and the ways that documents get to them."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Sequence

from nats.aio.msg import Msg
from opentelemetry import propagate

from handoff_shapes import (
    FIELD,
    Desk,
    Document,
    Handle,
    QueueService,
    Service,
    Worker,
    the_message,
)
from opentelemetry_instrumentation_nats_payload import NATSTracePropagator


async def untraced(desk: Desk, document: Document) -> None:
    """No tracing code: a new document is published."""
    await asyncio.sleep(0)
    await desk.publish_result(document)


async def by_hand(desk: Desk, document: Document) -> None:
    """A span of its own, in what is extracted, be it nothing."""
    context = propagate.extract(document.get(FIELD, {}))
    with desk.tracer.start_as_current_span("work", context):
        await untraced(desk, document)


async def by_helper(desk: Desk, document: Document) -> None:
    """A span of its own, in the current context where nothing is found."""
    with NATSTracePropagator.create_span_from_message(desk.tracer, document, "work"):
        await untraced(desk, document)


async def passed_on(desk: Desk, document: Document) -> None:
    """The document itself is published, with an addition."""
    await asyncio.sleep(0)
    data = json.dumps({"seen": True, **document}).encode()
    await desk.client.publish(f"{desk.name}.out.{document['number']}", data)


class Direct(Service):
    """All is done in the callback."""

    async def callback(self, message: Msg) -> None:
        """Work on the message."""
        await untraced(self.desk, self.desk.decode(message))


class Tasks(Service):
    """The callback makes a task for each message."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._tasks: set[asyncio.Task[None]] = set()

    async def callback(self, message: Msg) -> None:
        """Start the work."""
        task = asyncio.create_task(untraced(self.desk, self.desk.decode(message)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class SharedDeque(Service):
    """The callback appends to a deque, and wakes the worker."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._messages: deque[Msg] = deque()
        self._has_some = asyncio.Event()

    async def callback(self, message: Msg) -> None:
        """Leave the message to the worker."""
        self._messages.append(message)
        self._has_some.set()

    def workers(self) -> Sequence[Worker]:
        """The only one."""
        return [self._work()]

    async def _work(self) -> None:
        while True:
            await self._has_some.wait()
            self._has_some.clear()
            while self._messages:
                await untraced(self.desk, self.desk.decode(self._messages.popleft()))


class FanOut(Service):
    """Three workers get every message, each on a queue of its own."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._branches = [
            QueueService(desk, the_message, handle, count=1) for handle in map(_branch, "abc")
        ]

    async def callback(self, message: Msg) -> None:
        """Leave the message to all of them."""
        for branch in self._branches:
            await branch.callback(message)

    def workers(self) -> Sequence[Worker]:
        """One for each queue."""
        return [worker for branch in self._branches for worker in branch.workers()]


def _branch(letter: str) -> Handle:
    async def handle(desk: Desk, document: Document) -> None:
        await asyncio.sleep(0)
        await desk.publish_result(document, f".{letter}")

    return handle
