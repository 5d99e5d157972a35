"""``fetch`` of a pull subscription: one span for what it brought."""

from __future__ import annotations

import asyncio
import dataclasses
from contextlib import suppress
from typing import Any

import pytest
from nats.aio.client import Client
from nats.errors import ConnectionClosedError
from nats.js.client import JetStreamContext
from opentelemetry import context, trace

from conftest import BOTH_SERVERS, CARRIERS, Connect, Expect, Instrumentation
from expected import consumer, delivery, settlement
from opentelemetry_instrumentation_nats_payload import process_span, use_message_context
from spans import attributes, field, traceparent

pytestmark = BOTH_SERVERS
_IDLE = 0.2

Pull = JetStreamContext.PullSubscription


def _trace() -> int:
    return trace.get_current_span().get_span_context().trace_id


async def _pull(nc: Client, name: str, *payloads: bytes, filter_subject: str = "") -> Pull:
    """A pull subscription with a durable consumer, whose stream holds ``payloads``."""
    js = nc.jetstream()
    await js.add_stream(name=name, subjects=[f"{name}.>"])
    for number, payload in enumerate(payloads):
        await js.publish(f"{name}.{number}", payload)
    return await js.pull_subscribe(filter_subject or f"{name}.>", durable=f"d-{name}", stream=name)


def _published(nc: Client, expected: Expect, name: str, number: int) -> Any:
    sequence = attributes({"messaging.message.id": f"{name}:{number + 1}"})
    publish = expected(nc).publish(f"{name}.{number}", number + 1, number + 1)
    return publish.but(attributes=sequence)


@pytest.mark.parametrize("carrier", CARRIERS)
async def test_what_follows_the_fetch_of_one_message_is_in_its_trace(
    connect: Connect, instrumentation: Instrumentation, expected: Expect, carrier: str
) -> None:
    """As after next_msg: a child of the publish, and what is published next a child of it."""
    instrumentation.start(carrier=carrier)
    nc = await connect()
    name = f"ONE-{carrier}"
    pull = await _pull(nc, name, b"{}")
    (message,) = await pull.fetch(1)
    await message.ack()
    await nc.publish("fetch.out", b"[]")
    subject = {"messaging.destination.name": f"{name}.0", **_template(f"{name}.>")}
    assert instrumentation.spans() == [
        _published(nc, expected, name, 0),
        expected(nc)
        .fetch(f"{name}.>", 1, 2, count=1)
        .but(
            parent=1,
            links=((1, 1),),
            attributes={**delivery(name, f"d-{name}", 1), **attributes(subject)},
        ),
        expected(nc).publish("fetch.out", 1, 3, parent=2),
    ]


async def test_several_messages_are_one_span_with_a_link_to_each(
    connect: Connect, spans: Instrumentation, expected: Expect
) -> None:
    """In a trace of its own, with their number; what follows is in no trace."""
    nc = await connect()
    pull = await _pull(nc, "BATCH", b"{}", b"{}", b"[1]")
    before = context.get_current()
    messages = await pull.fetch(3)
    assert context.get_current() == before
    assert [m.data for m in messages] == [
        b'{"_otel_trace_headers":{"traceparent":"%b"}}' % traceparent(1, 1).encode(),
        b'{"_otel_trace_headers":{"traceparent":"%b"}}' % traceparent(2, 2).encode(),
        b"[1]",
    ]
    values = {**consumer("BATCH", "d-BATCH"), **attributes(_template("BATCH.>"))}
    fetch = expected(nc).fetch("BATCH.>", 4, 4, count=3)
    assert spans.spans()[3:] == [fetch.but(links=((1, 1), (2, 2)), attributes=values)]


