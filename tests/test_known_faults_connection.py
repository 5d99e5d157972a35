"""Faults that instrumentations of nats-py are known for: connections lost, and changed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from conftest import CARRIERS, Connect, Expected, Inbox, Instrumentation, StartServer, settle
from nats_server import nats_server

_MAX_PAYLOAD = 1024


@asynccontextmanager
async def _unbroken(connect: Connect, url: str) -> AsyncGenerator[Client]:
    """A connection that has to be the same one at the end."""
    losses: list[str] = []

    async def lost() -> None:
        losses.append("disconnected")

    async def failed(error: Exception) -> None:
        losses.append(str(error))

    nc = await connect(url, disconnected_cb=lost, error_cb=failed)
    client_id = nc.client_id
    yield nc
    await settle(nc)
    assert (nc.is_connected, nc.client_id, losses) == (True, client_id, [])


def _without_context(message: Msg) -> tuple[object, dict[str, str]]:
    """The document and the headers of ``message`` as its sender's application wrote them."""
    document: Any = json.loads(message.data)
    if message.data.startswith(b"{"):
        document.pop("_otel_trace_headers", None)
    headers = {k: v for k, v in (message.headers or {}).items() if k != "traceparent"}
    return document, headers


def _largest(headers: dict[str, str]) -> Iterator[bytes]:
    """Payloads that just fit beside ``headers``: the last 250 sizes, as object and as array."""
    lines = "".join(f"{k}: {v}\r\n" for k, v in headers.items())
    room = _MAX_PAYLOAD - (len(f"NATS/1.0\r\n{lines}\r\n") if headers else 0)
    for size in range(room - 250, room + 1):
        yield b'{"a":"%b"}' % (b"x" * (size - 8))
        yield b'["%b"]' % (b"x" * (size - 4))


@pytest.mark.parametrize("headers", [{}, {"A": "b" * 100}], ids=["payload", "headers"])
@pytest.mark.parametrize("carrier", CARRIERS)
async def test_a_message_that_fits_does_not_cost_the_connection(
    connect: Connect,
    start_server: StartServer,
    instrumentation: Instrumentation,
    carrier: str,
    headers: dict[str, str],
) -> None:
    """The server drops who sends more than max_payload, and it counts the headers."""
    instrumentation.start(carrier=carrier)
    async with _unbroken(connect, start_server(f"max_payload: {_MAX_PAYLOAD}")) as nc:
        subscription = await nc.subscribe("fault.large")
        for payload in _largest(headers):
            await nc.publish("fault.large", payload, headers=dict(headers) or None)
            message = await subscription.next_msg(timeout=5)
            assert _without_context(message) == (json.loads(payload), headers)


@pytest.mark.parametrize("headers", [{}, {"A": "b" * 100}], ids=["payload", "headers"])
@pytest.mark.parametrize("carrier", CARRIERS)
async def test_a_request_that_fits_does_not_cost_the_connection(
    connect: Connect,
    start_server: StartServer,
    instrumentation: Instrumentation,
    carrier: str,
    headers: dict[str, str],
) -> None:
    """The same for requests, as their service sees them."""
    instrumentation.start(carrier=carrier)
    seen: list[tuple[object, dict[str, str]]] = []
    async with _unbroken(connect, start_server(f"max_payload: {_MAX_PAYLOAD}")) as nc:

        async def service(message: Msg) -> None:
            seen.append(_without_context(message))
            await message.respond(b"done")

        await nc.subscribe("fault.large", cb=service)
        for payload in _largest(headers):
            reply = await nc.request("fault.large", payload, 5, False, dict(headers) or None)
            assert reply.data == b"done"
    assert seen == [(json.loads(payload), headers) for payload in _largest(headers)]


@pytest.mark.parametrize("propagate_replies", [False, True])
@pytest.mark.parametrize("carrier", CARRIERS)
async def test_a_reply_that_fits_does_not_cost_the_connection(
    connect: Connect,
    start_server: StartServer,
    instrumentation: Instrumentation,
    carrier: str,
    propagate_replies: bool,
) -> None:
    """respond() sends the headers of the request back, without those that were added to it."""
    instrumentation.start(carrier=carrier, propagate_replies=propagate_replies)
    answer = b'{"a":"%b"}' % (b"x" * (_MAX_PAYLOAD - 8))
    async with _unbroken(connect, start_server(f"max_payload: {_MAX_PAYLOAD}")) as nc:

        async def service(message: Msg) -> None:
            await message.respond(answer)

        await nc.subscribe("fault.reply", cb=service)
        for payload in (b'{"a":1}', b"[1]"):
            reply = await nc.request("fault.reply", payload, timeout=5)
            assert reply.data == answer


@pytest.mark.parametrize("carrier", CARRIERS)
async def test_a_server_without_headers_does_not_drop_the_connection(
    connect: Connect, start_server: StartServer, instrumentation: Instrumentation, carrier: str
) -> None:
    """With no_header_support messages, requests and replies go without headers of ours."""
    instrumentation.start(carrier=carrier, propagate_replies=True)
    async with _unbroken(connect, start_server("no_header_support: true")) as nc:

        async def service(message: Msg) -> None:
            await message.respond(b"[2]")

        subscription = await nc.subscribe("fault.plain")
        await nc.subscribe("fault.plain.service", cb=service)
        for payload in (b'{"a":1}', b"[1]", b'"text"'):
            await nc.publish("fault.plain", payload)
            message = await subscription.next_msg(timeout=5)
            assert (_without_context(message)[0], message.headers) == (json.loads(payload), None)
            reply = await nc.request("fault.plain.service", payload, timeout=5)
            assert (reply.data, reply.headers) == (b"[2]", None)


async def test_spans_name_the_server_that_the_client_failed_over_to(
    connect: Connect,
    start_server: StartServer,
    tmp_path: Path,
    inbox: Inbox,
    spans: Instrumentation,
) -> None:
    """Host, port and client id are those of the current connection, not of the first one."""
    second, directory = start_server(), tmp_path / "first"
    directory.mkdir()
    reconnected = asyncio.Event()

    async def on_reconnect() -> None:
        reconnected.set()

    with nats_server(directory) as first:
        options: dict[str, Any] = {"dont_randomize": True, "reconnect_time_wait": 0.01}
        nc = await connect([first, second], reconnected_cb=on_reconnect, **options)
        before = Expected(nc, first)
        await nc.subscribe("fault.failover", cb=inbox.callback)
        await nc.publish("fault.failover", b"{}")
        await inbox.data()
    await reconnected.wait()
    after = Expected(nc, second)
    await nc.publish("fault.failover", b"{}")
    await inbox.data()
    assert spans.spans() == [
        before.publish("fault.failover", 1, 1),
        before.process("fault.failover", 1, 2, parent=1),
        after.publish("fault.failover", 2, 3),
        after.process("fault.failover", 2, 4, parent=3),
    ]
