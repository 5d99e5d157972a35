"""Whose trace the code runs in: workers of callbacks and of spans, and nested receiving."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import TimeoutError  # noqa: A004
from nats.js.client import JetStreamContext
from opentelemetry import context, trace
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased

from conftest import Connect, Inbox, Instrumentation, settle
from opentelemetry_instrumentation_nats_payload import process_span
from opentelemetry_instrumentation_nats_payload._continuation import _Continued
from spans import traceparent

_IDLE = 0.2

Pull = JetStreamContext.PullSubscription


def _trace() -> int:
    return trace.get_current_span().get_span_context().trace_id


def _carrying(number: int, flags: str = "01") -> bytes:
    return b'{"_otel_trace_headers":{"traceparent":"%b"}}' % (
        traceparent(number, number, flags).encode()
    )


async def _send(nc: Any, subject: str, *numbers: int, flags: str = "01") -> None:
    """Messages of traces that began elsewhere."""
    with suppress_instrumentation():
        for number in numbers:
            await nc.publish(subject, _carrying(number, flags))
        await settle(nc)


async def _waiting(nc: Any, subject: str, *numbers: int) -> Subscription:
    """A subscription that has messages of these traces, and gets no more."""
    subscription: Subscription = await nc.subscribe(subject)
    await settle(nc)
    await _send(nc, subject, *numbers)
    await subscription.unsubscribe(limit=len(numbers))
    return subscription


async def _pull(nc: Client, name: str, *payloads: bytes) -> Pull:
    js = nc.jetstream()
    await js.add_stream(name=name, subjects=[name])
    with suppress_instrumentation():
        for payload in payloads:
            await js.publish(name, payload)
    return await js.pull_subscribe(name, durable=f"d-{name}", stream=name)


async def _looped(subscription: Subscription) -> list[int]:
    return [_trace() async for _ in subscription.messages]


async def _asked(subscription: Subscription) -> list[int]:
    seen: list[int] = []
    for _ in range(2):
        await subscription.next_msg()
        seen.append(_trace())
    return seen


def _start(instrumentation: Instrumentation, how: str) -> str:
    """Instrument so that no span records; the flags of the message that starts the worker."""
    if how == "off":
        instrumentation.start(tracer_provider=TracerProvider(ParentBased(ALWAYS_OFF)))
    elif how == "no sdk":
        instrumentation.start(tracer_provider=trace.NoOpTracerProvider())
    else:
        instrumentation.start()
    return "01" if how == "no sdk" else "00"


@pytest.mark.parametrize("work", [_looped, _asked])
@pytest.mark.parametrize("how", ["not sampled", "off", "no sdk"])
async def test_a_worker_of_a_callback_that_does_not_record_receives_in_traces_of_their_own(
    connect: Connect,
    instrumentation: Instrumentation,
    work: Callable[[Subscription], Awaitable[list[int]]],
    how: str,
) -> None:
    """The context that the worker was made in is that of a message which is over."""
    flags = _start(instrumentation, how)
    nc = await connect()
    subscription = await _waiting(nc, "cont.in", 100, 200)
    workers: asyncio.Queue[asyncio.Future[list[int]]] = asyncio.Queue()

    async def callback(message: Msg) -> None:
        workers.put_nowait(asyncio.ensure_future(work(subscription)))

    await nc.subscribe("cont.go", cb=callback)
    await settle(nc)
    await _send(nc, "cont.go", 50, flags=flags)
    assert await (await workers.get()) == [100, 200]


@pytest.mark.parametrize("how", ["not sampled", "off", "no sdk"])
async def test_a_worker_of_a_callback_that_does_not_record_processes_in_traces_of_their_own(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation, how: str
) -> None:
    """Also the message whose callback has made the worker, after that."""
    flags = _start(instrumentation, how)
    nc = await connect()
    workers: list[asyncio.Task[list[int]]] = []
    is_started = asyncio.Event()

    async def work() -> list[int]:
        seen: list[int] = []
        while len(seen) < 3:
            with process_span(await inbox.messages.get()):
                seen.append(_trace())
        return seen

    async def callback(message: Msg) -> None:
        if not workers:
            workers.append(asyncio.create_task(work()))
            is_started.set()
        await inbox.callback(message)

    await nc.subscribe("cont.work", cb=callback)
    await settle(nc)
    await _send(nc, "cont.work", 50, flags=flags)
    await _send(nc, "cont.work", 100, 200)
    await is_started.wait()
    assert await workers[0] == [50, 100, 200]


async def _inner_loop(other: Subscription, _: Pull) -> None:
    assert await _looped(other) == [300]


async def _inner_next_msg(other: Subscription, _: Pull) -> None:
    await other.next_msg()
    assert _trace() == 300
    with pytest.raises(TimeoutError):
        await other.next_msg(timeout=_IDLE)


async def _inner_fetch(_: Subscription, pull: Pull) -> None:
    await pull.fetch(1)
    assert _trace() == 400
    with pytest.raises(asyncio.TimeoutError):
        await pull.fetch(1, timeout=_IDLE)


@pytest.mark.parametrize("inner", [_inner_loop, _inner_next_msg, _inner_fetch])
async def test_receiving_within_a_loop_ends_in_the_trace_of_the_loop_s_message(
    connect: Connect,
    spans: Instrumentation,
    inner: Callable[[Subscription, Pull], Awaitable[None]],
) -> None:
    """When the inner subscription has no more, the rest of the body is about the outer message."""
    nc = await connect()
    before = context.get_current()
    pull = await _pull(nc, f"nested{inner.__name__}", _carrying(400))
    other = await _waiting(nc, "nested.inner", 300)
    outer = await _waiting(nc, "nested.outer", 100)
    async for _ in outer.messages:
        await inner(other, pull)
        assert _trace() == 100
    assert context.get_current() == before


async def test_alternating_subscriptions_grow_no_chain(
    connect: Connect, spans: Instrumentation
) -> None:
    """What a message added to the context is gone when its subscription is asked again."""

    def count() -> int:
        gc.collect()
        return sum(type(thing) is _Continued for thing in gc.get_objects())

    nc = await connect()
    numbers = range(1000, 1040)
    subscriptions = [await _waiting(nc, f"chain.{n}", *numbers) for n in range(2)]
    before = count()
    for _ in numbers:
        for subscription in subscriptions:
            await subscription.next_msg()
    assert count() - before <= len(subscriptions)


async def _by_loop(pull: Pull, subscription: Subscription) -> int:
    async for _ in subscription.messages:
        return _trace()
    return 0


async def _by_next_msg(pull: Pull, subscription: Subscription) -> int:
    await subscription.next_msg(timeout=20)
    return _trace()


async def _by_fetch(pull: Pull, subscription: Subscription) -> int:
    await pull.fetch(1, timeout=20)
    return _trace()


@pytest.mark.parametrize("work", [_by_loop, _by_next_msg, _by_fetch])
async def test_a_span_that_ends_while_a_worker_waits_has_no_part_in_the_message(
    connect: Connect,
    spans: Instrumentation,
    work: Callable[[Pull, Subscription], Awaitable[int]],
) -> None:
    """The span around the creation of the worker is over when the message comes."""
    nc = await connect()
    name = f"wait{work.__name__}"
    pull = await _pull(nc, name)
    subscription = await nc.subscribe(name)
    await settle(nc)
    with spans.tracer.start_as_current_span("start"):
        worker = asyncio.ensure_future(work(pull, subscription))
        await asyncio.sleep(0)
    await _send(nc, name, 100)
    assert await worker == 100
    last = spans.spans()[-1]
    assert (last.kind, last.trace, last.parent) == ("CLIENT", 100, 100)
