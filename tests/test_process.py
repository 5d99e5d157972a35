"""The callback of a subscription: its span, its context, and what the application sees."""

from __future__ import annotations

import asyncio
import json

import pytest
from nats.aio.msg import Msg
from opentelemetry import baggage, context
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.instrumentation.utils import suppress_instrumentation

from conftest import Connect, Expect, Inbox, Instrumentation, settle
from spans import attributes, traceparent


def _payload(trace_id: int, span_id: int, name: str = "_otel_trace_headers") -> bytes:
    return json.dumps({"a": 1, name: {"traceparent": traceparent(trace_id, span_id)}}).encode()


async def test_process_continues_the_trace_of_the_publish(
    connect: Connect, inbox: Inbox, spans: Instrumentation, expected: Expect
) -> None:
    """One trace from publish to callback: the publish span is parent of, and linked to, process."""
    publisher, subscriber = await connect(), await connect()
    await subscriber.subscribe("proc.one", cb=inbox.callback)
    await settle(subscriber)
    await publisher.publish("proc.one", b'{"a":1}')
    await inbox.data()
    assert spans.spans() == [
        expected(publisher).publish("proc.one", 1, 1),
        expected(subscriber).process("proc.one", 1, 2, parent=1),
    ]


async def test_what_the_callback_does_belongs_to_the_process_span(
    connect: Connect, inbox: Inbox, spans: Instrumentation, expected: Expect
) -> None:
    """Spans and publishes of the callback, and of tasks it starts, are children of its span."""
    nc = await connect()
    await nc.subscribe("proc.chain.2", cb=inbox.callback)

    async def callback(message: Msg) -> None:
        await nc.publish("proc.chain.2", b"{}")
        await asyncio.create_task(nc.publish("proc.chain.2", b"{}"))

    await nc.subscribe("proc.chain.1", cb=callback)
    await nc.publish("proc.chain.1", b"{}")
    await inbox.data()
    await inbox.data()
    publishes = [s for s in spans.spans() if s.name == "publish proc.chain.2"]
    assert [(s.trace, s.parent) for s in publishes] == [(1, 2), (1, 2)]


@pytest.mark.parametrize("alias", ["_otel_trace_headers", "_otel_trace_context"])
async def test_a_context_injected_by_hand_is_the_parent(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation, expected: Expect, alias: str
) -> None:
    """The field, and its alias, as hand-written services inject them are found."""
    nc = await connect()
    await nc.publish("proc.warm", b"")
    instrumentation.start(excluded_subjects=["nothing"])
    await nc.subscribe("proc.hand", cb=inbox.callback)
    other = await connect()
    with suppress_instrumentation():
        await other.publish("proc.hand", _payload(77, 99, alias))
    await inbox.data()
    assert instrumentation.spans() == [expected(nc).process("proc.hand", 77, 1, parent=99)]


@pytest.mark.parametrize("name", ["traceparent", "Traceparent", "TRACEPARENT"])
async def test_a_context_in_the_headers_is_the_parent(
    connect: Connect, inbox: Inbox, spans: Instrumentation, expected: Expect, name: str
) -> None:
    """Header names are compared without regard to case: Go clients capitalise them."""
    nc = await connect()
    await nc.subscribe("proc.headers", cb=inbox.callback)
    with suppress_instrumentation():
        await nc.publish("proc.headers", b"[]", headers={name: traceparent(77, 99)})
    await inbox.data()
    assert spans.spans() == [expected(nc).process("proc.headers", 77, 1, parent=99)]


@pytest.mark.parametrize(
    "carrier",
    [
        "7",
        "null",
        "[]",
        '"text"',
        '{"traceparent":7}',
        '{"traceparent":null}',
        '{"traceparent":["%(tp)s"]}',
        '{"traceparent":{"a":"%(tp)s"}}',
        '{"traceparent":"00-zz"}',
        '{"traceparent":"00-%(zero32)s-0000000000000001-01"}',
        '{"traceparent":"%(tp)s","n":1}',
        '{"traceparent":"%(tp)s",%(many)s}',
        '{"traceparent":"%(tp)s","big":"%(big)s"}',
        '{"traceparent":"%(tp)s","deep":%(deep)s}',
    ],
    ids=range(14),
)
async def test_a_malformed_carrier_is_ignored_and_the_message_delivered(
    connect: Connect, inbox: Inbox, spans: Instrumentation, expected: Expect, carrier: str
) -> None:
    """Not an object of strings, over 16 entries or 8 KiB, or invalid: a new trace, no error."""
    values = {
        "tp": traceparent(77, 99),
        "zero32": "0" * 32,
        "many": ",".join(f'"k{i}":"v"' for i in range(16)),
        "big": "x" * 8192,
        "deep": "[" * 5000 + "]" * 5000,
    }
    payload = b'{"a":1,"_otel_trace_headers":%b}' % (carrier % values).encode()
    nc = await connect()
    await nc.subscribe("proc.bad", cb=inbox.callback)
    with suppress_instrumentation():
        await nc.publish("proc.bad", payload)
    assert (await inbox.data()).startswith(b'{"a":1,')
    new_trace = expected(nc).process("proc.bad", 1, 1, 0).but(parent=None, links=())
    assert spans.spans() == [new_trace]


async def test_a_wildcard_subscription_names_the_span(
    connect: Connect, inbox: Inbox, spans: Instrumentation, expected: Expect
) -> None:
    """The subject of the subscription is the name of low cardinality; the queue group is told."""
    nc = await connect()
    await nc.subscribe("proc.wild.*", queue="workers", cb=inbox.callback)
    await nc.publish("proc.wild.7", b"{}")
    await inbox.data()
    extra = attributes(
        {
            "messaging.destination.template": "proc.wild.*",
            "messaging.consumer.group.name": "workers",
        }
    )
    process = expected(nc).process("proc.wild.7", 1, 2, parent=1)
    assert spans.spans()[1] == process.but(name="process proc.wild.*", attributes=extra)


