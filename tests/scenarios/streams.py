"""JetStream: consumers that are fetched from, and the management of streams and consumers."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

from nats.aio.msg import Msg
from nats.js.api import ConsumerConfig, StorageType
from nats.js.client import JetStreamContext

from .payloads import OBJECT, PAYLOADS
from .world import NAMES, UnsupportedError, World, since


async def _filled(world: World, name: str, count: int = 12, **options: Any) -> tuple[Any, Any]:
    """A connection's JetStream with a stream that has messages of ``count`` payloads."""
    nc = await world.connect()
    js = nc.jetstream()
    await world.stream(js, name, f"{name.lower()}.>", **options)
    for payload in PAYLOADS[:count]:
        await js.publish(f"{name.lower()}.a", payload, headers={"A": "b"})
    return nc, js


async def fetching(world: World) -> None:
    """One message, several, and what is no number of messages and no time-out."""
    _, js = await _filled(world, "FETCH")
    pull = await js.pull_subscribe("fetch.a", durable="d")
    for batch in (1, 1, 4, 6):
        for message in await world.call(pull.fetch, batch, timeout=5) or ():
            await world.call(message.ack_sync)
    for arguments in ((0,), (-1,), (1, 0), (1, -1)):
        await world.call(pull.fetch, *arguments)
    await js.publish("fetch.a", OBJECT)
    (message,) = await world.call(pull.fetch)
    await world.call(message.ack)
    await world.acknowledged("FETCH")
    await world.call(pull.consumer_info)
    await world.call(pull.unsubscribe)


async def _timed(world: World, pull: Any, **options: Any) -> None:
    """Note whether a fetch timed out; whether the server or the client was first is chance."""
    try:
        world.note("timed", await pull.fetch(**options))
    except Exception as error:
        world.note("timed", (type(error).__qualname__, str(error)))


async def fetching_until_time_is_up(world: World) -> None:
    """No message, fewer than asked for, and messages that come while it waits."""
    since("2.16", "leaves requests behind that take the next message")
    nc, js = await _filled(world, "TIMED", 2)
    world.counts = False
    pull: Any = await js.pull_subscribe("timed.*", durable="d")
    await _timed(world, pull, batch=5, timeout=0.05)
    await _timed(world, pull, batch=1, timeout=0.02)
    await _timed(world, pull, batch=3, timeout=0.02)
    fetched = asyncio.create_task(world.call(pull.fetch, 1, timeout=5))
    await world.settle(nc)
    await nc.publish("timed.b", OBJECT)
    await fetched
    await pull.unsubscribe()


async def fetching_with_heartbeats(world: World) -> None:
    """Idle heartbeats while nothing comes, and a message after them."""
    if "heartbeat" not in inspect.signature(JetStreamContext.PullSubscription.fetch).parameters:
        raise UnsupportedError("this nats-py fetches without heartbeats")
    nc, js = await _filled(world, "BEAT")
    world.counts = False
    pull: Any = await js.pull_subscribe("beat.b", durable="d")
    fetched = asyncio.create_task(world.call(pull.fetch, 1, timeout=5, heartbeat=0.02))
    await world.until(lambda: pull._sub.delivered >= 2)
    await nc.publish("beat.b", OBJECT)
    for message in await fetched or ():
        await world.call(message.ack_sync)
    await pull.unsubscribe()


async def fetching_in_vain(world: World) -> None:
    """Fetches that are cancelled, whose consumer goes away, or whose connection is closed."""
    nc, js = await _filled(world, "VAIN")
    pull = await js.pull_subscribe("vain.b", durable="d")
    await world.call(asyncio.wait_for, pull.fetch(1, timeout=5), 0.01)
    await js.publish("vain.b", OBJECT)
    await world.until(lambda: pull.pending_msgs == 1)
    for message in await world.call(pull.fetch, 1, timeout=5) or ():
        await message.ack_sync()
    waiting = asyncio.create_task(_timed(world, pull, batch=1, timeout=0.05))
    await world.settle(nc)
    await js.delete_consumer("VAIN", "d")
    await waiting
    await nc.close()
    await world.call(pull.fetch, 1, 0.02)


async def settling(world: World) -> None:
    """Nak with and without delay, term, in_progress, ack_sync, and a second time."""
    _, js = await _filled(world, "SETTLE", 6)
    config = ConsumerConfig(max_deliver=3, ack_wait=30)
    pull = await js.pull_subscribe("settle.a", durable="d", config=config)
    messages = await pull.fetch(6, timeout=5)
    names = ("nak", "term", "in_progress", "ack", "ack_sync")
    for message, name in zip(messages, names, strict=False):
        await world.call(getattr(message, name))
        await world.call(getattr(message, name))
        world.note("settled", message)
    await world.call(messages[5].nak, delay=0.01)
    for _ in range(2):
        for message in await pull.fetch(1, timeout=5):
            world.note(f"again {message.metadata.sequence.stream}", message)
            await message.ack_sync()
    await world.call(messages[2].ack_sync)
    await world.acknowledged("SETTLE")
    await world.call(js.consumer_info, "SETTLE", "d")
    await world.call(Msg(js._nc, "none", "", b"").ack)
    await world.call(Msg(js._nc, "none", "", b"").in_progress)


