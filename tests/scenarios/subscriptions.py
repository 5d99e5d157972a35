"""The ways to get messages, their limits and ends."""

from __future__ import annotations

import asyncio
import functools
from contextvars import ContextVar
from typing import Any

from nats.aio.msg import Msg

from .payloads import OBJECT, PAYLOADS
from .world import World, since

_application: ContextVar[str] = ContextVar("application", default="nothing")


async def next_msg(world: World) -> None:
    """Messages that wait, time-outs, and subscriptions that have a callback."""
    nc = await world.connect()
    subscription = await nc.subscribe("asked.*")
    with_callback = await nc.subscribe("asked.other", cb=world.keep("callback"))
    await world.settle(nc)
    await world.call(subscription.next_msg, timeout=0.01)
    await world.call(subscription.next_msg, 0)
    for payload in PAYLOADS:
        await nc.publish("asked.one", payload, headers={"A": "b"})
    await world.settle(nc)
    world.note("waiting", (subscription.pending_msgs, subscription.delivered))
    for _ in PAYLOADS:
        await world.call(subscription.next_msg, timeout=5)
    world.note("taken", world.subscription(subscription))
    await world.call(subscription.next_msg, timeout=0.01)
    await world.call(with_callback.next_msg, timeout=0.01)
    await world.call(subscription.unsubscribe)


async def next_msg_cancelled(world: World) -> None:
    """Waiting that is given up from outside, and goes on afterwards."""
    nc = await world.connect()
    subscription = await nc.subscribe("given.up")
    await world.settle(nc)
    await world.call(asyncio.wait_for, subscription.next_msg(timeout=5), 0.01)
    waiting = asyncio.create_task(subscription.next_msg(timeout=5))
    await asyncio.sleep(0)
    waiting.cancel()
    world.note("cancelled", (await asyncio.gather(waiting, return_exceptions=True))[0])
    for payload in PAYLOADS[:3]:
        await nc.publish("given.up", payload)
        await world.call(asyncio.wait_for, subscription.next_msg(timeout=5), 5)
    world.note("taken", world.subscription(subscription))


async def several_wait(world: World) -> None:
    """Several tasks wait at one subscription; each message goes to one of them."""
    nc = await world.connect()
    subscription = await nc.subscribe("several.wait")
    await world.settle(nc)
    waiting = [asyncio.create_task(subscription.next_msg(timeout=5)) for _ in range(4)]
    await asyncio.sleep(0)
    for number in range(4):
        await nc.publish("several.wait", b'{"number":%d}' % number)
    for message in await asyncio.gather(*waiting):
        world.note("received", message)


async def iteration(world: World) -> None:
    """``async for``: left by break, ended by unsubscribe and by a limit."""
    nc = await world.connect()
    left, ended, limited = [await nc.subscribe(f"iterate.{n}") for n in range(3)]
    with_callback = await nc.subscribe("iterate.4", cb=world.keep("callback"))
    await world.settle(nc)
    for payload in PAYLOADS[:4]:
        for number in range(3):
            await nc.publish(f"iterate.{number}", payload)
    await world.settle(nc)
    async for message in left.messages:
        world.note("left", message)
        if left.pending_msgs == 1:
            break
    await limited.unsubscribe(limit=4)
    async for message in limited.messages:
        world.note("limited", message)
    async for message in ended.messages:
        world.note("ended", message)
        if ended.pending_msgs == 0:
            await ended.unsubscribe()
    for subscription in (left, ended, limited):
        world.note("subscriptions", world.subscription(subscription))
    await world.call(lambda: with_callback.messages)


async def iteration_by_hand(world: World) -> None:
    """The iterator itself: awaited, cancelled, and asked after its end."""
    since("2.16", "loses the message after an iteration that was cancelled")
    nc = await world.connect()
    subscription = await nc.subscribe("by.hand")
    await world.settle(nc)
    iterator = subscription.messages
    world.note("iterator", (iterator is subscription.messages, iterator))
    await world.call(asyncio.wait_for, anext(iterator), 0.01)
    for payload in PAYLOADS[:3]:
        await nc.publish("by.hand", payload)
        await world.call(iterator.__anext__)
    await subscription.unsubscribe()
    await world.call(iterator.__anext__)
    world.note("taken", world.subscription(subscription))


async def unsubscribing(world: World) -> None:
    """At once, after so many messages, twice, and what comes afterwards."""
    nc = await world.connect()
    at_once = await nc.subscribe("un.once", cb=world.keep("at once"))
    later = await nc.subscribe("un.later", cb=world.keep("later"))
    limited = await nc.subscribe("un.limited", cb=world.keep("limited"), max_msgs=2)
    asked = await nc.subscribe("un.asked")
    await world.settle(nc)
    await world.call(later.unsubscribe, limit=2)
    await world.call(asked.unsubscribe, 2)
    for payload in PAYLOADS[:4]:
        for subject in ("un.once", "un.later", "un.limited", "un.asked"):
            await nc.publish(subject, payload)
        await world.settle(nc)
        await world.call(at_once.unsubscribe)
    for _ in range(3):
        await world.call(asked.next_msg, timeout=0.01)
    await world.call(at_once.drain)
    for subscription in (at_once, later, limited, asked):
        world.note("subscriptions", world.subscription(subscription))