async def test_under_a_span_a_fetch_is_its_child(
    connect: Connect, spans: Instrumentation, expected: Expect
) -> None:
    """Of one message and of several: linked, and what follows stays under the span."""
    nc = await connect()
    pull = await _pull(nc, "UNDER", b"{}", b"{}", b"{}")
    with spans.tracer.start_as_current_span("work"):
        (one,) = await pull.fetch(1)
        assert _trace() == 4
        await pull.fetch(2)
    assert one.data == b'{"_otel_trace_headers":{"traceparent":"%b"}}' % (
        traceparent(1, 1).encode()
    )
    template = attributes(_template("UNDER.>"))
    subject = attributes({"messaging.destination.name": "UNDER.0"})
    assert spans.spans()[4:] == [
        expected(nc)
        .fetch("UNDER.>", 4, 5, count=1)
        .but(
            parent=4,
            links=((1, 1),),
            attributes={**delivery("UNDER", "d-UNDER", 1), **template, **subject},
        ),
        expected(nc)
        .fetch("UNDER.>", 4, 6, count=2)
        .but(
            parent=4,
            links=((2, 2), (3, 3)),
            attributes={**consumer("UNDER", "d-UNDER"), **template},
        ),
    ]


async def test_messages_that_were_queued_are_fetched_like_others(
    connect: Connect, spans: Instrumentation
) -> None:
    """nats-py takes late messages of an earlier request from its queue, past next_msg."""
    nc = await connect()
    pull = await _pull(nc, "QUEUED", b"{}")
    late = [asyncio.create_task(pull.fetch(1, timeout=5)) for _ in range(2)]
    await asyncio.wait(late, return_when=asyncio.FIRST_COMPLETED)
    (waiting,) = (task for task in late if not task.done())
    waiting.cancel()
    await asyncio.wait(late)
    await nc.jetstream().publish("QUEUED.late", b"{}")
    while not pull.pending_msgs:
        await nc.flush()
    (message,) = await pull.fetch(1)
    assert message.subject == "QUEUED.late"
    names = [name for name in spans.names() if name.startswith("fetch")]
    assert names == ["fetch QUEUED.>"] * 2


async def _fetch_nothing(pull: Pull, batch: int) -> None:
    """nats-py raises its own error, asyncio's where the time is up when the server's answer comes,
    or returns no messages.
    """
    with suppress(asyncio.TimeoutError):
        assert await pull.fetch(batch, timeout=_IDLE) == []


@pytest.mark.parametrize("batch", [1, 5])
async def test_an_idle_fetch_has_no_span_and_gives_the_context_back(
    connect: Connect, spans: Instrumentation, batch: int
) -> None:
    """Timeouts and status messages are no messages."""
    nc = await connect()
    pull = await _pull(nc, f"IDLE-{batch}", b"{}")
    before = context.get_current()
    await pull.fetch(1)
    assert context.get_current() != before
    await _fetch_nothing(pull, batch)
    assert context.get_current() == before
    with spans.tracer.start_as_current_span("work"):
        await _fetch_nothing(pull, batch)
    assert spans.names() == [f"publish IDLE-{batch}.0", f"fetch IDLE-{batch}.>", "work"]


async def test_a_failure_under_a_span_is_recorded(
    connect: Connect, spans: Instrumentation, expected: Expect
) -> None:
    """Only there: a loop that asks a closed connection would fill the backend."""
    nc = await connect()
    pull = await _pull(nc, "CLOSED")
    failed = expected(nc).fetch("CLOSED.>", 1, 2, count=0)
    await nc.close()
    with pytest.raises(ConnectionClosedError):
        await pull.fetch(1)
    with spans.tracer.start_as_current_span("work"), pytest.raises(ConnectionClosedError):
        await pull.fetch(1)
    values = {k: v for k, v in failed.attributes.items() if "batch" not in k}
    error = {"error.type": "nats.errors.ConnectionClosedError", **_template("CLOSED.>")}
    failed = dataclasses.replace(failed, attributes={**values, **attributes(error)})
    (found,) = (s for s in spans.spans() if s.name != "work")
    assert found == failed.but(parent=1, status="ERROR", description="nats: connection closed")


