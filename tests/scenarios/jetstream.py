"""JetStream: publishing, and consumers that push."""

from __future__ import annotations

import asyncio
from typing import Any

from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.client import JetStreamContext

from .payloads import OBJECT, PAYLOADS
from .world import World, needs


async def publishing(world: World) -> None:
    """Acknowledgements, expectations that are met or not, and streams that are not there."""
    nc = await world.connect()
    js = nc.jetstream()
    await world.stream(js, "PUB", "pub.>")
    for payload in PAYLOADS:
        await world.call(js.publish, "pub.plain", payload)
        await world.call(js.publish, "pub.headers", payload, 5, "PUB", {"A": "b"})
    expectations: list[dict[str, str]] = [
        {"Nats-Expected-Stream": "PUB"},
        {"Nats-Expected-Stream": "OTHER"},
        {"Nats-Expected-Last-Sequence": "25"},
        {"Nats-Expected-Last-Sequence": "1"},
        {"Nats-Expected-Last-Subject-Sequence": "7"},
        {"Nats-Expected-Last-Msg-Id": "unknown"},
    ]
    for headers in expectations:
        await world.call(js.publish, "pub.expect", OBJECT, headers=headers)
        world.note("given", headers)
    await world.call(js.publish, "pub.stream", OBJECT, stream="OTHER")
    await world.call(js.publish, "nowhere", OBJECT)
    await world.call(js.publish, "", OBJECT)
    await world.call(nc.publish, "pub.core", OBJECT)
    await world.settle(nc)
    await world.call(js.stream_info, "PUB")


async def duplicates(world: World) -> None:
    """A message whose id is known is acknowledged as a duplicate, and not stored."""
    nc = await world.connect()
    js = nc.jetstream()
    await world.stream(js, "DUP", "dup.>")
    for number in (1, 2, 1, 3, 2):
        for payload in (OBJECT, b"[1]"):
            identity = f"{number}-{len(payload)}"
            await world.call(js.publish, "dup.a", payload, headers={"Nats-Msg-Id": identity})
    await world.call(js.stream_info, "DUP")


async def publishing_asynchronously(world: World) -> None:
    """Futures of acknowledgements: all of them, errors, and how many are under way."""
    needs(JetStreamContext, "publish_async")
    nc = await world.connect()
    js: Any = nc.jetstream(publish_async_max_pending=20)
    await world.stream(js, "ASYNC", "async.>")
    futures = [await js.publish_async("async.a", payload) for payload in PAYLOADS]
    world.note("pending", js.publish_async_pending())
    await world.call(js.publish_async_completed)
    for future in futures:
        world.note("acks", await future)
    await world.call(lambda: js.publish_async("nowhere", OBJECT))
    (nowhere,) = js._publish_async_futures.values()
    world.note("refused", (await asyncio.gather(nowhere, return_exceptions=True))[0])
    expected = {"Nats-Expected-Last-Sequence": "99"}
    await world.call(js.publish_async, "async.a", OBJECT, headers=expected)
    await world.call(js.publish_async, "async.a", b"[1]", stream="OTHER")
    await world.until(lambda: len(world.tracks.get("events 0", ())) == 2)  # to error_cb only
    world.note("given", (expected, js.publish_async_pending()))


async def a_stalled_publisher(world: World) -> None:
    """More asynchronous publishes than may be under way."""
    needs(JetStreamContext, "publish_async")
    nc = await world.connect()
    js: Any = nc.jetstream(publish_async_max_pending=2)
    await nc.subscribe("stalled", cb=world.keep("received"))
    await world.settle(nc)
    for _ in range(2):
        await world.call(js.publish_async, "stalled", OBJECT, 0.01)
    await world.call(js.publish_async, "stalled", OBJECT, 0.01)
    world.note("pending", js.publish_async_pending())


async def push_callbacks(world: World) -> None:
    """Ephemeral and durable consumers; nats-py acknowledges after the callback."""
    nc = await world.connect()
    js = nc.jetstream()
    await world.stream(js, "PUSH", "push.>")
    for payload in PAYLOADS[:6]:
        await js.publish("push.a", payload, headers={"A": "b"})
    await js.publish("push.b", OBJECT)
    ephemeral = await js.subscribe("push.a", cb=world.keep("ephemeral"))
    durable = await js.subscribe("push.>", cb=world.keep("durable"), durable="d")
    await world.until(lambda: len(world.tracks.get("durable", ())) == 7)
    await world.until(lambda: len(world.tracks.get("ephemeral", ())) == 6)
    await world.acknowledged("PUSH")
    for subscription in (ephemeral, durable):
        await world.call(subscription.consumer_info)
        world.note("subscriptions", world.subscription(subscription))
    await world.call(durable.unsubscribe)
    await world.call(ephemeral.drain)


async def push_with_manual_acks(world: World) -> None:
    """Every acknowledgement in a callback, redelivery, and what comes of acknowledging twice."""
    nc = await world.connect()
    js = nc.jetstream()
    await world.stream(js, "MANUAL", "manual")

    async def callback(message: Msg) -> None:
        track = f"message {message.metadata.sequence.stream}"
        world.note(track, message)
        names = ("ack", "nak", "term", "in_progress", "ack_sync")
        again = message.metadata.num_delivered > 1
        name = "ack" if again else names[message.metadata.sequence.stream - 1]
        await world.call(getattr(message, name), track=track)
        await world.call(message.ack, track=track)
        world.note(track, message)

    for payload in PAYLOADS[:5]:
        await js.publish("manual", payload)
    await js.subscribe("manual", cb=callback, durable="d", manual_ack=True)
    await world.until(lambda: len(world.tracks.get("message 2", ())) == 8)
    await world.acknowledged("MANUAL")
    await world.call(js.consumer_info, "MANUAL", "d")


