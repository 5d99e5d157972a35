"""What is not the same with the instrumentation; each has a reason in its test."""

from __future__ import annotations

from typing import Any

from nats.aio.msg import Msg

from .payloads import OBJECT
from .world import World


async def calls_with_wrong_arguments(world: World) -> None:
    """Whether a coroutine function refuses arguments at the call, or when it is awaited."""
    nc = await world.connect()
    js: Any = nc.jetstream()
    await world.stream(js, "WRONG", "wrong")
    subscription, message = await nc.subscribe("wrong"), Msg(nc, "wrong", "reply", b"")
    pull = await js.pull_subscribe("wrong", durable="d")
    functions = [
        nc.request, subscription.next_msg, message.respond, message.ack, message.ack_sync,
        message.nak, message.term, message.in_progress, js.publish, js.get_msg, js.get_last_msg,
        js.pull_subscribe, js.subscribe_bind, pull.fetch, js._api_request,
    ]  # fmt: skip
    for function in functions:
        await world.call(function, unknown=1)


async def headers_of_a_wrong_type(world: World) -> None:
    """nats-py refuses them."""
    nc = await world.connect()
    wrong: list[Any] = ["text", {"A": 7}, {7: "a"}, ["A"], 7]
    for headers in wrong:
        await world.call(nc.publish, "wrong.headers", OBJECT, headers=headers)


async def the_iterator_of_an_iterator(world: World) -> None:
    """An asynchronous iterator is its own iterator."""
    nc = await world.connect()
    subscription = await nc.subscribe("own.iterator")
    iterator = subscription.messages
    world.note("iterator", aiter(iterator) is iterator)


async def pending_bytes(world: World) -> None:
    """A limit of bytes that wait, and messages that the field makes larger."""
    nc = await world.connect()
    subscription = await nc.subscribe("pending", pending_bytes_limit=200)
    await world.settle(nc)
    for number in range(10):
        await nc.publish("pending", b'{"number":%d,"symbol":"BTC"}' % number)
    await world.settle(nc)
    world.note("pending", subscription.pending_msgs)


SCENARIOS = (
    calls_with_wrong_arguments,
    headers_of_a_wrong_type,
    the_iterator_of_an_iterator,
    pending_bytes,
)
