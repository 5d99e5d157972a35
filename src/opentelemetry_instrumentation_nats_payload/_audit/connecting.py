"""A connection that is there soon, or one line saying why it is not."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import nats.errors
from nats.aio.client import Client

from .._connection import needs_credentials
from .client import ListeningClient, NoTLSError
from .connection import Options, arguments, has_credentials, shown
from .errors import AuditError

_TIMEOUT: Final = 5
"""Seconds that each server has to answer."""

_REFUSALS = ("authorization", "authentication", "credentials", "user", "nonce", "account")

OnError = Callable[[Exception], Awaitable[None]]
OnDisconnect = Callable[[], Awaitable[None]]


@asynccontextmanager
async def connected(
    options: Options, on_error: OnError, on_disconnect: OnDisconnect, stop: asyncio.Event
) -> AsyncGenerator[Client]:
    """A client that is connected, and is again after an interruption.

    Args:
        options: how to connect.
        on_error: is awaited with each error of the connection, once that is there.
        on_disconnect: is awaited when the connection is lost.
        stop: gives up, while there is no connection.

    Raises:
        AuditError: no server takes the connection.
    """
    attempt = _Attempt(options, on_error, on_disconnect)
    client = await attempt.connect(stop)
    try:
        yield client
    finally:
        attempt.is_over = True
        await _close(client)


class _Attempt:
    """Ends once every server has failed: nats-py itself goes on trying those that refuse."""

    def __init__(self, options: Options, on_error: OnError, on_disconnect: OnDisconnect) -> None:
        self.is_over = False
        self._client = ListeningClient()
        self._options = options
        self._on_error = on_error
        self._on_disconnect = on_disconnect
        self._is_connected = False
        self._errors: list[Exception] = []
        self._failed = asyncio.Event()

    async def connect(self, stop: asyncio.Event) -> Client:
        try:
            await self._connect(stop)
        except AuditError:
            await _close(self._client)
            raise
        except Exception as error:
            reason = _reason(error, self._options, self._client)
            await _close(self._client)
            raise AuditError(reason) from error
        self._is_connected = True
        return self._client

    async def _connect(self, stop: asyncio.Event) -> None:
        connecting = asyncio.ensure_future(self._client.connect(**self._arguments()))
        ends = [asyncio.ensure_future(event.wait()) for event in (self._failed, stop)]
        await asyncio.wait((connecting, *ends), return_when=asyncio.FIRST_COMPLETED)
        for end in ends:
            end.cancel()
        if connecting.done():
            await connecting
            return
        await _cancelled(connecting)
        if stop.is_set():
            raise AuditError("stopped before there was a connection")
        raise self._errors[-1]

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
            if not self.is_over:
                await self._on_error(error)
            return
        self._errors.append(error)
        if self._client.has_tried_all:  # one may have more than one error
            self._failed.set()

    async def _disconnected(self) -> None:
        if self._is_connected and not self.is_over:
            await self._on_disconnect()


async def _cancelled(task: asyncio.Future[Any]) -> None:
    # Once is not always enough: wait_for in Python 3.11 loses it where it comes with a result.
    while not task.done():
        task.cancel()
        await asyncio.wait((task,), timeout=0.1)


async def _close(client: Client) -> None:
    # A server may go while it is said goodbye to: nats-py 2.2 asserts that there was a connection,
    # and from Python 3.12 on writing to one that is gone raises a TypeError.
    with contextlib.suppress(Exception):
        await client.close()


def _reason(error: Exception, options: Options, client: ListeningClient) -> str:
    where, text = shown(options), str(error) or type(error).__name__
    if isinstance(error, ModuleNotFoundError):
        return f"this way to connect needs the package {error.name!r}"
    if isinstance(error, NoTLSError):
        return f"no TLS with the server at {where}: {error}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"no TLS with the server at {where}: {_untrusted(error)}"
    is_closed = isinstance(error, ConnectionError | ssl.SSLError | nats.errors.UnexpectedEOF)
    if is_closed and client.is_asked_for_a_certificate and "tlscert" not in options:
        return f"the server at {where} wants a client certificate: {text}"
    if isinstance(error, ssl.SSLError):
        return f"no TLS with the server at {where}: {error.reason or text}"
    if isinstance(error, nats.errors.Error) and any(word in text.lower() for word in _REFUSALS):
        return _refusal(where, options, text)
    if is_closed and needs_credentials(client):
        # nats-py meets the closed connection before it has read the server's reason.
        return _refusal(where, options, text)
    if isinstance(error, asyncio.TimeoutError):
        return f"no server at {where}: no answer in {_TIMEOUT} s"
    if isinstance(error, OSError | nats.errors.NoServersError):
        return f"no server at {where}: {text}"
    for name in ("creds", "nkey"):
        if name in options and not isinstance(error, nats.errors.Error):
            return f"cannot use the file {options[name]!r} of --{name}: {text}"
    return f"cannot connect to {where}: {text}"


def _refusal(where: str, options: Options, text: str) -> str:
    if has_credentials(options):
        return f"the server at {where} refused the credentials: {text}"
    return f"the server at {where} wants credentials: {text}"


def _untrusted(error: ssl.SSLCertVerificationError) -> str:
    return f"its certificate is not trusted: {error.verify_message}"
