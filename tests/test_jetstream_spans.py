"""What spans say of JetStream: ids, consumers, deliveries, and how messages were settled."""

from __future__ import annotations

from importlib.metadata import version

import pytest
from nats.js.api import ConsumerConfig
from opentelemetry import trace
from packaging.version import Version

from conftest import BOTH_SERVERS, Connect, Expect, Inbox, Instrumentation
from expected import consumer, delivery
from jetstream import make_stream, without_duration
from spans import attributes

pytestmark = BOTH_SERVERS


async def test_a_push_delivery(
    connect: Connect, inbox: Inbox, spans: Instrumentation, expected: Expect
) -> None:
    """Stream, consumer, sequences, count, id; acknowledged by nats-py, and how long that took."""
    nc = await connect()
    js = await make_stream(nc, "PUSHED")
    await js.publish("PUSHED.1", b"{}")
    await js.subscribe("PUSHED.1", cb=inbox.callback, durable="d")
    await inbox.data()
    await nc.flush()
    process, duration = without_duration(spans.spans()[-1])
    outcome = attributes({"messaging.nats.ack.outcome": "ack"})
    assert process == expected(nc).process("PUSHED.1", 1, 2, parent=1).but(
        attributes={**delivery("PUSHED", "d", 1), **outcome}
    )
    assert duration is not None


async def test_a_queue_group_and_its_consumer(
    connect: Connect, inbox: Inbox, spans: Instrumentation
) -> None:
    """The group shares the messages; the consumer is the subscription."""
    nc = await connect()
    js = await make_stream(nc, "GROUP")
    await js.subscribe("GROUP.>", "workers", cb=inbox.callback)
    await js.publish("GROUP.1", b"{}")
    await inbox.data()
    await nc.flush()
    values = {k: v.value for k, v in spans.spans()[-1].attributes.items()}
    assert values["messaging.consumer.group.name"] == "workers"
    assert values["messaging.destination.subscription.name"] == "workers"
    assert values["messaging.nats.consumer.name"] == "workers"
    assert values["messaging.destination.template"] == "GROUP.>"


async def test_a_delivery_that_is_iterated_over(
    connect: Connect, spans: Instrumentation, expected: Expect
) -> None:
    """next_msg and async for of a push subscription; the name is the filter subject."""
    nc = await connect()
    js = await make_stream(nc, "ITER")
    for _ in range(2):
        await js.publish("ITER.1", b"{}")
    subscription = await js.subscribe("ITER.*", durable="d")
    message = await subscription.next_msg()
    await message.ack()
    async for message in subscription.messages:
        await message.ack()
        break
    template = attributes({"messaging.destination.template": "ITER.*"})
    assert spans.spans()[2:] == [
        expected(nc)
        .receive("ITER.1", n, n + 2, parent=n)
        .but(
            name="receive ITER.*",
            attributes={**delivery("ITER", "d", n, number=n), **template},
        )
        for n in (1, 2)
    ]


@pytest.mark.skipif(
    Version(version("nats-py")) < Version("2.6"), reason="this nats-py does not make it again"
)
@pytest.mark.parametrize("is_iterated", [False, True])
async def test_an_ordered_consumer_across_a_reset(
    connect: Connect, inbox: Inbox, spans: Instrumentation, is_iterated: bool
) -> None:
    """The server forgets the consumer; nats-py makes another, and its messages are traced too."""
    nc = await connect()
    name = f"ORDER-{is_iterated}"
    js = await make_stream(nc, name)
    callback = None if is_iterated else inbox.callback
    subscription = await js.subscribe(
        f"{name}.*", cb=callback, ordered_consumer=True, idle_heartbeat=0.1
    )

    async def next_subject() -> str:
        message = await (subscription.next_msg(5) if is_iterated else inbox.messages.get())
        return message.subject

    await js.publish(f"{name}.1", b"{}")
    assert await next_subject() == f"{name}.1"
    (info,) = await js.consumers_info(name)
    await js.delete_consumer(name, info.name)
    await js.publish(f"{name}.2", b"{}")
    assert await next_subject() == f"{name}.2"
    await nc.flush()
    operation = "receive" if is_iterated else "process"
    found = [s for s in spans.spans() if s.name == f"{operation} {name}.*"]
    # Where the messages are asked for, the second publish is in the trace of the first message.
    assert [(s.trace, s.parent) for s in found] == [(1, 1), (1 if is_iterated else 2, 3)]
    consumers = [s.attributes["messaging.nats.consumer.name"].value for s in found]
    assert consumers[0] == info.name != consumers[1]
    await subscription.unsubscribe()


async def test_a_subscription_that_is_bound_to_its_consumer(
    connect: Connect, inbox: Inbox, spans: Instrumentation
) -> None:
    """subscribe_bind: the name is the consumer's filter subject."""
    nc = await connect()
    js = await make_stream(nc, "BIND")
    config = ConsumerConfig(
        durable_name="d", deliver_subject=nc.new_inbox(), filter_subject="BIND.*"
    )
    info = await js.add_consumer("BIND", config)
    await js.subscribe_bind("BIND", info.config, "d", cb=inbox.callback)
    await js.publish("BIND.1", b"{}")
    await inbox.data()
    await nc.flush()
    assert spans.names() == ["publish BIND.1", "process BIND.*"]
    assert trace.get_current_span().get_span_context().trace_id == 0
    assert set(consumer("BIND", "d")) <= set(spans.spans()[1].attributes)
