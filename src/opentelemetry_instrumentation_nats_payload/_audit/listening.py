"""The client that listens: it subscribes, and never publishes."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from .._subjects import INBOX_PREFIXES, matcher
from .connecting import connected
from .connection import Options
from .errors import AuditError

_TICK: Final = 0.25
_GRACE: Final = 5.0
"""Seconds in which messages are still looked at that came before the end."""


@dataclass
class Heard:
    """What the client knows of its own work."""

    seconds: float = 0.0
    missed: int = 0
    """Messages that came faster than they could be looked at."""

    internal: int = 0
    """Messages of NATS itself, replies, and JetStream's deliveries of what was published."""

    disconnections: int = 0
    """How often the connection was lost; what was published meanwhile was not heard."""

    problems: list[str] = field(default_factory=list[str])
    """What the server or nats-py complained of."""


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
        self._matchers = [matcher([subject]) for subject in self._subjects]
        self._is_excluded = matcher(excluded)
        self._look = look
        self._stop = asyncio.Event()

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
        async with connected(options, self._on_error, self._on_disconnect) as client:
            subscriptions = await self._subscribe(client)
            started = time.monotonic()
            with _stopped_by_signals(self._stop):
                while not self._stop.is_set() and not client.is_closed:
                    left = _TICK if seconds is None else seconds - (time.monotonic() - started)
                    if left <= 0:
                        break
                    with contextlib.suppress(asyncio.TimeoutError):
                        await asyncio.wait_for(self._stop.wait(), min(left, _TICK))
                    self.heard.seconds = time.monotonic() - started
                    tick()
            if not self._stop.is_set():
                await self._finish(subscriptions)

    async def _subscribe(self, client: Client) -> list[Subscription]:
        subscriptions = [
            await client.subscribe(subject, cb=self._callback(index))  # pyright: ignore[reportUnknownMemberType]
            for index, subject in enumerate(self._subjects)
        ]
        # nats-py sends the PING of a flush at once, ahead of a SUB in its buffer. The second one
        # comes after it, and so does the server's refusal of a subject.
        await client.flush()
        await client.flush()
        if self.heard.problems:
            raise AuditError(f"the server refuses to let us listen: {self.heard.problems[0]}")
        return subscriptions

    def _callback(self, index: int) -> Callable[[Msg], Any]:
        earlier = self._matchers[:index]
        own = self._subjects[index]
        is_own = self._matchers[index]
        wants_internal = own.startswith(("$", *INBOX_PREFIXES))

        async def on_message(message: Msg) -> None:
            subject = message.subject
            if self._stop.is_set() or self._is_excluded(subject):
                return
            # Where patterns overlap, the server delivers a message to each.
            if any(matches(subject) for matches in earlier):
                return
            if not wants_internal and _is_internal(subject, message.reply, is_own):
                self.heard.internal += 1
            elif self._look(message):
                self._stop.set()

        return on_message

    async def _finish(self, subscriptions: list[Subscription]) -> None:
        """Look at what came in time, and count what is left."""
        draining = [subscription.drain() for subscription in subscriptions]
        with contextlib.suppress(asyncio.TimeoutError, nats.errors.Error):
            await asyncio.wait_for(asyncio.gather(*draining), _GRACE)
        self.heard.missed += sum(s.pending_msgs for s in subscriptions)

    async def _on_error(self, error: Exception) -> None:
        if isinstance(error, nats.errors.SlowConsumerError):
            self.heard.missed += 1
        else:
            self.heard.problems.append(str(error))

    async def _on_disconnect(self) -> None:
        self.heard.disconnections += 1


@contextlib.contextmanager
def _stopped_by_signals(stop: asyncio.Event) -> Generator[None]:
    """Ctrl-C and SIGTERM end the listening, and what was heard is reported."""
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)
    with contextlib.suppress(NotImplementedError, RuntimeError):  # Windows; not the main thread
        for number in signals:
            loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        with contextlib.suppress(NotImplementedError, RuntimeError):
            for number in signals:
                loop.remove_signal_handler(number)


def _is_internal(subject: str, reply: str, is_own: Callable[[str], bool]) -> bool:
    if subject.startswith(("$", *INBOX_PREFIXES)):
        return True
    # What JetStream delivers to a consumer has the subject it was published on, so a pattern over
    # that subject has had the message already.
    return reply.startswith("$JS.ACK.") and is_own(subject)
