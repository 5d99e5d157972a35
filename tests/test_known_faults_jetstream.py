"""Faults that instrumentations of nats-py are known for: JetStream, its API, and inboxes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import ConsumerConfig
from nats.js.client import JetStreamContext
from opentelemetry.instrumentation.utils import suppress_instrumentation

from conftest import CARRIERS, Connect, Inbox, Instrumentation, settle


@pytest.mark.parametrize("carrier", CARRIERS)
async def test_jetstream_publish_takes_everything_by_position(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation, carrier: str
) -> None:
    """Payload, timeout, stream and headers of js.publish may come without their names."""
    instrumentation.start(carrier=carrier, consumed_field="strip")
    js = (await connect()).jetstream()
    stream, subject = f"FAULT-POSITION-{carrier}", f"fault.js.position.{carrier}"
    await js.add_stream(name=stream, subjects=[subject])
    await js.subscribe(subject, None, inbox.callback)
    ack = await js.publish(subject, b'{"a":1}', 5, stream, {"A": "b"})
    assert (ack.stream, ack.seq) == (stream, 1)
    message = await inbox.messages.get()
    assert message.headers
    assert (message.data, message.headers["A"]) == (b'{"a":1}', "b")


async def test_a_push_subscription_made_under_suppression_is_traced_afterwards(
    connect: Connect, inbox: Inbox, spans: Instrumentation
) -> None:
    """The same over JetStream, where nats-py subscribes on the caller's behalf."""
    nc = await connect()
    js = nc.jetstream()
    await js.add_stream(name="FAULT-SUPPRESSED", subjects=["fault.js.suppressed"])
    with suppress_instrumentation():
        await js.subscribe("fault.js.suppressed", cb=inbox.callback)
    await js.publish("fault.js.suppressed", b"{}")
    await inbox.data()
    await settle(nc)
    publish, process = spans.spans()[:2]
    assert process.name == "process fault.js.suppressed"
    assert (process.trace, process.parent) == (publish.trace, publish.span)


async def _acknowledgements(js: JetStreamContext, stream: str) -> tuple[Any, ...]:
    """Deliveries so far, messages without a final acknowledgement, and redelivered ones of them."""
    info = await js.consumer_info(stream, "d")
    assert info.delivered
    return info.delivered.consumer_seq, info.num_ack_pending, info.num_redelivered


@pytest.mark.parametrize("carrier", CARRIERS)
async def test_nak_redelivers_and_term_does_not_for_a_pull_consumer(
    connect: Connect, instrumentation: Instrumentation, carrier: str
) -> None:
    """The server understands both: one message comes again, the other one is done with."""
    instrumentation.start(carrier=carrier)
    js = (await connect()).jetstream()
    stream, subject = f"FAULT-PULL-{carrier}", f"fault.pull.{carrier}"
    await js.add_stream(name=stream, subjects=[subject])
    pull = await js.pull_subscribe(subject, durable="d")
    for payload in (b"term", b"nak"):
        await js.publish(subject, payload)
    with instrumentation.tracer.start_as_current_span("work"):
        term, nak = await pull.fetch(2, timeout=5)
        await term.term()
        await nak.nak(0.01)
        (again,) = await pull.fetch(1, timeout=5)
        assert (again.data, again.metadata.num_delivered) == (b"nak", 2)
        assert await _acknowledgements(js, stream) == (3, 1, 1)
        await again.ack_sync(timeout=5)
    assert await _acknowledgements(js, stream) == (3, 0, 0)


@pytest.mark.parametrize("carrier", CARRIERS)
async def test_nak_redelivers_and_term_does_not_for_a_push_consumer(
    connect: Connect, instrumentation: Instrumentation, carrier: str
) -> None:
    """The same in a callback, where the span of the message is the current one."""
    instrumentation.start(carrier=carrier, settle_spans=True)
    js = (await connect()).jetstream()
    stream, subject = f"FAULT-PUSH-{carrier}", f"fault.push.{carrier}"
    await js.add_stream(name=stream, subjects=[subject])
    delivered: asyncio.Queue[tuple[bytes, int]] = asyncio.Queue()

    async def callback(message: Msg) -> None:
        if message.data == b"term":
            await message.term()
        elif message.metadata.num_delivered == 1:
            await message.nak()
        else:
            await message.ack_sync(timeout=5)
        await delivered.put((message.data, message.metadata.num_delivered))

    await js.subscribe(subject, durable="d", cb=callback, manual_ack=True)
    for payload in (b"term", b"nak"):
        await js.publish(subject, payload)
    found = [await delivered.get() for _ in range(3)]
    assert found == [(b"term", 1), (b"nak", 1), (b"nak", 2)]
    assert await _acknowledgements(js, stream) == (3, 0, 0)


