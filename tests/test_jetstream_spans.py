"""What spans say of JetStream: ids, consumers, deliveries, and how messages were settled."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from typing import Any

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig
from nats.js.client import JetStreamContext
from nats.js.errors import APIError, NoStreamResponseError
from opentelemetry import trace
from packaging.version import Version

from conftest import BOTH_SERVERS, CARRIERS, Connect, Expect, Inbox, Instrumentation
from expected import consumer, delivery, settlement
from spans import Recorded, Typed, attributes

pytestmark = BOTH_SERVERS


async def _stream(nc: Client, name: str, **config: Any) -> JetStreamContext:
    js = nc.jetstream()
    await js.add_stream(name=name, subjects=[f"{name}.>"], **config)
    return js


def _outcome(span: Recorded) -> tuple[Recorded, Typed | None]:
    """The span without the duration of its settlement, which is a positive number of seconds."""
    values = dict(span.attributes)
    duration = values.pop("messaging.nats.ack.duration", None)
    assert duration is None or (duration.type == "float" and 0 < duration.value < 30)
    return dataclasses.replace(span, attributes=values), duration


async def test_the_acknowledgement_of_a_publish_gives_its_id(
    connect: Connect, spans: Instrumentation, expected: Expect
) -> None:
    """Stream and sequence, unless the application gave it one."""
    nc = await connect()
    js = await _stream(nc, "IDS")
    await js.publish("IDS.1", b"{}")
    await js.publish("IDS.2", b"{}", headers={"Nats-Msg-Id": "mine"})
    ids = ["IDS:1", "mine"]
    assert spans.spans() == [
        expected(nc)
        .publish(f"IDS.{n}", n, n)
        .but(attributes=attributes({"messaging.message.id": message_id}))
        for n, message_id in enumerate(ids, start=1)
    ]


async def test_a_publish_without_a_stream_fails(
    connect: Connect, spans: Instrumentation, expected: Expect
) -> None:
    """With the error that the application sees."""
    nc = await connect()
    with pytest.raises(NoStreamResponseError) as error:
        await nc.jetstream().publish("NOSTREAM", b"{}")
    assert spans.spans() == [
        expected(nc)
        .publish("NOSTREAM", 1, 1)
        .but(
            status="ERROR",
            description=str(error.value),
            attributes=attributes({"error.type": "nats.js.errors.NoStreamResponseError"}),
        )
    ]


async def test_an_error_of_jetstream_s_is_named_by_its_code(
    connect: Connect, spans: Instrumentation
) -> None:
    """10071: wrong last sequence."""
    nc = await connect()
    js = await _stream(nc, "CODES")
    with pytest.raises(APIError) as error:
        await js.publish("CODES.1", b"{}", headers={"Nats-Expected-Last-Sequence": "7"})
    (span,) = spans.spans()
    assert (span.status, span.description) == ("ERROR", str(error.value))
    assert span.attributes["error.type"] == Typed("str", "10071")


def _publish_async(js: Any) -> Callable[..., Awaitable[asyncio.Future[Any]]]:
    if not hasattr(js, "publish_async"):
        pytest.skip("this nats-py has no publish_async")
    return js.publish_async


async def test_publish_async_ends_with_its_acknowledgement(
    connect: Connect, spans: Instrumentation, expected: Expect
) -> None:
    """The id is there as well; what the caller does meanwhile is not part of it."""
    nc = await connect()
    js = await _stream(nc, "ASYNC")
    publish = _publish_async(js)
    with spans.tracer.start_as_current_span("work"):
        futures = [await publish("ASYNC.1", b"{}") for _ in range(3)]
        assert spans.names() == []
    acks = await asyncio.gather(*futures)
    assert [ack.seq for ack in acks] == [1, 2, 3]
    assert spans.spans()[1:] == [
        expected(nc)
        .publish("ASYNC.1", 1, n + 1, parent=1)
        .but(attributes=attributes({"messaging.message.id": f"ASYNC:{n}"}))
        for n in (1, 2, 3)
    ]


async def _refused(future: asyncio.Future[Any], errors: asyncio.Queue[Exception]) -> Exception:
    """The error of a publish_async; nats-py 2.16 leaves the future alone and calls error_cb."""
    told = asyncio.create_task(errors.get())
    await asyncio.wait([future, told], return_when=asyncio.FIRST_COMPLETED)
    if told.done():
        return told.result()
    told.cancel()
    error = future.exception()
    assert isinstance(error, Exception)
    return error


async def test_publish_async_that_fails(connect: Connect, spans: Instrumentation) -> None:
    """The span has the error; the application learns of it as ever."""
    errors: asyncio.Queue[Exception] = asyncio.Queue()
    nc = await connect(error_cb=errors.put)
    js = await _stream(nc, "ASYNCFAIL")
    publish = _publish_async(js)
    headers = {"Nats-Expected-Last-Sequence": "7"}
    refused = await publish("ASYNCFAIL.1", b"{}", headers=headers)
    assert isinstance(await _refused(refused, errors), APIError)
    nobody = await publish("ASYNC-NOBODY", b"{}")
    await asyncio.wait([nobody])
    assert nobody._log_traceback  # type: ignore[attr-defined]
    assert isinstance(nobody.exception(), NoStreamResponseError)
    assert [s.attributes["error.type"].value for s in spans.spans()] == [
        "10071",
        "nats.js.errors.NoStreamResponseError",
    ]


@pytest.mark.parametrize("carrier", CARRIERS)
async def test_publish_async_of_what_grew_too_large_is_sent_as_it_was(
    connect: Connect, instrumentation: Instrumentation, carrier: str
) -> None:
    """Error 10054: its future gets the acknowledgement of the second attempt."""
    instrumentation.start(carrier=carrier)
    errors: asyncio.Queue[Exception] = asyncio.Queue()
    nc = await connect(error_cb=errors.put)
    name = f"ASMALL-{carrier}"
    js = await _stream(nc, name, max_msg_size=100)
    publish = _publish_async(js)
    payload = b'{"a":"%b"}' % (b"x" * 60)
    futures = [await publish(f"{name}.1", payload) for _ in range(3)]
    assert sorted([(await future).seq for future in futures]) == [1, 2, 3]
    later = await publish(f"{name}.1", payload)
    assert (await later).seq == 4
    for number in range(1, 5):
        assert (await js.get_msg(name, number)).data == payload
    found = [(s.name, s.status) for s in instrumentation.spans()]
    assert found == [(f"publish {name}.1", "UNSET")] * 4
    refused = await _refused(await publish(f"{name}.1", b"x" * 101), errors)
    assert isinstance(refused, APIError)
    assert refused.err_code == 10054


async def test_a_push_delivery(
    connect: Connect, inbox: Inbox, spans: Instrumentation, expected: Expect
) -> None:
    """Stream, consumer, sequences, count, id; acknowledged by nats-py, and how long that took."""
    nc = await connect()
    js = await _stream(nc, "PUSHED")
    await js.publish("PUSHED.1", b"{}")
    await js.subscribe("PUSHED.1", cb=inbox.callback, durable="d")
    await inbox.data()
    await nc.flush()
    process, duration = _outcome(spans.spans()[-1])
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
    js = await _stream(nc, "GROUP")
    await js.subscribe("GROUP.>", "workers", cb=inbox.callback)
    await js.publish("GROUP.1", b"{}")
    await inbox.data()
    await nc.flush()
    values = {k: v.value for k, v in spans.spans()[-1].attributes.items()}
    assert values["messaging.consumer.group.name"] == "workers"
    assert values["messaging.destination.subscription.name"] == "workers"
    assert values["messaging.nats.consumer.name"] == "workers"
    assert values["messaging.destination.template"] == "GROUP.>"


@pytest.mark.parametrize("outcome", ["ack", "ack_sync", "nak", "term", "in_progress", "none"])
async def test_the_outcome_of_a_settlement(
    connect: Connect, spans: Instrumentation, outcome: str
) -> None:
    """What the callback did; in_progress settles nothing."""
    nc = await connect()
    js = await _stream(nc, f"SETTLE-{outcome}")
    done = asyncio.Event()

    async def callback(message: Msg) -> None:
        if outcome != "none":
            await getattr(message, outcome)()
        done.set()

    config = ConsumerConfig(max_deliver=1)
    subject = f"SETTLE-{outcome}.1"
    await js.subscribe(subject, cb=callback, manual_ack=True, config=config)
    await js.publish(subject, b"{}")
    await done.wait()
    await nc.flush()
    process, duration = _outcome(spans.spans()[1])
    final = {"ack_sync": "ack", "in_progress": "none"}.get(outcome, outcome)
    assert process.attributes["messaging.nats.ack.outcome"] == Typed("str", final)
    assert (duration is None) is (final == "none")
    assert len(spans.spans()) == 2


async def test_a_callback_that_raises_settles_nothing(
    connect: Connect, spans: Instrumentation
) -> None:
    """nats-py acknowledges only after it; the message comes again, and the count says so."""
    errors: asyncio.Queue[Exception] = asyncio.Queue()
    nc = await connect(error_cb=errors.put)
    js = await _stream(nc, "RAISES")
    counts: list[int] = []

    async def callback(message: Msg) -> None:
        counts.append(message.metadata.num_delivered)
        if len(counts) == 1:
            raise ValueError
        done.set()

    done = asyncio.Event()
    config = ConsumerConfig(ack_wait=0.1)
    await js.subscribe("RAISES.1", cb=callback, durable="d", config=config)
    await js.publish("RAISES.1", b"{}")
    await done.wait()
    await nc.flush()
    first, second = (span.attributes for span in spans.spans()[1:])
    assert isinstance(await errors.get(), ValueError)
    counted = "messaging.nats.message.delivery_count"
    assert (first[counted], second[counted]) == (Typed("int", 1), Typed("int", 2))
    assert first["error.type"].value == "ValueError"
    outcomes = [s["messaging.nats.ack.outcome"].value for s in (first, second)]
    assert outcomes == ["none", "ack"]
    assert [s.trace for s in spans.spans()] == [1, 1, 1]


async def test_a_delivery_that_is_iterated_over(
    connect: Connect, spans: Instrumentation, expected: Expect
) -> None:
    """next_msg and async for of a push subscription; the name is the filter subject."""
    nc = await connect()
    js = await _stream(nc, "ITER")
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
    js = await _stream(nc, name)
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


async def test_settle_spans(
    connect: Connect, instrumentation: Instrumentation, expected: Expect
) -> None:
    """settle_spans: one for each acknowledgement, by the subject of the message, with a link."""
    instrumentation.start(settle_spans=True)
    nc = await connect()
    js = await _stream(nc, "SPANS")
    for _ in range(4):
        await js.publish("SPANS.1", b"{}")
    pull = await js.pull_subscribe("SPANS.1", durable="d")
    messages = await pull.fetch(4)
    with instrumentation.tracer.start_as_current_span("work"):
        await messages[0].in_progress()
        await messages[0].ack()
        await messages[1].ack_sync()
        await messages[2].nak()
        await messages[3].term()
    settled = [("in_progress", 1), ("ack", 1), ("ack", 2), ("nak", 3), ("term", 4)]
    assert instrumentation.spans()[6:] == [
        expected(nc)
        .settle(outcome, "SPANS.1", 6, 7 + number, parent=6)
        .but(links=((n, n),), attributes=settlement("SPANS", "d", n, number=n))
        for number, (outcome, n) in enumerate(settled)
    ]


async def test_settle_spans_of_a_callback(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation
) -> None:
    """nats-py's own acknowledgement has one; after one by hand it sends nothing, and has none."""
    instrumentation.start(settle_spans=True)
    nc = await connect()
    js = await _stream(nc, "AUTO")

    async def callback(message: Msg) -> None:
        if message.subject == "AUTO.2":
            await message.ack()
        await inbox.callback(message)

    await js.subscribe("AUTO.*", cb=callback, durable="d")
    for number in (1, 2):
        await js.publish(f"AUTO.{number}", b"{}")
        await inbox.data()
    await nc.flush()
    found = [(s.name, s.trace, s.status) for s in instrumentation.spans() if "ack" in s.name]
    assert found == [("ack AUTO.*", 1, "UNSET"), ("ack AUTO.*", 2, "UNSET")]


