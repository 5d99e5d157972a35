"""What is nats-py's own is never touched: JetStream, KV, object store, micro, replies, acks."""

from __future__ import annotations

import json
from typing import Any

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import ConsumerConfig
from nats.js.client import JetStreamContext

from accounts import ACCOUNTS
from conftest import (
    BOTH_SERVERS,
    CARRIERS,
    Connect,
    Inbox,
    Instrumentation,
    StartServer,
    settle,
)

pytestmark = BOTH_SERVERS


@pytest.mark.parametrize("carrier", CARRIERS)
async def test_jetstream_works_and_only_the_messages_are_traced(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation, carrier: str
) -> None:
    """Streams, consumers, publishes, acks and fetches work; only messages have spans."""
    instrumentation.start(carrier=carrier)
    nc = await connect()
    js = nc.jetstream()
    stream = f"JS-{carrier}"
    await js.add_stream(name=stream, subjects=[f"js.{carrier}.>"])
    subject = f"js.{carrier}.new"
    ack = await js.publish(subject, b'{"a":1}')
    assert (ack.stream, ack.seq) == (stream, 1)
    push = await js.subscribe(subject, cb=inbox.callback)
    await inbox.data()
    pull = await js.pull_subscribe(subject, durable="d")
    (message,) = await pull.fetch(1)
    assert json.loads(message.data)["a"] == 1
    await message.ack_sync()
    stored = await js.get_msg(stream, 1)
    assert stored.data is not None
    assert json.loads(stored.data)["a"] == 1
    await push.unsubscribe()
    await js.delete_stream(stream)
    operations = ("publish", "process", "fetch")
    assert instrumentation.names() == [f"{operation} {subject}" for operation in operations]


@pytest.mark.parametrize("carrier", CARRIERS)
async def test_key_value_stores_exactly_what_is_put(
    connect: Connect, instrumentation: Instrumentation, carrier: str
) -> None:
    """A KV value is the application's bytes, for whoever reads it; there are no spans."""
    instrumentation.start(carrier=carrier)
    kv = await (await connect()).jetstream().create_key_value(bucket=f"kv-{carrier}")
    with instrumentation.tracer.start_as_current_span("work"):
        revision = await kv.put("key", b'{"v":1}')
        await kv.update("key", b'{"v":2}', last=revision)
        watcher = await kv.watchall()
        entry: Any = None
        while entry is None:  # nats-py's word that all is told may come before the last entry
            entry = await watcher.updates()
        assert entry.value == (await kv.get("key")).value == b'{"v":2}'
        await kv.delete("key")
        await watcher.stop()
    assert instrumentation.names() == ["work"]


@pytest.mark.parametrize("carrier", CARRIERS)
async def test_the_object_store_gives_back_what_was_put(
    connect: Connect, instrumentation: Instrumentation, carrier: str
) -> None:
    """A chunk that is a JSON object itself keeps its digest."""
    if not hasattr(JetStreamContext, "create_object_store"):
        pytest.skip("this nats-py has no object store")
    instrumentation.start(carrier=carrier)
    nc = await connect()
    store = await nc.jetstream().create_object_store(f"os-{carrier}")
    with instrumentation.tracer.start_as_current_span("work"):
        await store.put("name", b'{"v":1}')
        assert (await store.get("name")).data == b'{"v":1}'
    assert instrumentation.names() == ["work"]


@pytest.mark.parametrize("carrier", CARRIERS)
async def test_an_api_under_a_prefix_of_its_own_is_known(
    connect: Connect, start_server: StartServer, instrumentation: Instrumentation, carrier: str
) -> None:
    """jetstream(prefix=...) over an account import: no $ in the subject, and still no field."""
    url = start_server(ACCOUNTS)
    service = await connect(url, user="service", password="x")
    await service.jetstream().add_stream(name="ORDERS", subjects=["orders.>"])
    nc = await connect(url, user="app", password="x")
    instrumentation.start(carrier=carrier)
    js = nc.jetstream(prefix="acme.js")
    with instrumentation.tracer.start_as_current_span("work"):
        info = await js.add_consumer("ORDERS", ConsumerConfig(durable_name="late"))
        assert info.name == "late"
        assert (await js.stream_info("ORDERS")).config.name == "ORDERS"
    assert instrumentation.names() == ["work"]


