"""Connections that are cut at an exact byte, that drain, and that move to another server."""

from __future__ import annotations

import asyncio

import nats
import pytest
from nats.aio.msg import Msg
from nats.errors import Error, StaleConnectionError
from nats.errors import TimeoutError as NoReplyError

from broker_proxy import Proxy
from conftest import CARRIERS, Expected, Instrumentation, StartServer, settle
from observed_application import Application
from side_by_side import side_by_side, unjoined

_CUTS = [(0, 0), (0, 3), (7, 0), (7, 40), (19, 70)]


def _numbered(number: int) -> bytes:
    return b'{"n":%d,"text":"%b"}' % (number, b"x" * 100)


async def _subscribe_directly(application: Application, server: str) -> None:
    """A second client of the application, whose connection nobody cuts."""
    client = await nats.connect(server)
    application.surroundings.push_async_callback(client.close)
    await client.subscribe("fault.cut", cb=application.on_message)
    await settle(client)


async def _reconnect(proxy: Proxy, application: Application) -> None:
    proxy.open.set()
    await application.until("callbacks", 2)
    await settle(application.client)


@pytest.mark.parametrize(("messages", "more"), _CUTS)
@pytest.mark.parametrize("carrier", CARRIERS)
async def test_a_publisher_that_is_cut_off_loses_the_same_messages(
    server: str, instrumentation: Instrumentation, carrier: str, messages: int, more: int
) -> None:
    """Those that were on their way, half a message included; what waits is sent afterwards."""

    async def scenario(application: Application) -> None:
        proxy = await application.connect_through_proxy(server)
        await _subscribe_directly(application, server)
        proxy.cut_after(proxy.to_server, messages, more)
        for number in range(20):
            await application.publish("fault.cut", _numbered(number))
        await application.until("callbacks", 1)
        for number in range(20, 40):
            await application.publish("fault.cut", _numbered(number))
        await _reconnect(proxy, application)
        for number in range(40, 60):
            await application.publish("fault.cut", _numbered(number))
        await application.until("messages", messages + 40)

    seen = await side_by_side(scenario, instrumentation, carrier=carrier)
    numbers = [*range(messages), *range(20, 60)]
    assert [payload for _, payload, _ in seen["messages"]] == [_numbered(n) for n in numbers]
    assert seen["callbacks"] == [
        "disconnected_cb",
        "reconnected_cb",
        "disconnected_cb",
        "closed_cb",
    ]
    assert unjoined(instrumentation) == []


@pytest.mark.parametrize("consumed_field", ["refresh", "strip"])
@pytest.mark.parametrize(("messages", "more"), _CUTS)
async def test_a_consumer_that_is_cut_off_misses_the_same_messages(
    server: str, instrumentation: Instrumentation, consumed_field: str, messages: int, more: int
) -> None:
    """Half a message is none; the callback goes on after the reconnect."""

    async def scenario(application: Application) -> None:
        proxy = await application.connect_through_proxy(server)
        await application.client.subscribe("fault.cut", cb=application.on_message)
        await settle(application.client)
        publisher = await nats.connect(server)
        application.surroundings.push_async_callback(publisher.close)
        proxy.cut_after(proxy.to_client, messages, more)
        for number in range(20):
            await publisher.publish("fault.cut", _numbered(number))
        await settle(publisher)
        await application.until("callbacks", 1)
        await _reconnect(proxy, application)
        for number in range(20, 40):
            await publisher.publish("fault.cut", _numbered(number))
        await application.until("messages", messages + 20)

    seen = await side_by_side(scenario, instrumentation, consumed_field=consumed_field)
    numbers = [*range(messages), *range(20, 40)]
    assert [payload for _, payload, _ in seen["messages"]] == [_numbered(n) for n in numbers]
    assert unjoined(instrumentation) == []


async def test_requests_that_are_cut_off_fail_alike(
    server: str, instrumentation: Instrumentation
) -> None:
    """A request whose reply is lost times out; one in the reconnect is answered after it."""

    async def scenario(application: Application) -> None:
        proxy = await application.connect_through_proxy(server)
        service = await nats.connect(server)
        application.surroundings.push_async_callback(service.close)

        async def answer(message: Msg) -> None:
            application.note("requests", message.subject)
            await message.respond(b'{"done":1}')

        await service.subscribe("fault.service", cb=answer)
        await settle(service)
        proxy.cut_after(proxy.to_server, 1, 20)
        for timeout in (5, 0.05):
            await _request(application, timeout)
        await application.until("callbacks", 1)
        waiting = asyncio.create_task(_request(application, 5))
        await _reconnect(proxy, application)
        await waiting

    seen = await side_by_side(scenario, instrumentation)
    assert seen["replies"] == [b'{"done":1}', "TimeoutError: nats: timeout", b'{"done":1}']
    assert seen["requests"] == ["fault.service"] * 2


async def _request(application: Application, timeout: float) -> None:
    try:
        reply = await application.client.request("fault.service", b'{"a":1}', timeout)
        application.note("replies", reply.data)
    except (Error, NoReplyError) as error:
        application.note("replies", f"{type(error).__name__}: {error}")


async def test_a_connection_that_moves_takes_its_messages_along(
    start_server: StartServer, instrumentation: Instrumentation
) -> None:
    """Between publishes, from server to server: each span names the server its message went to."""
    servers = [start_server(), start_server()]
    expected: list[dict[str, str | int | None]] = []

    async def scenario(application: Application) -> None:
        options = {"dont_randomize": True, "max_reconnect_attempts": -1}
        await application.connect(list(servers), **options)
        expected.clear()
        for number in range(4):
            expected.append(Expected(application.client, servers[number % 2]).connection)
            await application.client.subscribe(f"fault.{number}", cb=application.on_message)
            await application.publish(f"fault.{number}", _numbered(number))
            await application.until("messages", number + 1)
            await application.client._process_op_err(StaleConnectionError())
            await application.until("callbacks", 2 * number + 2)

    await side_by_side(scenario, instrumentation)
    spans = [span for span in instrumentation.spans() if span.kind == "PRODUCER"]
    named = [{name: span.attributes[name].value for name in expected[0]} for span in spans]
    assert named == expected
    assert unjoined(instrumentation) == []
