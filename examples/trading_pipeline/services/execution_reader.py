"""Reads the execution events from their stream, one after the other."""

# pyright: reportUnknownMemberType=false
# nats-py's own annotations leave types open.

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from nats.aio.msg import Msg
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from .execution_stream import STREAM, SUBJECTS

logger = logging.getLogger(__name__)

# Seconds; stopping waits for the poll that is under way.
POLL_TIMEOUT = 0.5
STREAM_RETRY = 0.1


class ExecutionReader:
    """Acknowledges an event once it is stored; JetStream delivers the others again."""

    def __init__(self, js: JetStreamContext, durable: str, store: Callable[[Msg], None]) -> None:
        self._js = js
        self._durable = durable
        self._store = store

    async def read(self, stopping: asyncio.Event) -> None:
        """Read until asked to stop; the next start goes on where this one ends."""
        subscription = await self._subscribe(stopping)
        if subscription is None:
            return
        while not stopping.is_set():
            await self._read_one(subscription)
        # Draining the connection would wait for somebody to take what comes for the last poll.
        await subscription.unsubscribe()

    async def _subscribe(self, stopping: asyncio.Event) -> JetStreamContext.PullSubscription | None:
        """A durable consumer, as soon as the trade engine has created the stream."""
        while not stopping.is_set():
            try:
                return await self._js.pull_subscribe(SUBJECTS, durable=self._durable, stream=STREAM)
            except NotFoundError:
                await asyncio.sleep(STREAM_RETRY)
        return None

    async def _read_one(self, subscription: JetStreamContext.PullSubscription) -> None:
        try:
            (message,) = await subscription.fetch(1, timeout=POLL_TIMEOUT)
        except NatsTimeoutError:
            return  # nobody has traded
        try:
            self._store(message)
        except Exception:
            logger.exception("could not store a message on %s, it comes again", message.subject)
        else:
            await message.ack()
