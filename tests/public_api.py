"""Every public name, used as an application uses it. Type-checked; run by test_public_api."""

from __future__ import annotations

from typing import Any

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.client import JetStreamContext
from opentelemetry.context import Context
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Span, SpanKind, get_tracer

import opentelemetry_instrumentation_nats_payload as nats_payload
from opentelemetry_instrumentation_nats_payload import (
    MessageDetails,
    NATSInstrumentor,
    NATSTracePropagator,
    ProcessHook,
    PublishDetails,
    PublishHook,
    ReceiveDetails,
    ReceiveHook,
    RedactBody,
    process_batch,
    process_span,
    publish_with_trace_context,
    use_message_context,
)


def on_publish(span: Span, details: PublishDetails) -> None:
    """A publish hook."""
    span.set_attribute("app.size", len(details.payload))


def on_process(span: Span, details: MessageDetails) -> None:
    """A process hook."""
    span.set_attribute("app.subscription", details.subscription)


def on_receive(span: Span, details: ReceiveDetails) -> None:
    """A receive hook."""
    span.set_attribute("app.subjects", [message.subject for message in details.messages])


def redact(subject: str, body: bytes) -> bytes:
    """What of a body may be seen."""
    return b"" if subject.startswith("accounts.") else body


HOOKS: tuple[PublishHook, ProcessHook, ReceiveHook, RedactBody] = (
    on_publish,
    on_process,
    on_receive,
    redact,
)


def instrument(tracer_provider: TracerProvider, meter_provider: MeterProvider) -> str:
    """With every option that there is; returns the version."""
    publish_hook, process_hook, receive_hook, redact_body = HOOKS
    NATSInstrumentor().instrument(
        tracer_provider=tracer_provider,
        meter_provider=meter_provider,
        publish_hook=publish_hook,
        process_hook=process_hook,
        receive_hook=receive_hook,
        redact_body=redact_body,
        carrier="auto",
        payload_field="_otel_trace_headers",
        payload_field_aliases=["_otel_trace_context"],
        consumed_field="strip",
        excluded_subjects=["health.>"],
        propagate_only_subjects="ticks.*,quotes.*",
        subject_templates=["orders.*"],
        consumer_parent="message",
        continue_received=True,
        follow_handoff="message",
        propagate_replies=False,
        settle_spans=False,
        metrics=True,
        captured_headers=["X-Desk"],
        captured_body_bytes=1024,
    )
    return nats_payload.__version__


async def by_hand(client: Client, message_dict: dict[str, Any]) -> dict[str, Any]:
    """The manual API on message dicts."""
    injected: dict[str, Any] = NATSTracePropagator.inject_context(message_dict)
    assert NATSTracePropagator.TRACE_HEADERS_FIELD == "_otel_trace_headers"
    context: Context | None = NATSTracePropagator.extract_context(injected)
    assert context is None or isinstance(context, Context)
    tracer = get_tracer("app")
    with NATSTracePropagator.create_span_from_message(
        tracer, injected, "store order", span_kind=SpanKind.CONSUMER, attributes={"app.id": 1}
    ) as span:
        span.set_attribute("app.stored", True)
        await publish_with_trace_context(client, "orders.stored", injected)
    return NATSTracePropagator.remove_trace_headers(injected)


async def work(subscription: JetStreamContext.PullSubscription) -> list[Msg]:
    """Messages that were fetched together."""
    messages = await subscription.fetch(10)
    for message in messages:
        with process_span(message) as span:
            span.add_event("stored")
            await message.ack()
        with use_message_context(message) as context:
            assert isinstance(context, Context)
    with process_batch(messages) as span:
        span.add_event("stored together")
    return messages
