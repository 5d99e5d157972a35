"""Calls that nats-py refuses, coroutines that nobody awaits, and what iterators are."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

from nats.aio.client import Client
from nats.aio.msg import Msg

from .payloads import OBJECT, PAYLOADS
from .world import World


async def _functions(world: World) -> list[Callable[..., Any]]:
    """What of nats-py is replaced, save what takes no arguments."""
    nc = await world.connect()
    js: Any = nc.jetstream()
    await world.stream(js, "CALLS", "calls")
    subscription, message = await nc.subscribe("calls"), Msg(nc, "calls", "reply", b"")
    pull = await js.pull_subscribe("calls", durable="d")
    return [
        nc.publish, nc.request, nc.subscribe, subscription.next_msg, message.respond, message.ack,
        message.ack_sync, message.nak, message.term, message.in_progress, js.publish, js.get_msg,
        js.get_last_msg, js.subscribe, js.pull_subscribe, js.subscribe_bind, pull.fetch,
        js._api_request,
    ]  # fmt: skip


async def calls_with_wrong_arguments(world: World) -> None:
    """A coroutine function refuses arguments at the call, and not when it is awaited."""
    functions = await _functions(world)
    for function in functions:
        await world.call(function, unknown=1)
        await world.call(function, "calls", self=1)
        await world.call(function, *range(20))
    owned: list[Callable[..., Any]] = [Client.request, Msg.ack, Msg.respond]
    for function in owned:
        await world.call(function)
        await world.call(function, world.clients[0], unknown=1)


async def coroutines_that_nobody_awaits(world: World) -> None:
    """Python warns of each, unless it is closed; and nothing was done."""
    for function in await _functions(world):
        count = function.__code__.co_argcount - len(function.__defaults__ or ()) - 1
        arguments = ["calls"] * count
        forgotten = function(*arguments)
        world.note("coroutines", (forgotten.__qualname__, forgotten.__name__, type(forgotten)))
        del forgotten
        function(*arguments).close()
    gc.collect()


def _attribute(owner: type, name: str) -> Any:
    return vars(owner)[name]


async def called_as_functions(world: World) -> None:
    """Methods that are looked up on their class, or among its attributes."""
    nc: Any = await world.connect()
    subscription = await nc.subscribe("as.functions")
    lookups: list[Callable[[Any, str], Any]] = [getattr, _attribute]
    for look_up in lookups:
        await world.call(look_up(Client, "publish"), nc, "as.functions", OBJECT)
        await world.call(look_up(type(subscription), "next_msg"), subscription, timeout=1)
        await world.call(look_up(Client, "request"), nc, "nobody.there", OBJECT, timeout=1)
        await world.call(look_up(Client, "request"), nc, unknown=1)


class _Pairs:
    """Headers that are no mapping."""

    def items(self) -> list[tuple[str, str]]:
        return [("A", "b")]


class _Raising:
    """Headers that raise something of the application's."""

    def items(self) -> None:
        raise LookupError("mine")


async def headers_of_a_wrong_type(world: World) -> None:
    """nats-py refuses them in its own way, or in Python's."""
    nc: Any = await world.connect()
    js = nc.jetstream()
    await world.stream(js, "HEADERS", "js.headers")
    message = Msg(nc, "wrong", "answer.here", b"")
    wrong: list[Any] = [
        "text", {"A": 7}, {7: "a"}, ["A"], 7, {"A": None}, {"A": b"a"}, {"A": "\ud800"},
        {"A": ["b"]}, _Raising(), object(),
    ]  # fmt: skip
    for headers in wrong:
        await world.call(nc.publish, "wrong.headers", OBJECT, headers=headers)
        await world.call(nc.publish, "wrong.headers", b"[1]", headers=headers)
        await world.call(nc.request, "wrong.headers", OBJECT, 0.1, headers=headers)
        await world.call(js.publish, "js.headers", OBJECT, headers=headers)
        message.headers = headers
        await world.call(message.respond, OBJECT)
        await world.settle(nc)


async def headers_of_another_type(world: World) -> None:
    """nats-py takes whatever has items."""
    nc: Any = await world.connect()
    js = nc.jetstream()
    await world.stream(js, "PAIRS", "pairs.stored")
    message = Msg(nc, "pairs", "pairs.answer", b"", _Pairs())  # type: ignore[arg-type]
    await nc.subscribe("pairs.>", cb=world.keep("received"))
    await world.settle(nc)
    for payload in (OBJECT, b"[1]"):
        await world.call(nc.publish, "pairs.some", payload, headers=_Pairs())
        await world.call(js.publish, "pairs.stored", payload, headers=_Pairs())
        await world.call(message.respond, payload)


class _Messages:
    """Those of a subscription, in a class of the application's."""

    def __init__(self, subscription: Any) -> None:
        self._subscription = subscription

    def __aiter__(self) -> Any:
        return aiter(self._subscription.messages)


async def iterators(world: World) -> None:
    """An asynchronous iterator is its own iterator, and of its own type, in every loop."""
    nc = await world.connect()
    subscription = await nc.subscribe("own.iterator")
    await world.settle(nc)
    for payload in PAYLOADS[:4]:
        await nc.publish("own.iterator", payload)
    iterator = subscription.messages
    own: list[Any] = [aiter(iterator), aiter(aiter(iterator)), iterator.__aiter__()]
    own.append(aiter(_Messages(subscription)))
    world.note("iterators", [(it is iterator, type(it), repr(it)) for it in own])
    loops: list[Any] = [iterator, aiter(iterator), _Messages(subscription), own[-1]]
    for loop in loops:
        async for message in loop:
            world.note("iterated", message)
            break
    await subscription.unsubscribe()
    world.note("rest", [message async for message in iterator])


SCENARIOS = (
    calls_with_wrong_arguments,
    coroutines_that_nobody_awaits,
    called_as_functions,
    headers_of_a_wrong_type,
    headers_of_another_type,
    iterators,
)
