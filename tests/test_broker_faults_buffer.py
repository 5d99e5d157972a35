"""The buffer of a connection that is down or stalled takes what it takes without us."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from broker_proxy import Proxy
from conftest import CARRIERS, Instrumentation, StartServer
from observed_application import Application, until_true
from side_by_side import side_by_side, unjoined

_MORE_THAN_SOCKETS_HOLD = 2**24
_FULL = "OutboundBufferLimitError: nats: outbound buffer limit exceeded"


def _numbered(number: int, size: int = 20) -> bytes:
    return b'{"n":%d,"x":"%b"}' % (number, b"x" * size)


async def _cut(proxy: Proxy, application: Application) -> None:
    """Cut the connection, and wait until the application knows."""
    proxy.cut()
    await application.until("callbacks", 1)


async def _reconnect(proxy: Proxy, application: Application) -> None:
    proxy.open.set()
    await application.until("callbacks", 2)
    await application.client.flush()


async def _fill(application: Application, headers: dict[str, str] | None = None) -> int:
    """Publish until the buffer is full, and how many it took."""
    for number in range(2000):
        if not await application.publish("fault.buffer", _numbered(number), headers):
            return number
    raise AssertionError("the buffer has no limit")


@pytest.mark.parametrize("headers", [None, {"A": "b"}], ids=["plain", "headers"])
@pytest.mark.parametrize("carrier", CARRIERS)
async def test_a_full_buffer_refuses_the_same_message(
    server: str, instrumentation: Instrumentation, carrier: str, headers: dict[str, str] | None
) -> None:
    """While disconnected; what it took is delivered after the reconnect, and nothing else."""

    async def scenario(application: Application) -> None:
        proxy = await application.connect_through_proxy(server, pending_size=10_000)
        await application.client.subscribe("fault.>", cb=application.on_message)
        await application.client.flush()
        await _cut(proxy, application)
        taken = await _fill(application, headers)
        assert not await application.publish("fault.buffer", _numbered(2001, 5000))
        application.note("taken", taken)
        await _reconnect(proxy, application)
        await application.until("messages", taken)

    seen = await side_by_side(scenario, instrumentation, carrier=carrier)
    assert [text for _, text in seen["raised"]] == [_FULL] * 2
    assert all(position > seen["taken"][0] - 5 for position in unjoined(instrumentation))


async def _stall(proxy: Proxy, application: Application, pending_size: int) -> None:
    """The server reads no more, and a write is under way that does not end."""
    client = application.client
    proxy.to_server.clear()
    await client.publish("fault.stall", bytes(_MORE_THAN_SOCKETS_HOLD))
    await until_true(lambda: client.pending_data_size == 0)
    # From Python 3.12 on writelines() does not make drain() wait; write() does, for the next one.
    assert client._transport is not None
    client._transport.write(b"PING\r\n")
    await client.publish("fault.stall", b"next")
    with suppress(asyncio.TimeoutError):  # before 3.12 the first one waits, and this stays
        await asyncio.wait_for(until_true(lambda: client.pending_data_size == 0), 0.2)
    client._max_pending_size = pending_size


async def test_what_waits_when_the_connection_is_cut_counts_as_without_us(
    start_server: StartServer, instrumentation: Instrumentation
) -> None:
    """Messages that were published before the cut, and are still in the buffer, fill it as well."""
    url = start_server(f"max_payload: {_MORE_THAN_SOCKETS_HOLD}")

    async def scenario(application: Application) -> None:
        proxy = await application.connect_through_proxy(url, pending_size=2**26)
        await _stall(proxy, application, 10_000)
        for number in range(50):
            await application.publish("fault.buffer", _numbered(number))
        await _cut(proxy, application)
        application.note("taken", await _fill(application))
        await _reconnect(proxy, application)

    await side_by_side(scenario, instrumentation)


async def test_a_stalled_connection_makes_the_same_message_wait(
    start_server: StartServer, instrumentation: Instrumentation
) -> None:
    """Past pending_size publish() waits for the buffer to be written, at most flush_timeout."""
    url = start_server(f"max_payload: {_MORE_THAN_SOCKETS_HOLD}")

    async def scenario(application: Application) -> None:
        options: dict[str, Any] = {"pending_size": 2**26, "flush_timeout": 0.001}
        proxy = await application.connect_through_proxy(url, **options)
        await _stall(proxy, application, 10_000)
        for number in range(200):
            await application.publish("fault.buffer", _numbered(number))
            application.note("timeouts", len(application.seen.get("errors", ())))
        await _cut(proxy, application)
        await _reconnect(proxy, application)

    await side_by_side(scenario, instrumentation)