async def ephemeral_and_bound(world: World) -> None:
    """Pull consumers without a name, with filters, and bound to what is there."""
    since("2.16", NAMES)
    _, js = await _filled(world, "BOUND")
    pull = await js.pull_subscribe("bound.a", "d", "BOUND")
    bind = js.pull_subscribe_bind
    bound = await bind("d", "BOUND")
    for subscription in (pull, bound):
        for message in await world.call(subscription.fetch, 2, timeout=5):
            await world.call(message.ack_sync)
    await world.call(bind, "d")
    await world.call(js.pull_subscribe, "unknown.subject", "d")
    await world.call(js.pull_subscribe, "bound.a", "a b")
    await world.acknowledged("BOUND")


async def streams(world: World) -> None:
    """Adding, changing, asking, purging and deleting, and everything that is refused."""
    since("2.16", NAMES)
    _, js = await _filled(world, "STREAMS")
    account = await js.account_info()
    world.note("account", (account.streams, account.consumers, account.limits))
    await world.call(js.add_stream, name="STREAMS", subjects=["other"])
    await world.call(js.add_stream, name="OVERLAP", subjects=["streams.>"])
    for name in ("", "a b", "a.b", None):
        await world.call(js.add_stream, name=name)
    await world.call(js.stream_info, "STREAMS")
    await world.call(js.stream_info, "NONE")
    await world.call(
        js.update_stream, name="STREAMS", subjects=["streams.a"], storage=StorageType.MEMORY
    )
    await world.call(js.find_stream_name_by_subject, "streams.a")
    await world.call(js.find_stream_name_by_subject, "nowhere")
    await world.call(js.purge_stream, "STREAMS", keep=3)
    await world.call(js.purge_stream, "STREAMS")
    await world.call(js.streams_info)
    await world.call(js.delete_stream, "STREAMS")
    await world.call(js.delete_stream, "STREAMS")


async def messages_of_a_stream(world: World) -> None:
    """Read by number and by subject, deleted, and not found."""
    nc, js = await _filled(world, "READ", allow_direct=True)
    for number in range(len(PAYLOADS) + 2):
        await world.call(js.get_msg, "READ", number)
    await world.call(js.get_last_msg, "READ", "read.a")
    await world.call(js.get_last_msg, "READ", "read.none")
    every: list[dict[str, Any]] = [{}, {"next": True, "subject": "read.a"}]
    for options in every:
        await world.call(js.get_msg, "READ", 1, direct=True, **options)
    if hasattr(js, "delete_msg"):
        await world.call(js.delete_msg, "READ", 2)
        await world.call(js.delete_msg, "READ", 2)
    await world.call(js.get_msg, "READ", 2)
    await world.settle(nc)


async def consumers(world: World) -> None:
    """Added, asked for, used twice, and deleted."""
    since("2.16", NAMES)
    nc, js = await _filled(world, "CONSUMERS")
    config = ConsumerConfig(durable_name="d", deliver_subject="deliver.d")
    await world.call(js.add_consumer, "CONSUMERS", config)
    await world.call(js.add_consumer, "CONSUMERS", durable_name="d", filter_subject="consumers.x")
    await world.call(js.add_consumer, "NONE", durable_name="d")
    await world.call(js.add_consumer, "CONSUMERS", durable_name="a.b")
    await nc.subscribe("deliver.d", cb=world.keep("plain subscriber"))
    await world.until(lambda: len(world.tracks.get("plain subscriber", ())) == len(PAYLOADS))
    await world.call(js.subscribe, "consumers.a", durable="d")
    await world.call(js.subscribe, "consumers.a", queue="workers", durable="other")
    await world.call(js.subscribe, "nowhere", cb=world.keep("never"))
    await world.call(js.subscribe, "consumers.a", cb=print, manual_ack=True)
    infos = await js.consumers_info("CONSUMERS")
    world.note("infos", sorted(infos, key=lambda info: info.config.durable_name or ""))
    for name in ("d", "none"):
        await world.call(js.delete_consumer, "CONSUMERS", name)
        await world.call(js.consumer_info, "CONSUMERS", name)


async def domains_and_prefixes(world: World) -> None:
    """The API under another name: of a domain, and where nobody answers."""
    nc = await world.connect()
    for options in ({"domain": "hub"}, {"prefix": "$JS.hub.API"}):
        js = nc.jetstream(**options)
        await world.stream(js, "DOMAIN", "domain")
        for payload in PAYLOADS[:3]:
            await world.call(js.publish, "domain", payload)
        pull = await js.pull_subscribe("domain", durable="d")
        for message in await world.call(pull.fetch, 3, timeout=5) or ():
            await world.call(message.ack_sync)
        await world.call(js.subscribe, "domain", cb=world.keep(str(options)))
        await world.until(lambda track=str(options): len(world.tracks.get(track, ())) == 3)
        await world.call(js.delete_stream, "DOMAIN")
    for options in ({"domain": "other"}, {"prefix": "acme.js"}):
        js = nc.jetstream(timeout=0.05, **options)
        await world.call(js.account_info)
        await world.call(js.add_stream, name="X", subjects=["x"])


SCENARIOS = (
    fetching,
    fetching_until_time_is_up,
    fetching_with_heartbeats,
    fetching_in_vain,
    settling,
    ephemeral_and_bound,
    streams,
    messages_of_a_stream,
    consumers,
    domains_and_prefixes,
)
