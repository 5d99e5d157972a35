"""What comes back to the task that began a trace is no work that was handed to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from nats.aio.msg import Msg

from conftest import Connect, Instrumentation, settle

Queue = asyncio.Queue[Any]


def _whole(message: Msg) -> Any:
    return message


def _decoded(message: Msg) -> Any:
    return {"size": len(message.data)}


def _look(item: Any) -> None:
    if isinstance(item, Msg):
        assert item.data


@pytest.mark.parametrize("make_item", [_whole, _decoded])
@pytest.mark.parametrize("mode", ["message", "queue", "all"])
async def test_a_feeder_that_waits_for_each_message_begins_a_trace_with_each(
    connect: Connect, instrumentation: Instrumentation, mode: str, make_item: Callable[[Msg], Any]
) -> None:
    """And does not stay in the trace of the first one for ever."""
    instrumentation.start(follow_handoff=mode)
    nc, done = await connect(), Queue()

    async def tell(message: Msg) -> None:
        done.put_nowait(make_item(message))

    await nc.subscribe("feeder.orders", cb=tell)
    await settle(nc)

    async def feed() -> None:
        for number in range(3):
            await nc.publish("feeder.orders", b'{"a":%d}' % number)
            _look(await done.get())

    await asyncio.create_task(feed())
    found = [(s.name, s.trace) for s in instrumentation.spans() if s.kind == "PRODUCER"]
    assert found == [("publish feeder.orders", trace) for trace in (1, 2, 3)]


async def test_a_worker_that_the_feeder_made_follows(
    connect: Connect, instrumentation: Instrumentation
) -> None:
    """It is another task, though it has a copy of what the feeder knows."""
    instrumentation.start(follow_handoff="all")
    nc, work, stored = await connect(), Queue(), asyncio.Event()

    async def hand_over(message: Msg) -> None:
        work.put_nowait(message)

    async def worker() -> None:
        _look(await work.get())
        await nc.publish("feeder.stored", b"{}")
        stored.set()

    await nc.subscribe("feeder.made", cb=hand_over)
    await settle(nc)
    await nc.publish("feeder.made", b'{"a":1}')
    await asyncio.create_task(worker())
    await asyncio.wait_for(stored.wait(), 5)
    found = [(s.name, s.trace) for s in instrumentation.spans() if s.kind == "PRODUCER"]
    assert found == [("publish feeder.made", 1), ("publish feeder.stored", 1)]
