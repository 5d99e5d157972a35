"""The messages that a pull subscription fetched: one span for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, Tracer

from . import _semconv
from ._ack_subject import parse_ack_subject
from ._consumed import (
    Attributes,
    Consumed,
    attributes_of,
    consume,
    consumer_attributes,
    context_of,
    count_delivery,
    details_of,
    hand_over,
    series_of,
    subscribed_series,
)
from ._continuation import ambient
from ._following import hand_to_task
from ._guard import guarded
from ._hooks import ReceiveDetails, call_hook
from ._measured import Measured
from ._metrics import Metrics
from ._receive import Reception, receive_one
from ._subjects import Handling
from ._telemetry import Telemetry, end_span


@guarded(None)
def finish_fetch(telemetry: Telemetry, reception: Reception, messages: Sequence[Any]) -> None:
    """The span of a fetch that brought ``messages``.

    What follows the fetch of one message is about that message, as after ``next_msg``. Of several,
    each keeps its own context, for ``process_span`` and ``use_message_context``.
    """
    if not telemetry.is_active:
        return
    found = (consume(telemetry, reception.subscriber, message) for message in messages)
    batch = [consumed for consumed in found if consumed is not None]
    count: Attributes = {_semconv.MESSAGING_BATCH_MESSAGE_COUNT: len(messages)}
    if len(messages) == 1 and batch:
        receive_one(telemetry, reception, batch[0], count)
        return
    for consumed in batch:
        hand_over(telemetry, consumed.message, consumed.member, None)
        context = context_of(telemetry, consumed)
        hand_to_task(telemetry, consumed, context)
    metrics = telemetry.metrics()
    if metrics is not None:
        for consumed in batch:
            series = series_of(consumed, reception.operation, _semconv.TYPE_RECEIVE)
            count_delivery(metrics, consumed, series)
    traced = [c for c in batch if c.destination.handling is Handling.TRACE]
    if traced:
        _record(telemetry, metrics, reception, traced, count)


def _record(
    telemetry: Telemetry,
    metrics: Metrics | None,
    reception: Reception,
    batch: Sequence[Consumed],
    count: Attributes,
) -> None:
    template = common([consumed.template for consumed in batch])
    series = subscribed_series(
        reception.operation,
        _semconv.TYPE_RECEIVE,
        template,
        reception.subscriber,
        batch[0].connection,
    )
    tracer = telemetry.tracer()
    span = tracer and _start_span(tracer, reception, batch, count)
    try:
        if span is not None and telemetry.receive_hook is not None and span.is_recording():
            details = ReceiveDetails(tuple(details_of(consumed) for consumed in batch))
            call_hook(telemetry.receive_hook, span, details)
        Measured(span, metrics, series, reception.started_at).end()
    except BaseException:
        if span is not None:
            end_span(span)
        raise


def _start_span(
    tracer: Tracer, reception: Reception, batch: Sequence[Consumed], count: Attributes
) -> Span:
    attributes: Attributes = {
        **batch[0].connection.attributes,
        _semconv.MESSAGING_OPERATION_NAME: reception.operation,
        _semconv.MESSAGING_OPERATION_TYPE: _semconv.TYPE_RECEIVE,
        **count,
    }
    outer = ambient()
    delivery = parse_ack_subject(batch[0].message.reply)
    if delivery is not None:
        attributes.update(consumer_attributes(delivery, reception.subscriber))
    subject = common([consumed.message.subject for consumed in batch])
    if subject is not None:
        attributes[_semconv.MESSAGING_DESTINATION_NAME] = subject
    template = common([consumed.template for consumed in batch])
    if template is not None:
        attributes[_semconv.MESSAGING_DESTINATION_TEMPLATE] = template
    return tracer.start_span(
        _semconv.span_name(reception.operation, template or subject),
        Context() if outer is None else outer,
        SpanKind.CLIENT,
        attributes,
        [_link(consumed, consumed.creation) for consumed in batch if consumed.creation],
        reception.started_at,
    )


def _link(consumed: Consumed, creation: SpanContext) -> Link:
    """With what tells the message from others (messaging-spans.md, "Per-message attributes")."""
    attributes = attributes_of(consumed, "", "")
    names = (_semconv.MESSAGING_MESSAGE_ID, _semconv.MESSAGING_DESTINATION_NAME)
    return Link(creation, {name: attributes[name] for name in names if name in attributes})


def common(values: Sequence[str | None]) -> str | None:
    """What all of ``values`` are, None where they differ."""
    return values[0] if len(set(values)) == 1 else None
