"""Slow consumers: the same messages are dropped, with the same errors, and bytes add up."""

from __future__ import annotations

import asyncio
from typing import Any

import nats
import pytest
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js.api import ConsumerConfig
from nats.js.client import JetStreamContext

from conftest import CARRIERS, Instrumentation, settle
from observed_application import Application, plain
from side_by_side import side_by_side, unjoined
from spans import field

_COUNT = 30
_CONSUMED = ["refresh", "keep", "strip"]
_LIMITS: list[dict[str, Any]] = [{"pending_msgs_limit": 10}, {"pending_bytes_limit": 2000}]
# The field is replaced in place: as many bytes as without us.
_PAYLOADS = [b'{"n":%d' % number + field(7, 8) + b"}" for number in range(10, 10 + _COUNT)]


class _Gate:
    """A callback that takes no message before the gate opens."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self.open = asyncio.Event()

    async def callback(self, message: Msg) -> None:
        self._application.note("entered", plain(message))
        await self.open.wait()
        await self._application.on_message(message)


async def _publish_all(application: Application) -> None:
    """Publish, and wait until the messages are in, or dropped."""
    for payload in _PAYLOADS[1:]:
        await application.publish("fault.slow", payload)
    await settle(application.client)


def _note_pending(application: Application, subscription: Subscription) -> None:
    application.note("pending", (subscription.pending_msgs, subscription.pending_bytes))


@pytest.mark.parametrize("limits", _LIMITS, ids=["messages", "bytes"])
@pytest.mark.parametrize("consumed_field", _CONSUMED)
async def test_a_callback_that_is_slow_loses_the_same_messages(
    server: str, instrumentation: Instrumentation, limits: dict[str, Any], consumed_field: str
) -> None:
    """What does not fit the queue is dropped; once there is room, messages come again."""

    async def scenario(application: Application) -> None:
        gate = _Gate(application)
        await application.connect(server)
        subscription = await application.client.subscribe("fault.slow", cb=gate.callback, **limits)
        await application.publish("fault.slow", _PAYLOADS[0])
        await application.until("entered", 1)
        await _publish_all(application)
        _note_pending(application, subscription)
        dropped = len(application.seen["errors"])
        gate.open.set()
        await application.until("messages", _COUNT - dropped)
        await application.publish("fault.slow", _PAYLOADS[0])
        await application.until("messages", _COUNT - dropped + 1)
        _note_pending(application, subscription)

    seen = await side_by_side(scenario, instrumentation, consumed_field=consumed_field)
    assert seen["errors"][0].startswith("SlowConsumerError: nats: slow consumer")
    assert seen["pending"][-1] == (0, 0)
    assert unjoined(instrumentation) == []


async def _next_messages(application: Application, subscription: Subscription, count: int) -> None:
    for _ in range(count):
        application.note("messages", plain(await subscription.next_msg(timeout=5)))
        _note_pending(application, subscription)


async def _iterate(application: Application, subscription: Subscription, count: int) -> None:
    async for message in subscription.messages:
        application.note("messages", plain(message))
        _note_pending(application, subscription)
        if len(application.seen["messages"]) == count:
            return


@pytest.mark.parametrize("read", [_next_messages, _iterate], ids=["next_msg", "iterator"])
@pytest.mark.parametrize("limits", _LIMITS, ids=["messages", "bytes"])
@pytest.mark.parametrize("consumed_field", _CONSUMED)
async def test_a_reader_that_is_slow_loses_the_same_messages(
    server: str,
    instrumentation: Instrumentation,
    limits: dict[str, Any],
    read: Any,
    consumed_field: str,
) -> None:
    """pending_msgs and pending_bytes are the same after every message that is read."""

    async def scenario(application: Application) -> None:
        await application.connect(server)
        subscription = await application.client.subscribe("fault.slow", **limits)
        await application.publish("fault.slow", _PAYLOADS[0])
        await _publish_all(application)
        _note_pending(application, subscription)
        await read(application, subscription, _COUNT - len(application.seen["errors"]))

    seen = await side_by_side(scenario, instrumentation, consumed_field=consumed_field)
    assert seen["errors"][0].startswith("SlowConsumerError: nats: slow consumer")
    assert seen["pending"][-1] == (0, 0)


@pytest.mark.parametrize("carrier", CARRIERS)
async def test_messages_that_we_make_larger_count_as_often_as_they_were(
    server: str, instrumentation: Instrumentation, carrier: str
) -> None:
    """pending_msgs_limit does not depend on what is in the messages, whatever the carrier."""

    async def scenario(application: Application) -> None:
        gate = _Gate(application)
        await application.connect(server)
        await application.client.subscribe("fault.slow", cb=gate.callback, pending_msgs_limit=5)
        await application.publish("fault.slow", b'{"first":1}', {"A": "b"})
        await application.until("entered", 1)
        for number in range(20):
            await application.publish("fault.slow", b'{"n":%d}' % number, {"A": "b"})
        await settle(application.client)
        gate.open.set()
        await application.until("messages", 6)

    seen = await side_by_side(scenario, instrumentation, carrier=carrier)
    assert len(seen["errors"]) == 15
    assert unjoined(instrumentation) == []


async def _until_acknowledged(js: JetStreamContext) -> None:
    while True:
        consumer = await js.consumer_info("FAULT", "slow")
        if consumer.num_pending == consumer.num_ack_pending == 0:
            return
        await asyncio.sleep(0.02)


async def test_a_push_consumer_that_is_slow_gets_everything_again(
    server: str, instrumentation: Instrumentation
) -> None:
    """What nats-py drops of a JetStream consumer is not acknowledged, and comes again."""

    async def scenario(application: Application) -> None:
        gate = _Gate(application)
        await application.connect(server)
        js = application.client.jetstream()
        await js.add_stream(name="FAULT", subjects=["fault.slow"])
        application.surroundings.push_async_callback(_delete_stream, server)
        for payload in _PAYLOADS[:10]:
            await js.publish("fault.slow", payload)
        config = ConsumerConfig(ack_wait=0.2)
        await js.subscribe(
            "fault.slow", cb=gate.callback, durable="slow", config=config, pending_msgs_limit=5
        )
        await application.until("errors", 1)
        gate.open.set()
        await _until_acknowledged(js)
        for channel in ("entered", "messages", "errors"):  # how often is by chance
            application.seen[channel] = sorted(set(application.seen[channel]))
        application.forget()

    seen = await side_by_side(scenario, instrumentation, settle_spans=True)
    assert [payload for _, payload, _ in seen["messages"]] == [
        b'{"n":%d}' % number for number in range(10, 20)
    ]


async def _delete_stream(server: str) -> None:
    client = await nats.connect(server)
    await client.jetstream().delete_stream("FAULT")
    await client.close()
