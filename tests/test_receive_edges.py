"""What is received in unusual ways: status messages, replies by hand, futures, uninstrumenting."""

from __future__ import annotations

import asyncio
import json
import time
import weakref
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from typing import Any

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import ConsumerConfig
from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.instrumentation.utils import suppress_instrumentation

from conftest import Connect, Expect, Inbox, Instrumentation, settle
from opentelemetry_instrumentation_nats_payload import NATSInstrumentor, process_span
from spans import field, recorded

_DATA = b'{"a":1' + field(7, 8) + b"}"


def _trace() -> int:
    return trace.get_current_span().get_span_context().trace_id


async def _send(nc: Any, subject: str, payload: bytes, **more: Any) -> None:
    with suppress_instrumentation():
        await nc.publish(subject, payload, **more)
        await settle(nc)


@pytest.mark.parametrize("how", ["next_msg", "continue_received", "process_span"])
async def test_a_reply_by_hand_to_any_subject_is_not_changed(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation, how: str
) -> None:
    """Also where the span that is current, if any, is not that of the message."""
    instrumentation.start(continue_received=how != "continue_received")
    nc = await connect()
    subscription = await nc.subscribe("edge.svc")
    await nc.subscribe("replies.client1", cb=inbox.callback)
    await settle(nc)
    await _send(nc, "edge.svc", b"{}", reply="replies.client1")
    is_under_span = how != "continue_received"
    with instrumentation.tracer.start_as_current_span("work") if is_under_span else nullcontext():
        if how != "process_span":
            message = await subscription.next_msg()
            await nc.publish(message.reply, b'{"r":1}')
        else:
            message = await asyncio.create_task(subscription.next_msg())
            with process_span(message):
                await nc.publish(message.reply, b'{"r":1}')
    assert await inbox.data() == b'{"r":1}'
    assert "respond" in instrumentation.names()


async def _no_responders(nc: Client, name: str) -> None:
    await _send(nc, "edge.nobody", b"{}", reply=f"edge.{name}")


async def _heartbeat(nc: Client, name: str) -> None:
    config = ConsumerConfig(name, deliver_subject=f"edge.{name}", idle_heartbeat=0.1)
    await nc.jetstream().add_stream(name=name, subjects=[name])
    await nc.jetstream().add_consumer(name, config)


async def _no_messages(nc: Client, name: str) -> None:
    await nc.jetstream().add_stream(name=name, subjects=[name])
    await nc.jetstream().add_consumer(name, ConsumerConfig("c"))
    request = json.dumps({"no_wait": True, "batch": 1}).encode()
    await _send(nc, f"$JS.API.CONSUMER.MSG.NEXT.{name}.c", request, reply=f"edge.{name}")


@pytest.mark.parametrize("way", ["callback", "next_msg"])
@pytest.mark.parametrize("elicit", [_no_responders, _heartbeat, _no_messages])
async def test_a_status_message_has_no_span_and_no_context(
    connect: Connect,
    spans: Instrumentation,
    elicit: Callable[[Client, str], Awaitable[None]],
    way: str,
) -> None:
    """503, a heartbeat, and 404 on a subscription that the application made for them."""
    nc = await connect()
    name = f"{way}{elicit.__name__}"
    seen: asyncio.Queue[tuple[Msg, Context]] = asyncio.Queue()
    before = context.get_current()

    async def callback(message: Msg) -> None:
        await seen.put((message, context.get_current()))

    subscription = await nc.subscribe(f"edge.{name}", cb=None if way == "next_msg" else callback)
    await settle(nc)
    await elicit(nc, name)
    if way == "next_msg":
        await callback(await subscription.next_msg())
    message, current = await seen.get()
    assert ("Status" in (message.headers or {}), current) == (True, before)
    assert spans.names() == []


@pytest.mark.parametrize("has_span", [True, False])
async def test_the_message_of_a_future_belongs_to_the_span_that_subscribed(
    connect: Connect, spans: Instrumentation, expected: Expect, has_span: bool
) -> None:
    """If that goes on; it covers the wait. Else in the message's trace. Nothing is attached."""
    nc = await connect()
    future: asyncio.Future[Msg] = asyncio.get_running_loop().create_future()
    with spans.tracer.start_as_current_span("work") if has_span else nullcontext():
        before = context.get_current()
        await nc.subscribe("edge.future", future=future)
        await settle(nc)
        sent_at = time.time_ns()
        await _send(nc, "edge.future", _DATA)
        await future
        assert context.get_current() == before
    trace_id, span_id, parent = (1, 2, 1) if has_span else (7, 1, 8)
    receive = expected(nc).receive("edge.future", trace_id, span_id, parent=parent)
    (found,) = (span for span in spans.finished_spans() if span.name != "work")
    assert recorded(found) == receive.but(links=((7, 8),))
    assert ((found.start_time or 0) < sent_at) == has_span


async def test_uninstrument_while_the_application_waits(
    connect: Connect, spans: Instrumentation
) -> None:
    """The message comes as it was sent, without a span, and nothing follows it."""
    nc = await connect()
    js = nc.jetstream()
    await js.add_stream(name="STOP", subjects=["stop.fetch"])
    pull = await js.pull_subscribe("stop.fetch", durable="d", stream="STOP")
    asked, looped = await nc.subscribe("stop.next"), await nc.subscribe("stop.loop")
    await settle(nc)

    async def by_next_msg() -> tuple[bytes, int]:
        return (await asked.next_msg(timeout=20)).data, _trace()

    async def by_loop() -> tuple[bytes, int]:
        (found,) = [(message.data, _trace()) async for message in looped.messages]
        return found

    async def by_fetch() -> tuple[bytes, int]:
        return (await pull.fetch(1, timeout=20))[0].data, _trace()

    await looped.unsubscribe(limit=1)
    waiting = [asyncio.ensure_future(wait()) for wait in (by_next_msg, by_loop, by_fetch)]
    await asyncio.sleep(0)
    NATSInstrumentor().uninstrument()
    for subject in ("stop.next", "stop.loop", "stop.fetch"):
        await nc.publish(subject, _DATA)
    assert await asyncio.gather(*waiting) == [(_DATA, 0)] * 3
    assert spans.names() == []


async def test_the_iterator_of_a_loop_stands_in_for_nats_py_s(
    connect: Connect, spans: Instrumentation
) -> None:
    """It passes attributes on, and can be referenced weakly."""
    subscription = await (await connect()).subscribe("edge.iterator")
    iterator: Any = aiter(subscription.messages)
    assert iterator._sub is subscription
    assert weakref.ref(iterator)() is iterator
