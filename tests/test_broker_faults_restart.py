"""A nats-server that is killed under load, and comes back with its port and its streams."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from nats.aio.msg import Msg
from nats.errors import Error
from nats.errors import TimeoutError as NoReplyError
from nats.js.api import StreamConfig
from nats.js.client import JetStreamContext

from broker_process import Broker
from conftest import Instrumentation, settle
from observed_application import Application, plain
from side_by_side import side_by_side, unjoined

_BEFORE, _AFTER = 200, 100
_UNACKNOWLEDGED = {"TimeoutError", "NoStreamResponseError", "NoRespondersError"}


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """A server with the port and the streams of both runs."""
    broker = Broker(tmp_path)
    broker.start()
    yield broker
    broker.stop()


def _in_order(application: Application) -> list[int]:
    return [int(payload[5:-1]) for _, payload, _ in application.seen["messages"]]


async def _kill_and_restart(broker: Broker, application: Application) -> None:
    broker.kill()
    await application.until("callbacks", 1)
    await broker.restart()
    await application.until("callbacks", 2)


class _Load:
    """Publishes numbers, one each turn of the loop, until it is told to stop."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._number = 0
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while True:
            await self._application.publish("fault.load", b'{"n":%d}' % self._number)
            self._number += 1
            await asyncio.sleep(0)

    async def stop(self) -> int:
        """The number of messages."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        return self._number


@pytest.mark.parametrize("carrier", ["payload", "both"])
async def test_a_server_that_is_killed_under_load_loses_no_more_than_without_us(
    broker: Broker, instrumentation: Instrumentation, carrier: str
) -> None:
    """In order, nothing twice, and everything that was published since the reconnect."""

    async def scenario(application: Application) -> None:
        await application.connect(broker.url, pending_size=2**26, max_reconnect_attempts=-1)
        await application.client.subscribe("fault.load", cb=application.on_message)
        load = _Load(application)
        await application.until("messages", _BEFORE)
        await _kill_and_restart(broker, application)
        seen = len(application.seen["messages"])
        await application.until("messages", seen + _AFTER)
        count = await load.stop()
        await settle(application.client)
        while application.seen["messages"][-1] != ("fault.load", b'{"n":%d}' % (count - 1), ()):
            await application.until("messages", len(application.seen["messages"]) + 1)
        numbers = _in_order(application)
        assert numbers == sorted(set(numbers))
        gaps = [b for a, b in pairwise(numbers) if b != a + 1]
        application.note("gaps", len(gaps) <= 1)
        application.forget("messages", "errors")

    seen = await side_by_side(scenario, instrumentation, carrier=carrier)
    assert seen["callbacks"][:2] == ["disconnected_cb", "reconnected_cb"]
    assert (seen["gaps"], "raised" in seen) == ([True], False)
    assert unjoined(instrumentation) == []


async def _publish_acknowledged(
    application: Application, js: JetStreamContext, numbers: Iterator[int]
) -> None:
    """Publish numbers; a channel has those that the server acknowledged."""
    for number in numbers:
        try:
            await js.publish("fault.stream", b'{"n":%d}' % number, timeout=0.5)
        except (Error, NoReplyError) as error:
            application.note("unacknowledged", type(error).__name__)
        else:
            application.note("acknowledged", number)


async def _fetch_all(application: Application, js: JetStreamContext) -> None:
    """All messages of the stream, acknowledged."""
    consumer = await js.pull_subscribe("fault.stream", durable="fault")
    waiting = (await js.stream_info("FAULT")).state.messages
    while waiting:
        messages: list[Msg] = await consumer.fetch(min(waiting, 50), timeout=5)
        for message in messages:
            application.note("messages", plain(message))
            await message.ack()
        waiting -= len(messages)


async def test_what_a_stream_acknowledged_before_the_kill_is_delivered(
    broker: Broker, instrumentation: Instrumentation
) -> None:
    """Ten publishers at a time; each message that was acknowledged comes once, in its trace."""
    acknowledged: list[int] = []

    async def scenario(application: Application) -> None:
        await application.connect(broker.url, max_reconnect_attempts=-1)
        js = application.client.jetstream()
        await js.add_stream(StreamConfig(name="FAULT", subjects=["fault.stream"]))
        numbers = iter(range(600))
        load = [_publish_acknowledged(application, js, numbers) for _ in range(10)]
        loads = asyncio.gather(*load)
        await application.until("acknowledged", _BEFORE)
        await _kill_and_restart(broker, application)
        await loads
        await _fetch_all(application, js)
        await js.delete_stream("FAULT")
        delivered = _in_order(application)
        acknowledged[:] = application.seen["acknowledged"]
        assert set(acknowledged) <= set(delivered)
        assert len(delivered) == len(set(delivered))
        assert set(application.seen.get("unacknowledged", ())) <= _UNACKNOWLEDGED
        application.forget("messages", "errors", "acknowledged", "unacknowledged")

    seen = await side_by_side(scenario, instrumentation)
    assert "raised" not in seen
    assert len(acknowledged) > _BEFORE
    spans = instrumentation.spans()
    sent = {(span.trace, span.span) for span in spans if span.kind == "PRODUCER"}
    received = [link for span in spans if span.name.startswith("fetch ") for link in span.links]
    assert len(received) >= len(acknowledged)
    assert set(received) <= sent
