"""How messages are settled: the outcome on their process spans, and spans of settlements."""

from __future__ import annotations

import asyncio

import pytest
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig

from conftest import BOTH_SERVERS, Connect, Expect, Inbox, Instrumentation
from expected import settlement
from jetstream import make_stream, without_duration
from spans import Typed

pytestmark = BOTH_SERVERS


@pytest.mark.parametrize("outcome", ["ack", "ack_sync", "nak", "term", "in_progress", "none"])
async def test_the_outcome_of_a_settlement(
    connect: Connect, spans: Instrumentation, outcome: str
) -> None:
    """What the callback did; in_progress settles nothing."""
    nc = await connect()
    js = await make_stream(nc, f"SETTLE-{outcome}")
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
    process, duration = without_duration(spans.spans()[1])
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
    js = await make_stream(nc, "RAISES")
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


async def test_settle_spans(
    connect: Connect, instrumentation: Instrumentation, expected: Expect
) -> None:
    """settle_spans: one for each acknowledgement, by the subject of the message, with a link."""
    instrumentation.start(settle_spans=True)
    nc = await connect()
    js = await make_stream(nc, "SPANS")
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
    js = await make_stream(nc, "AUTO")

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
    js = await make_stream(nc, "ACKFAIL")
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
    js = await make_stream(nc, "NOACK")
    config = ConsumerConfig(ack_policy=AckPolicy.NONE)
    await js.subscribe("NOACK.1", cb=inbox.callback, config=config)
    await js.publish("NOACK.1", b"{}")
    await inbox.data()
    await nc.flush()
    assert spans.spans()[-1].attributes["messaging.nats.ack.outcome"].value == "none"
