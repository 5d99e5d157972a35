"""Subscriptions that are made during the work on the message of another one, without end."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable

import nats.errors
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from opentelemetry import baggage, trace
from opentelemetry.context import Context, attach, detach

from conftest import Connect, Instrumentation
from opentelemetry_instrumentation_nats_payload import process_span
from opentelemetry_instrumentation_nats_payload._continuation import Work, _Continued

_TURNS = 60
_FEW = 12
"""Some are kept, of subscriptions whose last message may still be worked on."""


def _kept() -> int:
    """Contexts of messages, and works on them, that something refers to."""
    gc.collect()
    return sum(isinstance(each, (_Continued, Work)) for each in gc.get_objects())


async def _ask(client: Client, number: int) -> None:
    subscription = await client.subscribe(f"chain.{number}")
    await client.publish(f"chain.{number}", b"{}")
    await subscription.next_msg(timeout=10)
    await subscription.unsubscribe()


async def _iterate(client: Client, number: int) -> None:
    subscription = await client.subscribe(f"chain.{number}")
    await client.publish(f"chain.{number}", b"{}")
    async for _ in subscription.messages:
        break
    await subscription.unsubscribe()


async def _process(client: Client, number: int) -> None:
    subscription = await client.subscribe(f"chain.{number}")
    await client.publish(f"chain.{number}", b"{}")
    message = await subscription.next_msg(timeout=10)
    with process_span(message):
        await subscription.unsubscribe()


async def _limited(client: Client, number: int) -> None:
    subscription = await client.subscribe(f"chain.{number}", max_msgs=1)
    await client.publish(f"chain.{number}", b"{}")
    await subscription.next_msg(timeout=10)


_TURN = pytest.mark.parametrize("turn", [_ask, _iterate, _process, _limited])
Turn = Callable[[Client, int], Awaitable[None]]


@_TURN
async def test_a_task_keeps_nothing_of_subscriptions_that_are_closed(
    connect: Connect, spans: Instrumentation, turn: Turn
) -> None:
    """It may make one for each job, as long as it lives."""
    client = await connect()
    before = _kept()
    for number in range(_TURNS):
        await turn(client, number)
    assert _kept() - before <= _FEW


@_TURN
async def test_tasks_that_start_each_other_keep_nothing_of_those_before(
    connect: Connect, spans: Instrumentation, turn: Turn
) -> None:
    """Each one has the context of the one that made it."""
    client = await connect()
    before = _kept()
    done: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def job(number: int) -> None:
        await turn(client, number)
        if number == _TURNS:
            done.set_result(_kept() - before)
        else:
            start(number + 1)

    def start(number: int) -> None:
        task = asyncio.create_task(job(number))
        running.add(task)
        task.add_done_callback(running.discard)

    running: set[asyncio.Task[None]] = set()
    start(1)
    assert await done <= _FEW


async def test_a_task_keeps_little_of_subscriptions_that_overlap(
    connect: Connect, spans: Instrumentation
) -> None:
    """The next one is made and asked before the former one is closed."""
    client = await connect()
    before = _kept()
    former: Subscription | None = None
    for number in range(300):
        subscription = await client.subscribe(f"chain.{number}")
        await client.publish(f"chain.{number}", b"{}")
        await subscription.next_msg(timeout=10)
        if former is not None:
            await former.unsubscribe()
        former = subscription
    assert _kept() - before <= 110


async def test_callbacks_that_subscribe_the_next_one_keep_nothing_of_those_before(
    connect: Connect, spans: Instrumentation
) -> None:
    """The task of a subscription has the context of the callback that it was made in."""
    client = await connect()
    done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    before = _kept()

    async def subscribe(number: int) -> None:
        async def callback(_: Msg) -> None:
            if number == _TURNS:
                done.set_result(_kept() - before)
            else:
                await subscribe(number + 1)

        subscription = await client.subscribe(f"chain.{number}", cb=callback)
        await subscription.unsubscribe(limit=1)
        await client.publish(f"chain.{number}", b"{}")

    await subscribe(1)
    assert await done <= _FEW


async def test_the_context_of_an_open_subscription_is_there_again_after_one_that_is_closed(
    connect: Connect, spans: Instrumentation
) -> None:
    """What is asked of others meanwhile is over when it is asked for the next message."""
    client = await connect()
    outer = await client.subscribe("chain.outer")
    seen: list[int] = []
    for number in range(3):
        await client.publish("chain.outer", b"{}")
        await outer.next_msg(timeout=10)
        own = trace.get_current_span().get_span_context().span_id
        for _ in range(12):
            await _ask(client, number)
        assert trace.get_current_span().get_span_context().span_id != own
        seen.append(own)
    assert len(set(seen)) == 3


async def _open(client: Client, name: str, entries: dict[str, str]) -> Subscription:
    """A subscription with a message in it, which came with a baggage and a reply subject."""
    subscription = await client.subscribe(f"chain.{name}")
    context = Context()
    for key, value in entries.items():
        context = baggage.set_baggage(key, value, context)
    token = attach(context)
    await client.publish(f"chain.{name}", b"{}", reply="chain.replies")
    detach(token)
    return subscription


async def test_baggage_stays_under_a_span_of_the_application(
    connect: Connect, spans: Instrumentation
) -> None:
    """In which another subscription is asked, while the one of the message is closed."""
    client = await connect()
    subscription = await _open(client, "job", {"tenant": "a"})
    await subscription.next_msg(timeout=10)
    await subscription.unsubscribe()
    other = await _open(client, "other", {})
    with spans.tracer.start_as_current_span("work"):
        await other.next_msg(timeout=10)
        assert baggage.get_all() == {"tenant": "a"}


async def test_baggage_is_given_back_in_the_last_turn_of_a_loop(
    connect: Connect, spans: Instrumentation
) -> None:
    """After another subscription that had no more."""
    client = await connect()
    subscription = await _open(client, "job", {"tenant": "a"})
    await subscription.unsubscribe(limit=1)
    other = await _open(client, "other", {})
    async for _ in subscription.messages:
        job = trace.get_current_span()
        await other.next_msg(timeout=10)
        with pytest.raises(nats.errors.TimeoutError):
            await other.next_msg(timeout=0.01)
        assert trace.get_current_span() is job
        assert baggage.get_all() == {"tenant": "a"}


async def test_the_last_turn_of_an_outer_loop_is_come_back_to(
    connect: Connect, spans: Instrumentation
) -> None:
    """After an inner one that ended, too, in which a third subscription was asked."""
    client = await connect()
    outer = await _open(client, "outer", {})
    inner = await _open(client, "inner", {})
    other = await _open(client, "other", {})
    for subscription in (outer, inner):
        await subscription.unsubscribe(limit=1)
    async for _ in outer.messages:
        job = trace.get_current_span()
        async for _ in inner.messages:
            await other.next_msg(timeout=10)
        assert trace.get_current_span() is job


async def test_a_job_is_come_back_to_when_another_subscription_gets_nothing(
    connect: Connect, spans: Instrumentation
) -> None:
    """The subscription that it came from is closed, the work on it is not over."""
    client = await connect()
    await _ask(client, 1)
    job = trace.get_current_span()
    helper = await client.subscribe("chain.helper")
    await client.publish("chain.helper", b"{}")
    await helper.next_msg(timeout=10)
    assert trace.get_current_span() is not job
    with pytest.raises(nats.errors.TimeoutError):
        await helper.next_msg(timeout=0.01)
    assert trace.get_current_span() is job