@pytest.mark.parametrize("carrier", CARRIERS)
async def test_streams_consumers_and_buckets_can_be_made(
    connect: Connect, instrumentation: Instrumentation, carrier: str
) -> None:
    """The server refuses requests to its API with a member that it does not know."""
    instrumentation.start(carrier=carrier)
    js = (await connect()).jetstream()
    stream, bucket = f"FAULT-MAKE-{carrier}", f"fault-{carrier}"
    with instrumentation.tracer.start_as_current_span("work"):
        made = await js.add_stream(name=stream, subjects=[f"fault.make.{carrier}"])
        assert made.config.name == stream
        consumer = await js.add_consumer(stream, ConsumerConfig(durable_name="d"))
        assert (consumer.stream_name, consumer.name) == (stream, "d")
        kv = await js.create_key_value(bucket=bucket)
        await kv.put("key", b'{"v":1}')
        assert (await (await js.key_value(bucket)).get("key")).value == b'{"v":1}'
    assert instrumentation.names() == ["work"]


@pytest.mark.parametrize("carrier", CARRIERS)
async def test_object_stores_can_be_made(
    connect: Connect, instrumentation: Instrumentation, carrier: str
) -> None:
    """What is put there has a digest, which a changed object would not match."""
    if not hasattr(JetStreamContext, "create_object_store"):
        pytest.skip("this nats-py has no object store")
    instrumentation.start(carrier=carrier)
    js = (await connect()).jetstream()
    bucket = f"fault-objects-{carrier}"
    with instrumentation.tracer.start_as_current_span("work"):
        await js.create_object_store(bucket)
        store = await js.object_store(bucket)
        await store.put("name", b'{"v":1}')
        assert (await store.get("name")).data == b'{"v":1}'
    assert instrumentation.names() == ["work"]


async def _core_traffic(nc: Client, subject: str, inbox: Inbox) -> None:
    """Publishes, requests of both styles, and replies, also to an inbox of the application's."""

    async def service(message: Msg) -> None:
        await message.respond(b"{}")

    own = nc.new_inbox()
    await nc.subscribe(own, cb=inbox.callback)
    await nc.subscribe(f"{subject}.service", cb=service)
    await nc.publish(f"{subject}.plain", b"{}")
    await nc.publish(f"{subject}.service", b"{}", own)
    await inbox.data()
    await nc.request(f"{subject}.service", b"{}", timeout=5)
    await nc.request(f"{subject}.service", b"{}", timeout=5, old_style=True)


async def _stream_traffic(nc: Client, subject: str, inbox: Inbox) -> None:
    """Push, pull and ordered consumers, and every acknowledgement."""
    js = nc.jetstream()
    await js.add_stream(name=subject.replace(".", "-"), subjects=[f"{subject}.stored"])
    for _ in range(4):
        await js.publish(f"{subject}.stored", b"{}")
    kinds: list[dict[str, Any]] = [
        {},
        {"ordered_consumer": True},
        {"idle_heartbeat": 5, "flow_control": True},
    ]
    for options in kinds:
        await js.subscribe(f"{subject}.stored", cb=inbox.callback, **options)
        for _ in range(4):
            await inbox.data()
    pull = await js.pull_subscribe(f"{subject}.stored", durable="d")
    first, second, third, fourth = await pull.fetch(4, timeout=5)
    await first.in_progress()
    await first.ack()
    await second.nak(delay=60)
    await third.term()
    await fourth.ack_sync(timeout=5)


@pytest.mark.parametrize("carrier", CARRIERS)
async def test_no_span_is_named_by_an_inbox_or_a_subject_of_the_server_s(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation, carrier: str
) -> None:
    """Names are the application's subjects; $JS.ACK... and _INBOX... differ with each message."""
    instrumentation.start(carrier=carrier, settle_spans=True)
    nc = await connect()
    subject = f"fault.names.{carrier}"
    await _core_traffic(nc, subject, inbox)
    await _stream_traffic(nc, subject, inbox)
    await settle(nc)
    names = instrumentation.names()
    assert [name for name in names if "$" in name or "_INBOX" in name] == []
    named = {name.partition(" ")[2] for name in names}
    assert {f"{subject}.plain", f"{subject}.service", f"{subject}.stored"} <= named