async def a_future(world: World) -> None:
    """``subscribe(future=…)`` has the first message."""
    nc = await world.connect()
    for payload in PAYLOADS:
        future: asyncio.Future[Msg] = asyncio.get_running_loop().create_future()
        subscription = await nc.subscribe("future", future=future, max_msgs=1)
        await world.settle(nc)
        await nc.publish("future", payload)
        world.note("future", await asyncio.wait_for(future, 5))
        world.note("subscription", world.subscription(subscription))


async def pending_limits(world: World) -> None:
    """A slow consumer: what is too much is dropped and reported, the rest is delivered."""
    nc = await world.connect()
    go_on = asyncio.Event()

    async def slow(message: Msg) -> None:
        await go_on.wait()
        world.note("slow", message)

    by_number = await nc.subscribe("slow.number", cb=slow, pending_msgs_limit=3)
    by_size = await nc.subscribe("slow.size", pending_bytes_limit=20)
    await world.settle(nc)
    for number in range(6):
        await nc.publish("slow.number", b'{"number":%d}' % number)
        await world.settle(nc)
        await nc.publish("slow.size", b"[%d,1,2]" % number)
    await world.settle(nc)
    for subscription in (by_number, by_size):
        world.note("pending", world.subscription(subscription))
    go_on.set()
    await by_number.drain()
    while by_size.pending_msgs:
        await world.call(by_size.next_msg)
    world.note("after", [world.subscription(s) for s in (by_number, by_size)])


async def callbacks_that_raise(world: World) -> None:
    """The error goes to error_cb, the next message to the callback."""
    nc = await world.connect()

    async def fails(message: Msg) -> None:
        world.note("called", message)
        try:
            raise LookupError("inner")
        except LookupError as error:
            raise ValueError("outer", 7) from error

    async def stops(message: Msg) -> None:
        world.note("called", message)
        raise asyncio.CancelledError

    failing = await nc.subscribe("raises.error", cb=fails)
    stopping = await nc.subscribe("raises.cancelled", cb=stops)
    await world.settle(nc)
    for payload in PAYLOADS[:3]:
        for subject in ("raises.error", "raises.cancelled"):
            await nc.publish(subject, payload)
        await world.settle(nc)
    for subscription in (failing, stopping):
        world.note("subscriptions", world.subscription(subscription))


async def errors_that_are_logged(world: World) -> None:
    """Without an error_cb, nats-py logs what a callback raises."""
    nc = await world.connect(error_cb=None)

    async def fails(message: Msg) -> None:
        raise ValueError("mine")

    await nc.subscribe("raises.logged", cb=fails)
    await world.settle(nc)
    for payload in PAYLOADS[:2]:
        await nc.publish("raises.logged", payload)
    await world.settle(nc)
    await nc.flush()


class _Service:
    """Callbacks of all kinds."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def bound(self, message: Msg) -> None:
        self.world.note("bound", message)

    async def given(self, track: str, message: Msg) -> None:
        self.world.note(track, message)

    async def __call__(self, message: Msg) -> None:
        self.world.note("never", message)

    def plain(self, message: Msg) -> None:
        self.world.note("never", message)


async def kinds_of_callbacks(world: World) -> None:
    """What is a coroutine function for nats-py is called, anything else is refused."""
    nc = await world.connect()
    service = _Service(world)
    partial = functools.partial(service.given, "partial")
    nested = functools.partial(functools.partial(_Service.given, service), "nested")
    for callback in (service.bound, partial, nested):
        subscription = await world.call(nc.subscribe, "kinds", cb=callback)
        world.note("subscription", world.subscription(subscription))
    refused: list[Any] = [
        service,
        service.plain,
        functools.partial(service.plain),
        7,
        "text",
        print,
    ]
    for callback in refused:
        await world.call(nc.subscribe, "kinds", cb=callback)
    await world.settle(nc)
    await nc.publish("kinds", OBJECT)
    await world.settle(nc)


async def variables_of_the_application(world: World) -> None:
    """A callback sees what was set where it was subscribed, and by the message before."""
    nc = await world.connect()

    async def callback(message: Msg) -> None:
        world.note("seen", _application.get())
        _application.set(world.values("seen").data(message.data).decode("latin-1"))

    _application.set("subscribed")
    await nc.subscribe("variables", cb=callback)
    _application.set("afterwards")
    await world.settle(nc)
    for payload in PAYLOADS[:4]:
        await nc.publish("variables", payload)
    await world.settle(nc)
    world.note("own", _application.get())


SCENARIOS = (
    next_msg,
    next_msg_cancelled,
    several_wait,
    iteration,
    iteration_by_hand,
    unsubscribing,
    a_future,
    pending_limits,
    callbacks_that_raise,
    errors_that_are_logged,
    kinds_of_callbacks,
    variables_of_the_application,
)
