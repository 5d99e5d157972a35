"""Publishing, subscribing and requests."""

from __future__ import annotations

import asyncio
from typing import Any

from nats.aio.msg import Msg

from .payloads import BUFFERS, NO_PAYLOADS, OBJECT, PAYLOADS
from .world import World


async def publish_and_subscribe(world: World) -> None:
    """Every kind of payload, with and without reply and headers, in order."""
    nc = await world.connect()
    subscription = await nc.subscribe("ps.*", cb=world.keep("received"))
    await world.settle(nc)
    for payload in (*PAYLOADS, *BUFFERS):
        await world.call(nc.publish, "ps.plain", payload)
    for payload in PAYLOADS:
        await world.call(nc.publish, "ps.reply", payload, "ps-answers")
        await world.call(nc.publish, subject="ps.headers", payload=payload, headers={"A": "b"})
    await world.call(nc.publish, "ps.nothing")
    await world.settle(nc)
    await world.call(subscription.drain)
    world.note("drained", world.subscription(subscription))


async def subscribe_before_and_after(world: World) -> None:
    """A late subscriber gets what is late; what nobody wants is lost."""
    nc = await world.connect()
    for number in range(3):
        await nc.subscribe("late", cb=world.keep(f"received {number}"))
        await world.settle(nc)
        await nc.publish("late", b'{"after":%d}' % number)
    await world.call(nc.publish, "unwanted", OBJECT)
    await world.settle(nc)


async def queue_groups(world: World) -> None:
    """Each message is for one of the group, and for each of those outside."""
    publisher, nc = [await world.connect() for _ in range(2)]
    received: list[bytes] = []

    async def member(message: Msg) -> None:
        received.append(world.values("group").data(message.data))

    members = [await nc.subscribe("queued", "workers", member) for _ in range(2)]
    members.append(await nc.subscribe("queued", queue="workers", cb=member))
    await nc.subscribe("queued", cb=world.keep("outside"))
    await world.settle(nc)
    for number in range(40):
        await publisher.publish("queued", b'{"number":%d}' % number)
    await world.settle(publisher)
    for subscription in members:
        await world.call(subscription.drain)
    world.note("group", sorted(received))


async def request_and_reply(world: World) -> None:
    """Requests of the new style: payloads, headers, replies, and none."""
    nc = await world.connect()

    async def service(message: Msg) -> None:
        world.note("service", message)
        await world.call(message.respond, message.data, track="respond")

    async def twice(message: Msg) -> None:
        await message.respond(b'{"first":1}')
        await message.respond(b'{"second":2}')

    await nc.subscribe("rr.echo", cb=service)
    await nc.subscribe("rr.twice", cb=twice)
    await nc.subscribe("rr.silent", cb=world.keep("silent"))
    await world.settle(nc)
    for payload in PAYLOADS:
        await world.call(nc.request, "rr.echo", payload, timeout=5)
        await world.call(nc.request, "rr.echo", payload, 5, False, {"A": "b", "C": "d"})
    await world.call(nc.request, "rr.twice", OBJECT, timeout=5)
    await world.call(nc.request, "rr.silent", OBJECT, timeout=0.02)
    await world.call(nc.request, "rr.nobody", OBJECT, timeout=5)


async def requests_at_once(world: World) -> None:
    """Each gets its own reply."""
    nc = await world.connect()

    async def service(message: Msg) -> None:
        await message.respond(message.data)

    await nc.subscribe("many", cb=service)
    await world.settle(nc)
    payloads = [b'{"number":%d}' % number for number in range(30)]
    replies = await asyncio.gather(*(nc.request("many", p, timeout=5) for p in payloads))
    for reply in replies:
        world.note("replies", reply)


async def old_style_requests(world: World) -> None:
    """The same with a subscription for each request."""
    nc = await world.connect()

    async def service(message: Msg) -> None:
        world.note("service", message)
        await message.respond(b'{"r":1}')

    await nc.subscribe("old", cb=service)
    await nc.subscribe("old.silent", cb=world.keep("silent"))
    await world.settle(nc)
    for payload in PAYLOADS:
        await world.call(nc.request, "old", payload, timeout=5, old_style=True)
    await world.call(nc.request, "old", OBJECT, 5, True, {"A": "dropped"})
    await world.call(nc.request, "old.silent", OBJECT, 0.02, True)
    await world.call(nc.request, "old.nobody", OBJECT, 5, True)