async def test_an_acknowledgement_that_fails(
    connect: Connect, instrumentation: Instrumentation
) -> None:
    """The error is the application's, and on the span."""
    instrumentation.start(settle_spans=True)
    nc = await connect()
    js = await _stream(nc, "ACKFAIL")
    await js.publish("ACKFAIL.1", b"{}")
    pull = await js.pull_subscribe("ACKFAIL.1", durable="d")
    (message,) = await pull.fetch(1)
    await nc.close()
    with pytest.raises(Exception, match="connection closed") as error:
        await message.ack()
    span = instrumentation.spans()[-1]
    assert (span.name, span.status) == ("ack ACKFAIL.1", "ERROR")
    assert span.attributes["error.type"].value == f"nats.errors.{type(error.value).__name__}"


async def test_a_consumer_without_acknowledgements(
    connect: Connect, inbox: Inbox, spans: Instrumentation
) -> None:
    """Its messages are settled by nobody."""
    nc = await connect()
    js = await _stream(nc, "NOACK")
    config = ConsumerConfig(ack_policy=AckPolicy.NONE)
    await js.subscribe("NOACK.1", cb=inbox.callback, config=config)
    await js.publish("NOACK.1", b"{}")
    await inbox.data()
    await nc.flush()
    assert spans.spans()[-1].attributes["messaging.nats.ack.outcome"].value == "none"


async def test_a_subscription_that_is_bound_to_its_consumer(
    connect: Connect, inbox: Inbox, spans: Instrumentation
) -> None:
    """subscribe_bind: the name is the consumer's filter subject."""
    nc = await connect()
    js = await _stream(nc, "BIND")
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
