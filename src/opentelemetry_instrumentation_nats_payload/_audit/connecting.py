"""A connection that is there soon, or one line saying why it is not."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import nats.errors
from nats.aio.client import Client

from .._connection import needs_credentials
from .connection import Options, arguments, servers, shown
from .errors import AuditError

_TIMEOUT: Final = 5
"""Seconds that each server has to answer."""

_REFUSALS = ("authorization", "authentication", "credentials", "user", "nonce", "account")

OnError = Callable[[Exception], Awaitable[None]]
OnDisconnect = Callable[[], Awaitable[None]]


@asynccontextmanager
async def connected(
    options: Options, on_error: OnError, on_disconnect: OnDisconnect
) -> AsyncGenerator[Client]:
    """A client that is connected, and is again after an interruption.

    Args:
        options: how to connect.
        on_error: is awaited with each error of the connection, once that is there.
        on_disconnect: is awaited when the connection is lost.

    Raises:
        AuditError: no server takes the connection.
    """
    attempt = _Attempt(options, on_error, on_disconnect)
    client = await attempt.connect()
    try:
        yield client
    finally:
        attempt.is_over = True
        await client.close()


class _Attempt:
    """Ends once every server has failed: nats-py itself goes on trying those that refuse."""

    def __init__(self, options: Options, on_error: OnError, on_disconnect: OnDisconnect) -> None:
        self.is_over = False
        self._options = options
        self._on_error = on_error
        self._on_disconnect = on_disconnect
        self._is_connected = False
        self._errors: list[Exception] = []
        self._failed = asyncio.Event()

    async def connect(self) -> Client:
        client = Client()
        connecting = asyncio.ensure_future(client.connect(**self._arguments()))
        failing = asyncio.ensure_future(self._failed.wait())
        await asyncio.wait((connecting, failing), return_when=asyncio.FIRST_COMPLETED)
        failing.cancel()
        if not connecting.done():
            connecting.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await connecting
            reason = _reason(self._errors[-1], self._options, needs_credentials(client))
            await client.close()
            raise AuditError(reason)
        try:
            await connecting
        except ModuleNotFoundError as error:
            raise AuditError(_missing(error)) from error
        except Exception as error:
            reason = _reason(error, self._options, needs_credentials(client))
            raise AuditError(reason) from error
        self._is_connected = True
        return client

    def _arguments(self) -> dict[str, Any]:
        return {
            **arguments(self._options),
            "name": "nats-trace-audit",
            "connect_timeout": _TIMEOUT,
            "reconnect_time_wait": 0.5,
            "max_reconnect_attempts": -1,
            "error_cb": self._error,
            "disconnected_cb": self._disconnected,
        }

    async def _error(self, error: Exception) -> None:
        if self._is_connected:
            await self._on_error(error)
            return
        self._errors.append(error)
        if len(self._errors) >= len(servers(self._options)):
            self._failed.set()

    async def _disconnected(self) -> None:
        if self._is_connected and not self.is_over:
            await self._on_disconnect()


def _missing(error: ModuleNotFoundError) -> str:
    return f"this way to connect needs the package {error.name!r}"


def _reason(error: Exception, options: Options, is_protected: bool) -> str:
    text = str(error) or type(error).__name__
    if isinstance(error, nats.errors.Error) and any(word in text.lower() for word in _REFUSALS):
        return f"the server at {shown(options)} refused the credentials: {text}"
    if is_protected and isinstance(error, ConnectionError | nats.errors.UnexpectedEOF):
        # nats-py meets the closed connection before it has read the server's reason.
        return f"the server at {shown(options)} refused the credentials, or needs some: {text}"
    if isinstance(error, OSError | asyncio.TimeoutError | nats.errors.NoServersError):
        return f"no server at {shown(options)}: {text}"
    return f"cannot connect to {shown(options)}: {text}"