async def replies_by_hand(world: World) -> None:
    """Publishing to the reply, respond() where there is none, and a reply to an own inbox."""
    nc = await world.connect()

    async def service(message: Msg) -> None:
        world.note("service", message)
        await world.call(nc.publish, message.reply, b'{"r":1}', track="respond")
        await world.call(message.respond, b'{"r":2}', track="respond")

    inbox = nc.new_inbox()
    await nc.subscribe(inbox, cb=world.keep("inbox"))
    await nc.subscribe("hand", cb=service)
    await world.settle(nc)
    await nc.publish("hand", OBJECT, reply=inbox, headers={"A": "b"})
    await nc.publish("hand", OBJECT)
    await world.call(nc.request, "hand", OBJECT, timeout=5)
    await world.settle(nc)
    await world.call(Msg(nc, "s", "", b"").respond, b"{}")


async def no_responders(world: World) -> None:
    """Requests that nobody answers, from a callback as well."""
    nc = await world.connect()

    async def relay(message: Msg) -> None:
        await world.call(nc.request, "nowhere", message.data, track="relay")
        await message.respond(b"[]")

    await nc.subscribe("relay", cb=relay)
    await world.settle(nc)
    for payload in PAYLOADS[:4]:
        await world.call(nc.request, "nowhere", payload)
        await world.call(nc.request, "relay", payload, timeout=5)


async def several_subscriptions_of_a_subject(world: World) -> None:
    """Each gets the message, as callback, by next_msg and by iteration."""
    nc = await world.connect()
    await nc.subscribe("several", cb=world.keep("first"))
    await nc.subscribe("several", cb=world.keep("second"))
    await nc.subscribe(">", cb=world.keep("everything"))
    asked, iterated = await nc.subscribe("several"), await nc.subscribe("*")
    await world.settle(nc)
    for payload in PAYLOADS[:5]:
        await nc.publish("several", payload)
        await world.call(asked.next_msg, timeout=5)
    await world.settle(nc)
    await iterated.unsubscribe(limit=5)
    async for message in iterated.messages:
        world.note("iterated", message)


async def a_burst(world: World) -> None:
    """Coroutines of publish that are collected, made in one order and run in one go."""
    nc = await world.connect()
    await nc.subscribe("burst", cb=world.keep("received"))
    await world.settle(nc)
    coroutines = [nc.publish("burst", b'{"number":%d}' % n) for n in range(100)]
    world.note("results", await asyncio.gather(*coroutines))
    await world.settle(nc)


async def a_chain(world: World) -> None:
    """Callbacks that publish what they got, to the next one."""
    nc = await world.connect()

    async def relay(message: Msg) -> None:
        world.note(message.subject, message)
        step = int(message.subject.rpartition(".")[2])
        await nc.publish(f"chain.{step + 1}", message.data, headers=message.headers)

    for step in range(4):
        await nc.subscribe(f"chain.{step}", cb=relay)
    await nc.subscribe("chain.4", cb=world.keep("end"))
    await world.settle(nc)
    for payload in PAYLOADS:
        await nc.publish("chain.0", payload, headers={"A": "b"})
    await world.until(lambda: len(world.tracks.get("end", ())) >= len(PAYLOADS))


async def bad_arguments(world: World) -> None:
    """What nats-py refuses, when it does, and in its words."""
    nc = await world.connect()
    subscription = await nc.subscribe("bad")
    calls: list[tuple[Any, tuple[Any, ...], dict[str, Any]]] = [
        *((nc.publish, ("bad", payload), {}) for payload in NO_PAYLOADS),
        *((nc.request, ("bad", payload), {"timeout": 0.02}) for payload in NO_PAYLOADS),
        (nc.publish, (), {}),
        (nc.publish, ("bad", b"", "", None, "more"), {}),
        (nc.publish, ("bad",), {"data": b""}),
        (nc.publish, (None, b""), {}),
        (nc.publish, (7, OBJECT), {}),
        (nc.publish, ("bad", OBJECT, 7), {}),
        (nc.subscribe, (), {}),
        (nc.subscribe, (None,), {}),
        (nc.subscribe, ("bad",), {"callback": world.keep("never")}),
        (subscription.next_msg, ("soon",), {}),
    ]
    for function, args, kwargs in calls:
        await world.call(function, *args, **kwargs)


SCENARIOS = (
    publish_and_subscribe,
    subscribe_before_and_after,
    queue_groups,
    request_and_reply,
    requests_at_once,
    old_style_requests,
    replies_by_hand,
    no_responders,
    several_subscriptions_of_a_subject,
    a_burst,
    a_chain,
    bad_arguments,
)
