"""What a scenario is played in: connections to the server, and a record of what is seen."""

from __future__ import annotations

import asyncio
import inspect
import logging
import warnings
from collections.abc import Awaitable, Callable
from contextlib import suppress
from importlib.metadata import version
from typing import Any

import nats
from nats.aio.client import Client
from packaging.version import Version

from .monitor import Monitor
from .values import Size, Traffic, Values, names_of

Scenario = Callable[["World"], Awaitable[None]]
Tracks = dict[str, list[Any]]


NAMES = "sends names with a blank in them, for which the server ends the connection"
"""What nats-py did before it looked at names."""


class UnsupportedError(Exception):
    """This nats-py lacks what a scenario is about."""


def needs(owner: object, *names: str) -> None:
    """Raise UnsupportedError where ``owner`` lacks one of the attributes."""
    missing = [name for name in names if not hasattr(owner, name)]
    if missing:
        raise UnsupportedError(f"this nats-py has no {', '.join(missing)}")


def since(least: str, otherwise: str) -> None:
    """Raise UnsupportedError where nats-py is older: 2.2 fails in a way of its own."""
    if Version(version("nats-py")) < Version(least):
        raise UnsupportedError(f"played from nats-py {least} on: 2.2 {otherwise}")


class World:
    """Connections of one run, and tracks of what happened in it.

    What happens one after the other goes into one track. Ids are numbered by track.

    Args:
        monitor: the server.
        allowed: what messages and counts of this run may have, and bare ones not.
    """

    def __init__(self, monitor: Monitor, allowed: frozenset[str]) -> None:
        self.monitor = monitor
        self.url = monitor.url
        self.clients: list[Client] = []
        self.tracks: Tracks = {}
        self.counts = True
        """Whether the numbers of messages do not depend on time."""
        self.lengths = True
        """Whether what nats-py and the server send always has the same length."""
        self._allowed = allowed
        self._values: dict[str, Values] = {}

    @property
    def carried(self) -> int:
        """How many contexts the messages had that were seen."""
        return sum(values.carried for values in self._values.values())

    def values(self, track: str) -> Values:
        """What makes plain values for a track."""
        return self._values.setdefault(track, Values(self._allowed))

    def note(self, track: str, value: Any) -> None:
        """Keep ``value`` as it is now."""
        self.tracks.setdefault(track, []).append(self.values(track).plain(value))

    def keep(self, track: str) -> Callable[[Any], Awaitable[None]]:
        """A callback that notes what it gets."""

        async def callback(value: Any) -> None:
            self.note(track, value)

        return callback

    async def call(
        self, function: Callable[..., Any], /, *args: Any, track: str = "calls", **kwargs: Any
    ) -> Any:
        """Call, await, and note what came of it and when: the result, or None."""
        name = getattr(function, "__qualname__", repr(type(function)))
        phase = "called"
        try:
            result = function(*args, **kwargs)
            if inspect.isawaitable(result):
                phase = "awaited"
                result = await result
        except (Exception, asyncio.CancelledError) as error:
            self.note(track, (name, phase, error))
            return None
        self.note(track, (name, phase, "returned", result))
        return result

    async def connect(self, **options: Any) -> Any:
        """A connection whose callbacks are noted, with the number of the connection."""
        track = f"events {len(self.clients)}"

        def event(name: str) -> Callable[[], Awaitable[None]]:
            async def callback() -> None:
                self.note(track, name)

            return callback

        given: dict[str, Any] = {
            "error_cb": self.keep(track),
            "closed_cb": event("closed"),
            "disconnected_cb": event("disconnected"),
            "reconnected_cb": event("reconnected"),
            **options,
        }
        client = await nats.connect(self.url, **given)
        self.clients.append(client)
        return client

    async def stream(self, js: Any, name: str, *subjects: str, **options: Any) -> None:
        """A stream in memory."""
        from nats.js.api import StorageType

        await js.add_stream(
            name=name, subjects=list(subjects), storage=StorageType.MEMORY, **options
        )

    async def acknowledged(self, stream: str, pending: int = 0) -> None:
        """Wait until the server has so many unacknowledged messages, and nothing to deliver."""

        def is_so() -> bool:
            consumers = self.monitor.consumers(stream)
            return sum(c["num_ack_pending"] for c in consumers) == pending

        for client in self.clients:
            await self.settle(client)
        self.note("server", ("acknowledged", stream, self.monitor.wait(is_so)))

    async def settle(self, client: Any) -> None:
        """Two round trips: the server knows what was sent before, and has counted it."""
        if client.is_connected:
            await client.flush()
            await client.flush()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for what callbacks do, over round trips to the server; noted if it never is."""
        for _ in range(1000):
            if condition():
                return
            await self.settle(self.clients[0])
            await asyncio.sleep(0.001)
        self.note("scenario", "waited in vain")

    async def finish(self) -> None:
        """Note what every connection and its subscriptions are like in the end."""
        for number, client in enumerate(self.clients):
            with suppress(Exception):
                await self.settle(client)
            self.tracks[f"client {number}"] = [self._client(client)]

    def _client(self, client: Any) -> Any:
        values = self.values("client")
        stats = {k: Traffic(v) if "bytes" in k else v for k, v in client.stats.items()}
        public = ("is_closed", "is_connected", "is_connecting", "is_draining", "is_draining_pubs")
        more = (
            "is_reconnecting",
            "max_payload",
            "pending_data_size",
            "last_error",
            "connected_url",
        )
        return {
            **{name: values.plain(getattr(client, name)) for name in public + more},
            "stats": stats if self.counts else None,
            "vars": names_of(client),
            "sid": client._sid,
            "waiting for replies": len(client._resp_map),
            "options": values.plain({k: v for k, v in client.options.items() if not callable(v)}),
            "subscriptions": [self.subscription(s) for s in client._subs.values()],
        }

    def subscription(self, subscription: Any, track: str = "client") -> Any:
        """A subscription with all that can be asked of it."""
        values = self.values(track)
        callback = subscription._cb
        return {
            "subject": values.text(subscription.subject),
            "queue": subscription.queue,
            "delivered": subscription.delivered,
            "pending": (subscription.pending_msgs, Size(subscription.pending_bytes)),
            "private": [getattr(subscription, n) for n in ("_id", "_max_msgs", "_closed")],
            "callback": getattr(getattr(callback, "__wrapped__", callback), "__qualname__", None),
            "is coroutine function": inspect.iscoroutinefunction(callback),
            "vars": names_of(subscription),
            "unfinished": subscription._pending_queue._unfinished_tasks,
        }


class Surroundings:
    """What a run leaves in its process: log records, warnings, complaints of the loop."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._handler = logging.Handler()
        self._handler.emit = self._emit
        self._warnings = warnings.catch_warnings(record=True)
        self._caught: list[warnings.WarningMessage] | None = None

    def _emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        self._world.note("log", (record.name, record.levelname, record.getMessage(), error))

    def __enter__(self) -> None:
        logging.getLogger().addHandler(self._handler)
        logging.getLogger("nats").setLevel(logging.DEBUG)
        self._caught = self._warnings.__enter__()
        warnings.simplefilter("always")
        asyncio.get_running_loop().set_exception_handler(self._complain)

    def _complain(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self._world.note("loop", (context.get("message"), context.get("exception")))

    def __exit__(self, *_: object) -> None:
        asyncio.get_running_loop().set_exception_handler(None)
        self._warnings.__exit__(None, None, None)
        for warning in self._caught or ():
            kept = (warning.category.__name__, str(warning.message))
            if "utcnow" not in kept[1]:  # nats.micro's, from Python 3.12 on
                self._world.note("warnings", kept)
        logging.getLogger("nats").setLevel(logging.NOTSET)
        logging.getLogger().removeHandler(self._handler)