async def push_callbacks_that_raise(world: World) -> None:
    """A message whose callback raised is not acknowledged, and the next one is delivered."""
    nc = await world.connect()
    js = nc.jetstream()
    await world.stream(js, "RAISES", "raises")

    async def callback(message: Msg) -> None:
        world.note("called", message)
        if message.metadata.sequence.stream % 2:
            raise ValueError(message.metadata.sequence.stream)

    for payload in PAYLOADS[:4]:
        await js.publish("raises", payload)
    await js.subscribe("raises", cb=callback, durable="d")
    await world.until(lambda: len(world.tracks.get("called", ())) == 4)
    await world.acknowledged("RAISES", pending=2)


async def push_by_next_msg(world: World) -> None:
    """A consumer that pushes, asked for its messages one by one, and iterated."""
    nc = await world.connect()
    js = nc.jetstream()
    await world.stream(js, "ASKED", "asked")
    subscription = await js.subscribe("asked", durable="d")
    for payload in PAYLOADS:
        await js.publish("asked", payload)
        message = await world.call(subscription.next_msg, timeout=5)
        await world.call(message.ack)
    await world.call(subscription.next_msg, timeout=0.01)
    remaining = PAYLOADS[:3]
    await js.publish("asked", remaining.pop())
    async for message in subscription.messages:
        world.note("iterated", message)
        await message.ack_sync()
        if not remaining:
            break
        await js.publish("asked", remaining.pop())
    await world.acknowledged("ASKED")
    world.note("subscription", world.subscription(subscription))


async def push_to_a_group(world: World) -> None:
    """A queue group of one consumer, and who may not join it."""
    nc = await world.connect()
    js = nc.jetstream()
    await world.stream(js, "GROUP", "group")
    received: list[Any] = []

    async def member(message: Msg) -> None:
        received.append((message.metadata.sequence.stream, message.subject))

    members = [await js.subscribe("group", "workers", cb=member) for _ in range(3)]
    for calls in ({"queue": "workers", "durable": "d"}, {"durable": "workers"}):
        await world.call(js.subscribe, "group", **calls)
    for number in range(20):
        await js.publish("group", b'{"number":%d}' % number)
    await world.until(lambda: len(received) == 20)
    await world.acknowledged("GROUP")
    for subscription in members:
        await world.call(subscription.unsubscribe)
    world.note("received", sorted(received))


async def ordered_consumers(world: World) -> None:
    """By callback and by next_msg, and made anew by nats-py after a gap."""
    nc = await world.connect()
    js = nc.jetstream()
    await world.stream(js, "ORDERED", "ordered.>")
    for payload in PAYLOADS:
        await js.publish("ordered.a", payload)
    by_callback = await js.subscribe("ordered.a", cb=world.keep("got"), ordered_consumer=True)
    asked = await js.subscribe("ordered.a", ordered_consumer=True)
    for _ in PAYLOADS:
        await world.call(asked.next_msg, timeout=5)
    await world.until(lambda: len(world.tracks.get("got", ())) == len(PAYLOADS))
    gap: Any = getattr(by_callback, "_sub", by_callback)
    gap._jsi._dseq += 1
    for number, payload in enumerate(PAYLOADS[:3], len(PAYLOADS) + 1):
        await js.publish("ordered.a", payload)
        await world.call(asked.next_msg, timeout=5)
        await world.until(lambda n=number: len(world.tracks.get("got", ())) == n)
    world.note("subscription", world.subscription(asked))
    for subscription in (asked, by_callback):
        await world.call(subscription.unsubscribe)


async def flow_control(world: World) -> None:
    """Heartbeats and flow control under a consumer that is slower than its stream."""
    nc = await world.connect()
    js = nc.jetstream()
    await world.stream(js, "FLOW", "flow")
    payload = b'{"a":"%b"}' % (b"x" * 8000)
    for _ in range(30):
        await js.publish("flow", payload)
    options: dict[str, Any] = {"flow_control": True, "idle_heartbeat": 5}
    subscription = await js.subscribe("flow", durable="d", **options)
    for _ in range(30):
        message = await subscription.next_msg(timeout=5)
        data = world.values("flow").data(message.data)
        world.note("flow", (message.metadata.sequence.stream, data == payload))
        await message.ack_sync()
    await world.acknowledged("FLOW")
    info = await subscription.consumer_info()
    world.note("info", (info.num_pending, info.num_ack_pending, info.ack_floor))
    await world.call(subscription.unsubscribe)


async def headers_only(world: World) -> None:
    """A consumer that gets headers and sizes, and one that starts in the middle."""
    nc = await world.connect()
    js = nc.jetstream()
    await world.stream(js, "ONLY", "only")
    for payload in PAYLOADS:
        await js.publish("only", payload, headers={"A": "b"})
    config = ConsumerConfig(deliver_policy=DeliverPolicy.LAST, ack_policy=AckPolicy.NONE)
    await js.subscribe("only", cb=world.keep("headers"), headers_only=True)
    await js.subscribe("only", cb=world.keep("last"), config=config)
    await world.until(lambda: len(world.tracks.get("headers", ())) == len(PAYLOADS))
    await world.until(lambda: len(world.tracks.get("last", ())) == 1)
    await world.acknowledged("ONLY")


SCENARIOS = (
    publishing,
    duplicates,
    publishing_asynchronously,
    a_stalled_publisher,
    push_callbacks,
    push_with_manual_acks,
    push_callbacks_that_raise,
    push_by_next_msg,
    push_to_a_group,
    ordered_consumers,
    flow_control,
    headers_only,
)