async def test_each_message_of_a_batch_gets_a_process_span(
    connect: Connect, spans: Instrumentation, expected: Expect
) -> None:
    """process_span: in the message's own trace, with the outcome of its settlement."""
    nc = await connect()
    pull = await _pull(nc, "EACH", b"{}", b"[2]")
    for message in await pull.fetch(2):
        with process_span(message) as span:
            assert trace.get_current_span() is span
            await nc.publish("fetch.each", b"[]")
            await message.ack()
    template = attributes(_template("EACH.>"))
    values = {**template, "messaging.nats.ack.outcome": attributes({"": "ack"})[""]}
    processes = [_without_duration(s) for s in spans.spans() if s.name == "process EACH.>"]
    assert processes == [
        expected(nc)
        .process("EACH.0", 1, 4, parent=1)
        .but(
            name="process EACH.>",
            attributes={**settlement("EACH", "d-EACH", 1, number=1), **values},
        ),
        expected(nc)
        .process("EACH.1", 4, 6, parent=0)
        .but(
            name="process EACH.>",
            parent=None,
            links=(),
            attributes={**settlement("EACH", "d-EACH", 2, number=2), **values},
        ),
    ]
    published = [(s.trace, s.parent) for s in spans.spans() if s.name == "publish fetch.each"]
    assert published == [(1, 4), (4, 6)]


async def test_the_context_of_each_message_of_a_batch(
    connect: Connect, instrumentation: Instrumentation
) -> None:
    """use_message_context, also where the field was taken out."""
    instrumentation.start(consumed_field="strip")
    nc = await connect()
    pull = await _pull(nc, "STRIP", b'{"a":1}', b'{"a":2}')
    messages = await pull.fetch(2)
    assert [m.data for m in messages] == [b'{"a":1}', b'{"a":2}']
    for number, message in enumerate(messages, start=1):
        with use_message_context(message):
            assert _trace() == number


async def test_a_pull_subscription_bound_to_a_consumer(
    connect: Connect, spans: Instrumentation
) -> None:
    """Its filter subject is not known: the name is the subject, if all have the same."""
    nc = await connect()
    await _pull(nc, "BOUND", b"{}", b"{}")
    js = nc.jetstream()
    pull = await js.pull_subscribe_bind(durable="d-BOUND", stream="BOUND")
    await pull.fetch(2)
    await js.publish("BOUND.0", b"{}")
    await js.publish("BOUND.0", b"{}")
    await pull.fetch(2)
    names = [name for name in spans.names() if name.startswith("fetch")]
    assert names == ["fetch", "fetch BOUND.0"]


async def test_excluded_subjects(connect: Connect, instrumentation: Instrumentation) -> None:
    """Nothing of theirs is traced; the number is that of all messages."""
    instrumentation.start(excluded_subjects=["BLEND.0"], propagate_only_subjects=["BLEND.1"])
    nc = await connect()
    pull = await _pull(nc, "BLEND", b"{}", b"{}", b'{"a":1}', b'{"a":1}')
    messages = await pull.fetch(4)
    assert messages[0].data == b"{}"
    (fetch,) = (s for s in instrumentation.spans() if s.name.startswith("fetch"))
    assert fetch.links == ((1, 1), (2, 2))
    assert fetch.attributes["messaging.batch.message_count"].value == 4


@pytest.mark.parametrize("carrier", CARRIERS)
async def test_batches_carry_a_context_in_every_carrier(
    connect: Connect, instrumentation: Instrumentation, carrier: str
) -> None:
    """The links lead to every publish."""
    instrumentation.start(carrier=carrier)
    nc = await connect()
    pull = await _pull(nc, f"ALL-{carrier}", b'{"a":1}', b'{"a":2}')
    messages = await pull.fetch(2)
    assert instrumentation.spans()[-1].links == ((1, 1), (2, 2))
    if carrier != "headers":
        assert messages[0].data == b'{"a":1' + field(1, 1) + b"}"


def _template(subject: str) -> dict[str, str]:
    return {"messaging.destination.template": subject}


def _without_duration(span: Any) -> Any:
    duration = span.attributes["messaging.nats.ack.duration"]
    assert duration.type == "float"
    assert duration.value > 0
    kept = {k: v for k, v in span.attributes.items() if k != "messaging.nats.ack.duration"}
    return dataclasses.replace(span, attributes=kept)
