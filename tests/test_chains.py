"""Subscriptions that are made during the work on the message of another one, without end."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable

import nats.errors
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from opentelemetry import baggage, trace
from opentelemetry.context import Context, attach, detach

from conftest import Connect, Instrumentation
from opentelemetry_instrumentation_nats_payload import process_span
from opentelemetry_instrumentation_nats_payload._continuation import Work, _Continued

_TURNS = 60
_FEW = 3


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


async def test_baggage_of_one_job_is_not_in_the_next_one(
    connect: Connect, spans: Instrumentation
) -> None:
    """Its subscription is closed: what comes then has nothing to do with it."""
    client = await connect()
    for number, entries in enumerate([{"tenant": "a"}, {}]):
        subscription = await client.subscribe(f"chain.{number}")
        context = Context()
        for name, value in entries.items():
            context = baggage.set_baggage(name, value, context)
        token = attach(context)
        await client.publish(f"chain.{number}", b"{}")
        detach(token)
        await subscription.next_msg(timeout=10)
        await subscription.unsubscribe()
        assert baggage.get_all() == entries


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
