"""An application with one NATS client, which writes down all that it sees."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg

from broker_proxy import Proxy, proxy_to

Seen = dict[str, list[Any]]
_FIELD = re.compile(rb',?"_otel_trace_headers":\{[^{}]*\}')
_COUNTED = ("in_msgs", "out_msgs", "errors_received")


class Application:
    """An application with one client, which writes down what it sees.

    Attributes:
        seen: per channel (callbacks of the client, errors, messages, …) what came, in order.
        client: the client; :meth:`connect` makes it.
        surroundings: what is closed after the client, such as a proxy.
    """

    def __init__(self) -> None:
        self.seen: Seen = {}
        self.client: Client
        self.surroundings = AsyncExitStack()
        self._noted = asyncio.Event()
        self._is_exact = True

    async def connect(self, url: str | list[str], **options: Any) -> None:
        """Connect with all callbacks that a client has."""
        names = ("disconnected_cb", "reconnected_cb", "closed_cb", "lame_duck_mode_cb")
        callbacks = {name: self._callback(name) for name in names if name in _OPTIONS}
        defaults: dict[str, Any] = {"reconnect_time_wait": 0.01, "connect_timeout": 20}
        self.client = await nats.connect(
            url, error_cb=self.error_cb, **{**callbacks, **defaults, **options}
        )

    async def connect_through_proxy(self, url: str, **options: Any) -> Proxy:
        """Connect, and how the connection can be cut."""
        proxy = await self.surroundings.enter_async_context(proxy_to(url))
        await self.connect(proxy.url, **options)
        return proxy

    def note(self, channel: str, value: Any) -> None:
        """Write down what was seen."""
        self.seen.setdefault(channel, []).append(value)
        self._noted.set()

    async def until(self, channel: str, count: int) -> None:
        """Wait until so much was seen."""
        await self.until_any((channel, count))

    async def until_any(self, *wanted: tuple[str, int]) -> None:
        """Wait until so much was seen of one of these channels."""
        while all(len(self.seen.get(channel, ())) < count for channel, count in wanted):
            self._noted.clear()
            await self._noted.wait()

    async def error_cb(self, error: Exception) -> None:
        """A callback of the client."""
        self.note("errors", described(error))

    async def on_message(self, message: Msg) -> None:
        """A callback of a subscription."""
        self.note("messages", plain(message))

    async def publish(
        self, subject: str, payload: bytes, headers: dict[str, str] | None = None
    ) -> bool:
        """Publish, and write down what is raised; whether that was nothing."""
        try:
            await self.client.publish(subject, payload, headers=headers)
        except Exception as error:
            self.note("raised", (payload, described(error)))
            return False
        return True

    def forget(self, *channels: str) -> None:
        """What is by chance: how many messages were on their way, and what else is named."""
        for channel in channels:
            self.seen.pop(channel, None)
        self._is_exact = False

    async def close(self) -> None:
        """Close the client, and note the end: its state and counts."""
        try:
            await self.client.close()
        except (AttributeError, OSError, TypeError) as error:  # nats-py's, while it reconnects
            self.note("raised", described(error))
        self.note("is_connected", self.client.is_connected)
        self.note("reconnects", self.client.stats["reconnects"])
        if self._is_exact:
            self.note("stats", {name: self.client.stats[name] for name in _COUNTED})
            self.note("last_error", described(self.client.last_error))
        await self.surroundings.aclose()

    def _callback(self, name: str) -> Callable[[], Awaitable[None]]:
        async def callback() -> None:
            self.note("callbacks", name)

        return callback


_OPTIONS = Client.connect.__code__.co_varnames


async def until_true(condition: Callable[[], bool]) -> None:
    """Wait for a state of the client that no callback tells of."""
    while True:
        if condition():
            return
        await asyncio.sleep(0.001)


def described(error: BaseException | None) -> str:
    """Type and text, without the addresses of objects and the ports of servers."""
    text = re.sub(r"0x[0-9a-f]+|(?<=['\"], )\d+", "…", str(error))
    return f"{type(error).__name__}: {text}"


def plain(message: Msg) -> tuple[str, bytes, tuple[tuple[str, str], ...]]:
    """A message as the application of its sender wrote it."""
    headers = tuple((k, v) for k, v in (message.headers or {}).items() if k != "traceparent")
    return message.subject, _FIELD.sub(b"", message.data).replace(b"{,", b"{"), headers