async def test_a_configured_template_goes_before_the_wildcard(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation
) -> None:
    """What the user calls the subject is the name on both sides."""
    nc = await connect()
    instrumentation.start(subject_templates=["proc.wild.new.*"])
    await nc.subscribe("proc.>", cb=inbox.callback)
    await nc.publish("proc.wild.new.7", b"{}")
    await inbox.data()
    names = [span.name for span in instrumentation.spans()]
    assert names == ["publish proc.wild.new.*", "process proc.wild.new.*"]


async def test_consumer_parent_link_starts_a_linked_trace(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation, expected: Expect
) -> None:
    """With consumer_parent=link every process is a root of its own, linked; baggage still comes."""
    nc = await connect()
    instrumentation.start(consumer_parent="link")
    seen: list[object] = []

    async def callback(message: Msg) -> None:
        seen.append(baggage.get_baggage("user"))
        await inbox.callback(message)

    await nc.subscribe("proc.link", cb=callback)
    token = context.attach(baggage.set_baggage("user", "7"))
    await nc.publish("proc.link", b"{}")
    context.detach(token)
    await inbox.data()
    assert instrumentation.spans() == [
        expected(nc).publish("proc.link", 1, 1),
        expected(nc).process("proc.link", 2, 2, 0).but(parent=None, links=((1, 1),)),
    ]
    assert seen == ["7"]


@pytest.mark.parametrize("carrier", ["payload", "headers", "both"])
@pytest.mark.parametrize("mode", ["refresh", "keep", "strip"])
async def test_with_consumer_parent_link_a_forwarded_message_goes_on_from_here(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation, carrier: str, mode: str
) -> None:
    """The context that merely came in, in payload or headers, gives way to the publish span's."""
    nc = await connect()
    instrumentation.start(consumer_parent="link", carrier=carrier, consumed_field=mode)

    async def forward(message: Msg) -> None:
        await nc.publish("proc.out", message.data, headers=message.headers)

    await nc.subscribe("proc.in", cb=forward)
    await nc.subscribe("proc.out", cb=inbox.callback)
    await nc.publish("proc.in", b'{"a":1}')
    await inbox.data()
    tree = {s.name: (s.kind, s.trace, s.span, s.links) for s in instrumentation.spans()}
    assert tree == {
        "publish proc.in": ("PRODUCER", 1, 1, ()),
        "process proc.in": ("CONSUMER", 2, 2, ((1, 1),)),
        "publish proc.out": ("PRODUCER", 2, 3, ()),
        "process proc.out": ("CONSUMER", 3, 4, ((2, 3),)),
    }


async def test_a_message_without_a_context_starts_a_new_trace(
    connect: Connect, inbox: Inbox, spans: Instrumentation
) -> None:
    """Not the span that was current when subscribe() was called, which the task copied."""
    nc = await connect()
    with spans.tracer.start_as_current_span("startup"):
        await nc.subscribe("proc.new", cb=inbox.callback)
    with suppress_instrumentation():
        await nc.publish("proc.new", b"[1]")
    await inbox.data()
    _, process = spans.spans()
    assert (process.trace, process.parent, process.links) == (2, None, ())


async def test_baggage_of_subscribe_does_not_mix_with_that_of_a_message(
    connect: Connect, instrumentation: Instrumentation
) -> None:
    """The context is extracted into an empty one, with any propagator."""
    instrumentation.start(propagator=W3CBaggagePropagator())
    nc = await connect()
    seen: asyncio.Queue[object] = asyncio.Queue()

    async def callback(message: Msg) -> None:
        await seen.put(dict(baggage.get_all()))

    token = context.attach(baggage.set_baggage("start", "up"))
    await nc.subscribe("proc.baggage", cb=callback)
    context.detach(token)
    with suppress_instrumentation():
        await nc.publish("proc.baggage", b'{"_otel_trace_headers":{"baggage":"user=7"}}')
    assert await seen.get() == {"user": "7"}


async def test_a_propagate_only_message_without_a_context_has_none(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation
) -> None:
    """Nor does the context of subscribe() leak into what a propagate-only callback publishes."""
    nc = await connect()
    instrumentation.start(propagate_only_subjects=["feed.>"])
    await nc.subscribe("feed.out", cb=inbox.callback)

    async def callback(message: Msg) -> None:
        await nc.publish("feed.out", message.data)

    with instrumentation.tracer.start_as_current_span("startup"):
        await nc.subscribe("feed.in", cb=callback)
    with suppress_instrumentation():
        await nc.publish("feed.in", b"{}")
    assert await inbox.data() == b"{}"


async def test_a_propagate_only_message_passes_its_context_on(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation
) -> None:
    """The context of the message is current in the callback, and in what it publishes."""
    nc = await connect()
    instrumentation.start(propagate_only_subjects=["feed.>"])
    await nc.subscribe("feed.out", cb=inbox.callback)

    async def callback(message: Msg) -> None:
        await nc.publish("feed.out", b"{}")

    await nc.subscribe("feed.in", cb=callback)
    with suppress_instrumentation():
        await nc.publish("feed.in", _payload(77, 99))
    assert await inbox.data() == b'{"_otel_trace_headers":{"traceparent":"%b"}}' % (
        traceparent(77, 99).encode()
    )
    assert instrumentation.spans() == []