@pytest.mark.parametrize("call", ["pull", "manage", "get"])
async def test_an_api_prefix_older_than_the_instrumentation_is_known(
    connect: Connect, start_server: StartServer, instrumentation: Instrumentation, call: str
) -> None:
    """Contexts and pull subscriptions made before instrument() ask under a prefix not seen yet."""
    url = start_server(ACCOUNTS)
    service = await connect(url, user="service", password="x")
    await service.jetstream().add_stream(name="ORDERS", subjects=["orders.>"])
    await service.jetstream().publish("orders.new", b'{"a":1}')
    nc = await connect(url, user="app", password="x")
    js = nc.jetstream(prefix="acme.js")
    pull = await js.pull_subscribe("orders.new", durable="early", stream="ORDERS")
    instrumentation.start()
    names = ["work"]
    with instrumentation.tracer.start_as_current_span("work"):
        if call == "pull":
            assert [m.data for m in await pull.fetch(1)] == [b'{"a":1}']
            names.append("fetch orders.new")
        elif call == "manage":
            info = await js.add_consumer("ORDERS", ConsumerConfig(durable_name="late"))
            assert info.name == "late"
        else:
            assert (await js.get_msg("ORDERS", 1)).data == b'{"a":1}'
    assert instrumentation.names() == names


async def test_a_domain_is_known(
    connect: Connect, start_server: StartServer, instrumentation: Instrumentation
) -> None:
    """$JS.<domain>.API is internal as $JS.API is."""
    instrumentation.start()
    nc = await connect(start_server())
    context = nc.jetstream(domain="hub")
    with pytest.raises(Exception, match=r"(?i)no ?responders|unavailable|503"):
        await context.account_info()
    assert instrumentation.names() == []


async def test_acknowledgements_are_not_traced(
    connect: Connect, spans: Instrumentation, inbox: Inbox
) -> None:
    """ack, nak with a delay, in_progress and term reach the server as nats-py wrote them."""
    nc = await connect()
    js = nc.jetstream()
    await js.add_stream(name="ACKS", subjects=["acks"])
    for _ in range(3):
        await js.publish("acks", b"{}")
    pull = await js.pull_subscribe("acks", durable="acks")
    first, second, third = await pull.fetch(3)
    names = spans.names()
    with spans.tracer.start_as_current_span("settle"):
        await first.in_progress()
        await first.ack_sync()
        await second.nak(delay=0.01)
        await third.term()
    (again,) = await pull.fetch(1)
    assert again.metadata.num_delivered == 2
    assert spans.names() == [*names, "settle", "fetch acks"]


async def test_the_wire_is_the_same_for_a_subscriber_of_everything(
    connect: Connect, instrumentation: Instrumentation, start_server: StartServer
) -> None:
    """Bare and instrumented, a run over JetStream, KV and requests sends the same messages."""

    async def run(client: Client) -> None:
        js = client.jetstream()
        await js.add_stream(name="WIRE", subjects=["wire.>"])
        kv = await js.create_key_value(bucket="wire")
        await kv.put("k", b'{"v":1}')
        await js.publish("wire.plain", b"[1]")
        pull = await js.pull_subscribe("wire.>", durable="d")
        (message,) = await pull.fetch(1)
        await message.ack_sync()

    async def recorded(url: str) -> list[tuple[str, bytes]]:
        seen: list[tuple[str, bytes]] = []
        observer = await connect(url)

        async def observe(message: Msg) -> None:
            if message.subject.startswith(("$JS.API.", "$KV.", "wire.")):
                seen.append((message.subject, message.data))

        await observer.subscribe(">", cb=observe)  # one, for the order of them all
        await settle(observer)
        await run(await connect(url))
        await observer.drain()
        return seen

    bare = await recorded(start_server())
    instrumentation.start(excluded_subjects=["nothing"])
    assert await recorded(start_server()) == bare
