"""Draining under load: what was accepted is processed, and what comes later raises alike."""

from __future__ import annotations

import asyncio

import nats
import pytest
from nats.aio.msg import Msg
from nats.errors import BadSubscriptionError, Error

from conftest import CARRIERS, Instrumentation, settle
from observed_application import Application, until_true
from side_by_side import side_by_side, unjoined

_COUNT = 50


class _Worker:
    """A callback that waits at its first message, and passes each on to another subject."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self.go_on = asyncio.Event()

    async def callback(self, message: Msg) -> None:
        self._application.note("entered", message.subject)
        await self.go_on.wait()
        await self._application.on_message(message)
        await self._application.publish("passed.on", message.data)


async def _start(application: Application, server: str) -> _Worker:
    """A worker with all messages waiting, and a listener to what it passes on."""
    listener = await nats.connect(server)
    application.surroundings.push_async_callback(listener.close)

    async def listen(message: Msg) -> None:
        application.note("passed on", len(application.seen["messages"]))

    await listener.subscribe("passed.on", cb=listen)
    await settle(listener)
    worker = _Worker(application)
    await application.connect(server)
    await application.client.subscribe("fault.drain", cb=worker.callback)
    for number in range(_COUNT):
        await application.publish("fault.drain", b'{"n":%d}' % number)
    await settle(application.client)
    await application.until("entered", 1)
    return worker


@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize("consumed_field", ["refresh", "strip"])
async def test_a_drain_processes_what_is_there(
    server: str, instrumentation: Instrumentation, carrier: str, consumed_field: str
) -> None:
    """Callbacks run to the end and publish on, while others go on publishing; then it closes."""

    async def scenario(application: Application) -> None:
        worker = await _start(application, server)
        load = await nats.connect(server)
        application.surroundings.push_async_callback(load.close)
        draining = asyncio.create_task(application.client.drain())
        await until_true(lambda: application.client.is_draining)
        await settle(application.client)  # the drain's UNSUB has arrived
        for number in range(_COUNT):
            await load.publish("fault.drain", b'{"late":%d}' % number)
        await _subscribe(application)
        worker.go_on.set()
        await draining
        await application.publish("fault.drain", b'{"closed":1}')
        await _subscribe(application)
        await application.until("passed on", _COUNT)
        del application.seen["passed on"]

    options = {"carrier": carrier, "consumed_field": consumed_field}
    seen = await side_by_side(scenario, instrumentation, **options)
    assert len(seen["messages"]) == _COUNT
    assert seen["callbacks"] == ["disconnected_cb", "closed_cb"]
    assert seen["raised"][0] == "ConnectionDrainingError: nats: connection draining"
    assert unjoined(instrumentation) == []


async def _subscribe(application: Application) -> None:
    try:
        await application.client.subscribe("fault.late", cb=application.on_message)
    except Error as error:
        application.note("raised", f"{type(error).__name__}: {error}")


async def test_a_publish_while_publishers_are_drained_raises_alike(
    server: str, instrumentation: Instrumentation
) -> None:
    """The server's PONG is held back: the client is in that state until it comes."""

    async def scenario(application: Application) -> None:
        proxy = await application.connect_through_proxy(server)
        proxy.to_client.clear()
        await application.publish("fault.drain", b'{"n":1}')
        draining = asyncio.create_task(application.client.drain())
        await until_true(lambda: application.client.is_draining_pubs)
        await application.publish("fault.drain", b'{"n":2}')
        await application.publish("fault.drain", b"plain")
        proxy.to_client.set()
        await draining
        await application.publish("fault.drain", b'{"n":3}')

    seen = await side_by_side(scenario, instrumentation)
    draining = "ConnectionDrainingError: nats: connection draining"
    closed = "ConnectionClosedError: nats: connection closed"
    assert [text for _, text in seen["raised"]] == [draining, draining, closed]


async def test_a_drain_that_takes_too_long_ends_alike(
    server: str, instrumentation: Instrumentation
) -> None:
    """The callback is cancelled after drain_timeout; its spans end with it."""

    async def scenario(application: Application) -> None:
        worker = _Worker(application)
        await application.connect(server, drain_timeout=0.5)
        await application.client.subscribe("fault.drain", cb=worker.callback)
        for number in range(3):
            await application.publish("fault.drain", b'{"n":%d}' % number)
        await application.until("entered", 1)
        await application.client.drain()

    seen = await side_by_side(scenario, instrumentation)
    assert seen["errors"] == ["DrainTimeoutError: nats: draining connection timed out"]
    assert seen["entered"] == ["fault.drain"]


async def test_a_subscription_that_is_drained_ends_alike(
    server: str, instrumentation: Instrumentation
) -> None:
    """Its messages are processed; the connection stays, and the subscription refuses more."""

    async def scenario(application: Application) -> None:
        worker = _Worker(application)
        await application.connect(server)
        subscription = await application.client.subscribe("fault.drain", cb=worker.callback)
        for number in range(_COUNT):
            await application.publish("fault.drain", b'{"n":%d}' % number)
        await settle(application.client)
        await application.until("entered", 1)
        draining = asyncio.create_task(subscription.drain())
        await settle(application.client)
        for number in range(_COUNT):
            await application.publish("fault.drain", b'{"late":%d}' % number)
        worker.go_on.set()
        await draining
        application.note("is_connected", application.client.is_connected)
        with pytest.raises(BadSubscriptionError):
            await subscription.drain()

    seen = await side_by_side(scenario, instrumentation)
    assert len(seen["messages"]) == _COUNT
    assert seen["is_connected"] == [True, False]
