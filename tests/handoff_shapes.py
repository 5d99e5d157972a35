"""A service under test as the hand-off matrix sees it, and what the services have in common."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from nats.aio.client import Client
from nats.aio.msg import Msg
from opentelemetry.trace import Tracer

FIELD = "_otel_trace_headers"
WAIT = 0.005
"""Seconds after which a worker with nothing to do does something else."""

Document = dict[str, Any]
Worker = Coroutine[Any, Any, None]


def payload_of(number: int) -> bytes:
    """What the producer of message ``number`` sends."""
    return json.dumps({"number": number, "price": 50000.5}).encode()


@dataclass
class Desk:
    """What a service works with, and what of its work is looked at afterwards."""

    name: str
    """The first token of all its subjects."""

    client: Client
    tracer: Tracer
    as_sent: set[int] = field(default_factory=set[int])
    """The messages whose payload was, to the byte, what the producer has sent."""

    read: set[int] = field(default_factory=set[int])
    """All that were read."""

    def decode(self, message: Msg) -> Document:
        """The payload as the application sees it."""
        document: Document = json.loads(message.data)
        number: int = document["number"]
        self.read.add(number)
        if message.data == payload_of(number):
            self.as_sent.add(number)
        return document

    async def publish_result(self, document: Document, more: str = "") -> None:
        """Work on one message ends in this."""
        await self.client.publish(f"{self.name}.out.{document['number']}{more}", b'{"done":true}')

    async def publish_own(self) -> None:
        """Something that has nothing to do with any message."""
        await self.client.publish(f"{self.name}.own", b'{"alive":true}')


class Service:
    """What a shape does: its callback, and the tasks that it has besides.

    The tasks run from before the first message on.
    """

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def callback(self, message: Msg) -> None:
        """The callback of the subscription."""
        raise NotImplementedError

    def workers(self) -> Sequence[Worker]:
        """The long-lived tasks."""
        return ()


@dataclass(frozen=True)
class Shape:
    """A kind of service, and what it publishes."""

    title: str
    make: Callable[[Desk], Service]
    results: int = 1
    """How many of them it publishes for a message."""

    owns: int = 0
    """How many publishes of its own follow each message."""

    batch: int = 1
    """Of how many messages a result is made."""

    is_paced: bool = False
    """Whether the next message comes only after the publish of its own."""

    has_threading: bool = False
    """Whether opentelemetry-instrumentation-threading is active."""


Handle = Callable[[Desk, Document], Worker]
Pack = Callable[[Desk, Msg], Any]


def the_message(desk: Desk, message: Msg) -> Any:
    """What is put on the queue: the message."""
    return message


class Envelope(NamedTuple):
    """A tuple."""

    subject: str
    message: Msg


def a_tuple(desk: Desk, message: Msg) -> Any:
    """The message among other things."""
    return Envelope(message.subject, message)


def the_document(desk: Desk, message: Msg) -> Any:
    """What the callback has decoded."""
    return desk.decode(message)


def unpack(desk: Desk, item: Any) -> Document:
    """The document of what was put on the queue."""
    content = item.message if isinstance(item, Envelope) else item
    return desk.decode(content) if isinstance(content, Msg) else content


class QueueService(Service):
    """The callback fills a queue, workers empty it.

    Args:
        desk: of the service.
        pack: what of a message is put on the queue.
        handle: what a worker does.
        waits: seconds for ``asyncio.wait_for``; None for a plain ``await queue.get()``.
        calls_done: whether ``task_done`` is called.
        count: of the workers.
    """

    def __init__(
        self,
        desk: Desk,
        pack: Pack,
        handle: Handle,
        waits: float | None = 1.0,
        calls_done: bool = True,
        count: int = 3,
    ) -> None:
        super().__init__(desk)
        self._pack = pack
        self._handle = handle
        self._waits = waits
        self._calls_done = calls_done
        self._count = count
        self.queue: asyncio.Queue[Any] = asyncio.Queue()

    async def callback(self, message: Msg) -> None:
        """Leave the message to the workers."""
        await self.queue.put(self._pack(self.desk, message))

    def workers(self) -> Sequence[Worker]:
        """As many as there are to be."""
        return [self._work() for _ in range(self._count)]

    async def _work(self) -> None:
        while True:
            try:
                item = await self.take()
            except asyncio.TimeoutError:
                await self.idle()
                continue
            await self.handle(item)
            if self._calls_done:
                self.queue.task_done()
            await self.after()

    async def take(self) -> Any:
        """The next item."""
        if self._waits is None:
            return await self.queue.get()
        return await asyncio.wait_for(self.queue.get(), timeout=self._waits)

    async def handle(self, item: Any) -> None:
        """Work on the item."""
        await self._handle(self.desk, unpack(self.desk, item))

    async def idle(self) -> None:
        """There was nothing to do."""

    async def after(self) -> None:
        """The item is done."""
