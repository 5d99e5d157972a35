"""The client that listens: it subscribes, and never publishes."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable, Generator, Sequence
from typing import Any, Final

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from .client import UnreadableError
from .connecting import connected
from .connection import Options
from .errors import AuditError
from .heard import Heard
from .routing import Route, Routing

_TICK: Final = 0.25
_SHORT_TICK: Final = 0.05
_GRACE: Final = 5.0
"""Seconds in which messages are still looked at that came before the end."""

_PENDING_MESSAGES: Final = 500_000
_PENDING_BYTES: Final = 128 * 1024 * 1024
"""What may wait to be looked at, for each subscription; more than that is missed."""


class Listener:
    """Hands each message on the subjects to ``look`` once, until the time is up or it says enough.

    Args:
        subjects: valid patterns.
        excluded: patterns of subjects that are not looked at.
        look: is called with each message; True when that was the last one wanted.
    """

    def __init__(
        self, subjects: Sequence[str], excluded: Sequence[str], look: Callable[[Msg], bool]
    ) -> None:
        self.heard = Heard()
        self._subjects = list(dict.fromkeys(subjects))
        self._routing = Routing(self._subjects, excluded)
        self._look = look
        self._failure: Exception | None = None
        self._is_enough = False
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()

    async def listen(
        self, options: Options, seconds: float | None, tick: Callable[[], None]
    ) -> None:
        """Connect, and look at messages.

        Args:
            options: how to connect.
            seconds: at most; None for as long as it takes.
            tick: is called a few times a second.

        Raises:
            AuditError: the client cannot connect, or may not subscribe.
        """
        with _signals_call(self.stop):
            async with connected(options, self._on_error, self._on_disconnect, self._stop) as nc:
                subscriptions = await self._subscribe(nc)
                await self._wait(nc, seconds, tick)
                if nc.is_closed and nc.last_error is not None:
                    self.heard.add_problem(str(nc.last_error))
                if not self._is_enough:
                    await self._finish(nc, subscriptions)
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """Look at what has come, and end; where that was called before, do not look any more."""
        if self._stop.is_set():
            self._hurry.set()
        self._stop.set()

    async def _subscribe(self, client: Client) -> list[Subscription]:
        try:
            subscriptions = [
                await client.subscribe(  # pyright: ignore[reportUnknownMemberType]
                    subject,
                    cb=self._callback(index),
                    pending_msgs_limit=_PENDING_MESSAGES,
                    pending_bytes_limit=_PENDING_BYTES,
                )
                for index, subject in enumerate(self._subjects)
            ]
            # nats-py sends the PING of a flush at once, ahead of a SUB in its buffer. The second
            # one comes after it, and so does the server's refusal of a subject.
            await client.flush()
            await client.flush()
        except (nats.errors.Error, asyncio.TimeoutError, OSError) as error:
            said = self.heard.problems or [str(client.last_error or error)]
            raise AuditError(f"cannot subscribe: {said[0]}") from error
        if self.heard.problems:
            raise AuditError(f"the server refuses to let us listen: {self.heard.problems[0]}")
        return subscriptions

    async def _wait(self, client: Client, seconds: float | None, tick: Callable[[], None]) -> None:
        started = time.monotonic()
        while not self._stop.is_set() and not client.is_closed:
            left = _TICK if seconds is None else seconds - (time.monotonic() - started)
            if left <= 0:
                break
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._stop.wait(), min(left, _TICK))
            self.heard.seconds = time.monotonic() - started
            tick()

    def _callback(self, index: int) -> Callable[[Msg], Any]:
        route = self._routing.route

        async def on_message(message: Msg) -> None:
            if self._is_enough:
                return
            what = route(index, message.subject, message.reply)
            if what is Route.INTERNAL:
                self.heard.internal += 1
            elif what is Route.LOOK:
                self._try_look(message)

        return on_message

    def _try_look(self, message: Msg) -> None:
        try:
            self._is_enough = self._look(message)
        except Exception as error:  # nats-py would go on with the next message
            self._failure = error
            self._is_enough = True
        if self._is_enough:
            self._stop.set()

    async def _finish(self, client: Client, subscriptions: list[Subscription]) -> None:
        """Look at what came in time, and count what is left."""
        ends, lost = time.monotonic() + _GRACE, self.heard.disconnections
        draining = {asyncio.ensure_future(_drained(each)) for each in subscriptions}
        while draining and not self._hurry.is_set() and time.monotonic() < ends:
            _, draining = await asyncio.wait(draining, timeout=_SHORT_TICK)
            # Without a connection nothing more comes than what is here.
            is_lost = not client.is_connected or self.heard.disconnections > lost
            if is_lost and not _waiting(subscriptions):
                break
        self._is_enough = True
        self.heard.missed += _waiting(subscriptions)
        for task in draining:
            task.cancel()
        if draining:
            await asyncio.wait(draining)

    async def _on_error(self, error: Exception) -> None:
        if isinstance(error, nats.errors.SlowConsumerError):
            self.heard.missed += 1
        elif isinstance(error, UnreadableError):
            self.heard.unreadable += 1
        elif not isinstance(error, OSError | asyncio.TimeoutError | nats.errors.UnexpectedEOF):
            self.heard.add_problem(str(error))  # those are of a lost connection, which is counted

    async def _on_disconnect(self) -> None:
        self.heard.disconnections += 1


async def _drained(subscription: Subscription) -> None:
    with contextlib.suppress(Exception):  # whatever it is, what waits is counted
        await subscription.drain()


def _waiting(subscriptions: Sequence[Subscription]) -> int:
    return sum(subscription.pending_msgs for subscription in subscriptions)


@contextlib.contextmanager
def _signals_call(function: Callable[[], None]) -> Generator[None]:
    """Ctrl-C and SIGTERM call ``function`` in the event loop."""
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)
    with contextlib.suppress(NotImplementedError, RuntimeError):  # Windows; not the main thread
        for number in signals:
            loop.add_signal_handler(number, function)
    try:
        yield
    finally:
        with contextlib.suppress(NotImplementedError, RuntimeError):
            for number in signals:
                loop.remove_signal_handler(number)
