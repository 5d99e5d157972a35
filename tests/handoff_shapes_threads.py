"""Services whose work is done in threads, which publish through the loop of the connection."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from nats.aio.msg import Msg

from handoff_shapes import Desk, Document, Handle, Service, Worker

Work = Callable[[], None]


def publish_from_thread(desk: Desk, document: Document, loop: asyncio.AbstractEventLoop) -> None:
    """Publish the result of a document, and wait until that is done."""
    asyncio.run_coroutine_threadsafe(desk.publish_result(document), loop).result()


async def executor(work: Work) -> None:
    """``run_in_executor``."""
    await asyncio.get_running_loop().run_in_executor(None, work)


async def in_thread(desk: Desk, document: Document) -> None:
    """For a worker behind a queue: ``asyncio.to_thread``."""
    loop = asyncio.get_running_loop()
    await asyncio.to_thread(publish_from_thread, desk, document, loop)


class Threads(Service):
    """The callback has a thread decode and publish, and waits for it."""

    def __init__(self, desk: Desk, run: Callable[[Work], Awaitable[None]]) -> None:
        super().__init__(desk)
        self._run = run

    async def callback(self, message: Msg) -> None:
        """Have the work done."""
        loop = asyncio.get_running_loop()

        def work() -> None:
            publish_from_thread(self.desk, self.desk.decode(message), loop)

        await self._run(work)


class ThreadWorker(Service):
    """A thread empties a ``queue.Queue``, which the callback fills."""

    def __init__(self, desk: Desk, handle: Handle) -> None:
        super().__init__(desk)
        self._handle = handle
        self._queue: queue.Queue[Any] = queue.Queue()

    async def callback(self, message: Msg) -> None:
        """Leave the message to the thread."""
        self._queue.put(message)

    def workers(self) -> Sequence[Worker]:
        """A task that has the thread, as long as it is not cancelled."""
        return [self._thread()]

    async def _thread(self) -> None:
        thread = threading.Thread(target=self._work, args=(asyncio.get_running_loop(),))
        thread.start()
        try:
            await asyncio.Event().wait()
        finally:
            self._queue.put(None)

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        while (message := self._queue.get()) is not None:
            work = self._handle(self.desk, self.desk.decode(message))
            asyncio.run_coroutine_threadsafe(work, loop).result()
