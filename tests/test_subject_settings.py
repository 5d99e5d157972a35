"""Excluded and propagate-only subjects, and templates that name the spans."""

from __future__ import annotations

from opentelemetry import baggage, context

from conftest import Connect, Expect, Inbox, Instrumentation
from spans import attributes, field


async def test_baggage_travels_without_a_span_context(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation
) -> None:
    """On a propagate-only subject, baggage alone is enough to inject."""
    nc = await connect()
    await nc.subscribe("feed.x", cb=inbox.callback)
    instrumentation.start(propagate_only_subjects=["feed.>"])
    token = context.attach(baggage.set_baggage("user", "7"))
    await nc.publish("feed.x", b"{}")
    context.detach(token)
    assert await inbox.data() == b'{"_otel_trace_headers":{"baggage":"user=7"}}'
    await nc.publish("feed.x", b"{}")
    assert await inbox.data() == b"{}"
    assert instrumentation.spans() == []


async def test_a_propagate_only_subject_passes_the_current_context_on(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation
) -> None:
    """No span of ours, but the current span is the parent that the consumer finds."""
    nc = await connect()
    await nc.subscribe("feed.y", cb=inbox.callback)
    instrumentation.start(propagate_only_subjects="feed.>, other")
    with instrumentation.tracer.start_as_current_span("work"):
        await nc.publish("feed.y", b'{"a":1}')
    assert await inbox.data() == b'{"a":1' + field(1, 1) + b"}"
    assert [span.name for span in instrumentation.spans()] == ["work"]


async def test_an_excluded_subject_is_left_alone(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation
) -> None:
    """No span and no field on an excluded subject, also where it is propagate-only too."""
    nc = await connect()
    instrumentation.start(excluded_subjects=["feed.*"], propagate_only_subjects=["feed.>"])
    await nc.subscribe("feed.z", cb=inbox.callback)
    with instrumentation.tracer.start_as_current_span("work"):
        await nc.publish("feed.z", b"{}")
    assert await inbox.data() == b"{}"
    assert [span.name for span in instrumentation.spans()] == ["work"]


async def test_a_template_names_the_span(
    connect: Connect, instrumentation: Instrumentation, expected: Expect
) -> None:
    """The first matching template is the name; the concrete subject stays an attribute."""
    nc = await connect()
    instrumentation.start(subject_templates=["orders.*.new", "orders.>"])
    await nc.publish("orders.7.new", b"{}")
    template = attributes({"messaging.destination.template": "orders.*.new"})
    assert instrumentation.spans() == [
        expected(nc)
        .publish("orders.7.new", 1, 1)
        .but(name="publish orders.*.new", attributes=template)
    ]
