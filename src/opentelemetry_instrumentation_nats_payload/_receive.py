"""A message that the application asked for: its span, and the context of what follows."""

from __future__ import annotations

import asyncio
from time import time_ns
from typing import Any, NamedTuple

from opentelemetry import context as context_api
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from opentelemetry.trace import Span, SpanKind, Tracer

from . import _semconv
from ._connection import Connection, connection_of
from ._consumed import (
    Attributes,
    Consumed,
    attributes_of,
    capture,
    consume,
    context_of,
    count_delivery,
    details_of,
    hand_over,
    parent_and_links,
    series_of,
    subscribed_series,
)
from ._continuation import add, ambient, continue_in, give_back
from ._following import hand_to_task
from ._guard import guarded
from ._hooks import ReceiveDetails, call_hook
from ._measured import Measured
from ._reply import with_reply
from ._subjects import Handling, is_reserved
from ._subscriber import Subscriber
from ._telemetry import Telemetry, end_span


class Reception(NamedTuple):
    """A call under way that waits for messages."""

    operation: str
    """``receive`` or ``fetch``."""

    subscriber: Subscriber
    source: object
    """The subscription that is asked; None where nothing can follow the message."""

    started_at: int
    """Nanoseconds since 1970."""


@guarded(None)
def start_receive(operation: str, subscriber: Subscriber, source: object) -> Reception | None:
    """Give back the context of the message before; None if there is nothing to do."""
    if not is_traced(subscriber):
        return None
    if context_api.get_current() and not is_instrumentation_enabled():
        return None
    give_back(source)
    return Reception(operation, subscriber, source, time_ns())


def is_traced(subscriber: Subscriber) -> bool:
    """Whether messages of an application may come in, and not replies or parts of an object."""
    subject = subscriber.subject
    if is_reserved(subject):
        return False
    return not subject.startswith(connection_of(subscriber.client).inbox_prefixes)


@guarded(None)
def finish_receive(telemetry: Telemetry, reception: Reception, message: Any) -> None:
    """The span of a message that is handed over, and the context of the code that follows."""
    consumed = consume(telemetry, reception.subscriber, message)
    if telemetry.is_active and consumed is not None:
        receive_one(telemetry, reception, consumed, {})


def receive_one(
    telemetry: Telemetry, reception: Reception, consumed: Consumed, more: Attributes
) -> None:
    """Hand one message over, whose span also has the attributes ``more``.

    Under a span of the application's, what follows stays there, and the field as it came: code
    that reads it by hand goes on with the trace of the message.
    """
    outer = ambient()  # not before: a span may have ended while the call waited
    context = context_of(telemetry, consumed)
    is_traced = consumed.destination.handling is Handling.TRACE
    tracer = telemetry.tracer() if is_traced else None
    # In the trace of the message the wait, maybe since long before it was sent, is no part.
    started_at = time_ns() if outer is None else reception.started_at
    span = tracer and _start_span(telemetry, tracer, reception, consumed, outer, more, started_at)
    try:
        _hand_over(telemetry, reception, consumed, span, context, outer)
        measured = _measured(telemetry, reception, consumed, span, started_at)
        (measured or Measured(span, None, None, started_at)).end()
    except BaseException:
        if span is not None:
            end_span(span)
        raise


def _hand_over(
    telemetry: Telemetry,
    reception: Reception,
    consumed: Consumed,
    span: Span | None,
    context: Context,
    outer: Context | None,
) -> None:
    refreshed: Context | None = None
    if span is not None and outer is None:
        refreshed = context = trace.set_span_in_context(span, context)
    hand_over(telemetry, consumed.message, consumed.member, refreshed)
    hand_to_task(telemetry, consumed, context)
    if span is not None and telemetry.receive_hook is not None and span.is_recording():
        call_hook(telemetry.receive_hook, span, ReceiveDetails((details_of(consumed),)))
    if reception.source is not None:
        _continue(telemetry, reception.source, consumed, context, outer)


@guarded(None)
def _measured(
    telemetry: Telemetry,
    reception: Reception,
    consumed: Consumed,
    span: Span | None,
    started_at: int,
) -> Measured:
    metrics = telemetry.metrics()
    if metrics is None:
        return Measured(span, None, None, started_at)
    series = series_of(consumed, reception.operation, _semconv.TYPE_RECEIVE)
    count_delivery(metrics, consumed, series)
    is_timed = consumed.destination.handling is Handling.TRACE
    return Measured(span, metrics, series, started_at, is_timed=is_timed)


@guarded(None)
def _continue(
    telemetry: Telemetry,
    source: object,
    consumed: Consumed,
    context: Context,
    outer: Context | None,
) -> None:
    """What follows is about the message; at least, where it would answer."""
    if outer is None and telemetry.settings.continue_received:
        continue_in(context, source)
    else:
        add(with_reply(Context(), consumed.message.reply), source)


@guarded(None)
def _start_span(
    telemetry: Telemetry,
    tracer: Tracer,
    reception: Reception,
    consumed: Consumed,
    outer: Context | None,
    more: Attributes,
    started_at: int,
) -> Span:
    parent, links = parent_and_links(telemetry, consumed, outer)
    operation = reception.operation
    name = _semconv.span_name(operation, consumed.template or consumed.message.subject)
    attributes = attributes_of(consumed, operation, _semconv.TYPE_RECEIVE)
    attributes.update(more)
    span = tracer.start_span(name, parent, SpanKind.CLIENT, attributes, links, started_at)
    capture(telemetry, consumed, span)
    return span


@guarded(None)
def fail_receive(telemetry: Telemetry, reception: Reception, error: Exception) -> None:
    """Record a call that raised; with a span where it is part of something that has one.

    An idle poll that timed out is no failure, nor is the end of an iteration. Without a span
    around it, a loop that polls a closed connection would fill the backend.
    """
    if isinstance(error, (asyncio.TimeoutError, StopAsyncIteration)):
        return
    subscriber, outer = reception.subscriber, ambient()
    connection = connection_of(subscriber.client)
    destination = telemetry.rules.classify(subscriber.subject)
    if destination.handling is not Handling.TRACE:
        return
    template = destination.template or subscriber.template
    tracer = telemetry.tracer() if outer is not None else None
    series = subscribed_series(
        reception.operation, _semconv.TYPE_RECEIVE, template, subscriber, connection
    )
    metrics = telemetry.metrics()
    span = tracer and _start_failed(tracer, reception, connection, template, outer)
    Measured(span, metrics, series, reception.started_at).end(error)


@guarded(None)
def _start_failed(
    tracer: Tracer,
    reception: Reception,
    connection: Connection,
    template: str | None,
    outer: Context | None,
) -> Span:
    subscriber = reception.subscriber
    attributes: Attributes = {
        **connection.attributes,
        _semconv.MESSAGING_OPERATION_NAME: reception.operation,
        _semconv.MESSAGING_OPERATION_TYPE: _semconv.TYPE_RECEIVE,
    }
    if template is not None:
        attributes[_semconv.MESSAGING_DESTINATION_TEMPLATE] = template
    elif subscriber.subject:
        attributes[_semconv.MESSAGING_DESTINATION_NAME] = subscriber.subject
    if subscriber.queue:
        attributes[_semconv.MESSAGING_CONSUMER_GROUP_NAME] = subscriber.queue
    name = _semconv.span_name(reception.operation, template or subscriber.subject)
    return tracer.start_span(
        name, outer, SpanKind.CLIENT, attributes, start_time=reception.started_at
    )
