"""What comes back to the task that began a trace is no work that was handed to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest
from nats.aio.msg import Msg

from conftest import Connect, Instrumentation, settle
from opentelemetry_instrumentation_nats_payload import NATSInstrumentor

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


async def test_a_feeder_with_many_messages_on_their_way_begins_a_trace_with_each(
    connect: Connect, instrumentation: Instrumentation
) -> None:
    """Also where the answers are far behind."""
    instrumentation.start(follow_handoff="all")
    nc, done = await connect(), Queue()

    async def tell(message: Msg) -> None:
        done.put_nowait(message)

    await nc.subscribe("feeder.window", cb=tell)
    await settle(nc)
    for _ in range(100):
        await nc.publish("feeder.window", b"{}")
    for _ in range(20):
        _look(await done.get())
        await nc.publish("feeder.window", b"{}")
    found = [s.trace for s in instrumentation.spans() if s.kind == "PRODUCER"]
    assert len(set(found)) == len(found) == 120


async def test_a_feeder_of_large_batches_begins_a_trace_with_each(
    connect: Connect, instrumentation: Instrumentation
) -> None:
    """However many messages it publishes in one trace, it knows that this is its own."""
    instrumentation.start(follow_handoff="all")
    tracer = instrumentation.provider.get_tracer("feeder")
    nc, done = await connect(), Queue()

    async def tell(message: Msg) -> None:
        if message.data.startswith(b'{"last"'):
            done.put_nowait(message)

    await nc.subscribe("feeder.batch", cb=tell)
    await settle(nc)
    traces: set[int] = set()
    for _ in range(2):
        with tracer.start_as_current_span("batch") as span:
            traces.add(span.get_span_context().trace_id)
            for _ in range(1000):
                await nc.publish("feeder.batch", b'{"a":1}')
            await nc.publish("feeder.batch", b'{"last":1}')
        _look(await done.get())
    assert len(traces) == 2


async def test_the_trace_of_a_message_that_is_passed_on_is_not_the_task_s_own(
    connect: Connect, instrumentation: Instrumentation
) -> None:
    """A payload that still has the field: what comes back of it is followed."""
    instrumentation.start(follow_handoff="all", consumed_field="keep")
    nc, back = await connect(), Queue()
    field = b'{"_otel_trace_headers":{"traceparent":"00-%032x-%016x-01"}}' % (7, 8)

    async def tell(message: Msg) -> None:
        back.put_nowait(message)

    await nc.subscribe("feeder.passed", cb=tell)
    await settle(nc)
    await nc.publish("feeder.passed", field)
    _look(await back.get())
    await nc.publish("feeder.answer", b"{}")
    found = [(s.name, s.trace) for s in instrumentation.spans() if s.kind == "PRODUCER"]
    assert found == [("publish feeder.passed", 7), ("publish feeder.answer", 7)]


async def test_a_method_that_the_application_replaced_on_a_queue_stays(
    connect: Connect, instrumentation: Instrumentation
) -> None:
    """Also where it was replaced while the queue was followed."""
    instrumentation.start(follow_handoff="all")
    nc, work, calls = await connect(), Queue(), 0

    async def tell(message: Msg) -> None:
        work.put_nowait(message.subject)

    async def counted() -> Any:
        nonlocal calls
        calls += 1
        return await cast("Any", asyncio.Queue).get(work)

    await nc.subscribe("feeder.patched", cb=tell)
    await settle(nc)
    await nc.publish("feeder.patched", b"{}")
    assert await work.get() == "feeder.patched"
    await nc.publish("feeder.patched", b"{}")
    await settle(nc)
    work.get = counted
    NATSInstrumentor().uninstrument()
    work.put_nowait("more")
    assert [await work.get() for _ in range(2)] == ["feeder.patched", "more"]
    assert (calls, work.get) == (2, counted)
