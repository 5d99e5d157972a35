"""The way of most messages that come in: a payload with our field as its last member, or without.

:mod:`_process` does the same for every message, at twice the cost. A test takes messages both ways
and compares what comes out. Whatever is unusual is left to it: headers, hooks, JetStream, baggage,
a field that somebody else has written.
"""

from __future__ import annotations

import logging
from enum import Enum
from time import time_ns
from typing import Any, Literal

from opentelemetry import context as context_api
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, Tracer

from . import _semconv
from ._connection import Connection, connection_of
from ._consumed import handed_over, subscribed_series
from ._continuation import Work, begin_work, has_met_message
from ._delivery import Delivery, remember
from ._following import arm, follow_nothing
from ._guard import attempted, guarded, logger
from ._measured import Measured
from ._payload import spliced
from ._series import Outcome
from ._subjects import INBOX_PREFIXES, Handling
from ._subscriber import Subscriber
from ._telemetry import Telemetry
from ._w3c import DOCUMENT_SIZE, SPAN_KEY, document_of, span_of


class Unusual(Enum):
    """The type of ``UNUSUAL``."""

    UNUSUAL = "has to be seen to in another way"


UNUSUAL: Literal[Unusual.UNUSUAL] = Unusual.UNUSUAL
"""Of a message that :mod:`_process` has to see to."""


@guarded(UNUSUAL)
def start_plain_process(
    telemetry: Telemetry, subscriber: Subscriber, message: Any
) -> Work | Literal[Unusual.UNUSUAL] | None:
    """Start the span, and make it current.

    None if there is nothing to do about the message; ``UNUSUAL`` if nothing has been done yet.
    """
    data = message.data
    tracer = telemetry.tracer()
    if tracer is None and _is_idle(telemetry, message, data):
        return None
    connection = connection_of(subscriber.client)
    if message.subject.startswith(connection.passing_prefixes):
        return UNUSUAL
    handling, template = telemetry.rules.classify(message.subject)
    if handling is Handling.IGNORE:
        return UNUSUAL if message.reply or telemetry.has_armed else None
    if not telemetry.processes_plainly or not telemetry.is_w3c:
        return UNUSUAL
    if not _is_plain(message, data) or logger.isEnabledFor(logging.DEBUG):
        return UNUSUAL
    document = telemetry.field.read_spliced(data, DOCUMENT_SIZE)
    origin = None if document is None else span_of(document)
    if origin is None and not telemetry.has_no_field(data):
        return UNUSUAL
    if tracer is None or handling is Handling.PROPAGATE:
        return _pass_on(telemetry, subscriber, message, data, origin)
    template = template or subscriber.template
    started_at = time_ns()
    creation = None if origin is None else origin.get_span_context()
    span = _start_span(tracer, connection, subscriber, message, template, origin, started_at)
    if span is None:
        return UNUSUAL
    # From here on nothing leads to another way, which would start another span.
    measured = _measured(telemetry, connection, subscriber, span, creation, template, started_at)
    measured = measured or Measured(span, None, None, started_at)
    seen = data if creation is None else _handed_over(telemetry, data, span)
    delivery = Delivery(Context({SPAN_KEY: span}), creation, subscriber)
    work = _begin(telemetry, message, delivery, measured, data if seen is None else seen)
    if work is None:
        measured.end()
    return work


@guarded(None)
def _begin(
    telemetry: Telemetry, message: Any, delivery: Delivery, measured: Measured | None, data: bytes
) -> Work:
    """Make the context of the message current, which the application sees with ``data``."""
    arm(telemetry, delivery)
    remember(message, delivery)
    if data is not message.data:
        message.data = data
    if not has_met_message.get():
        has_met_message.set(True)  # for good: this task of nats-py's does nothing else
    return begin_work(delivery.context or Context(), delivery, measured)


def _pass_on(
    telemetry: Telemetry, subscriber: Subscriber, message: Any, data: bytes, origin: Span | None
) -> Work | Literal[Unusual.UNUSUAL] | None:
    """Make the context of a message current that has no span."""
    if message.reply or telemetry.metrics() is not None:
        return UNUSUAL
    if origin is None:
        if context_api.get_current():
            return UNUSUAL
        follow_nothing(telemetry, message)
        return None
    delivery = Delivery(Context({SPAN_KEY: origin}), origin.get_span_context(), subscriber)
    is_cut = telemetry.settings.consumed_field == "strip"
    seen = handed_over(telemetry, data, telemetry.field.read(data), None) if is_cut else data
    return _begin(telemetry, message, delivery, None, seen)


def _is_idle(telemetry: Telemetry, message: Any, data: bytes) -> bool:
    """Whether there is no SDK, and nothing to pass on: not now, and not before."""
    if message.headers or message.reply or telemetry.has_armed or context_api.get_current():
        return False
    return telemetry.metrics() is None and telemetry.has_no_field(data)


def _is_plain(message: Any, data: object) -> bool:
    """Whether ``message`` is the application's, and has nothing but ``data``."""
    if message.headers or type(data) is not bytes:
        return False
    return not message.reply or message.reply.startswith(INBOX_PREFIXES)


@attempted
def _start_span(
    tracer: Tracer,
    connection: Connection,
    subscriber: Subscriber,
    message: Any,
    template: str | None,
    origin: Span | None,
    started_at: int,
) -> Span:
    name = f"{_semconv.OPERATION_PROCESS} {template or message.subject}"
    attributes = connection.processed.copy()
    attributes[_semconv.MESSAGING_DESTINATION_NAME] = message.subject
    if template is not None:
        attributes[_semconv.MESSAGING_DESTINATION_TEMPLATE] = template
    if subscriber.queue:
        attributes[_semconv.MESSAGING_CONSUMER_GROUP_NAME] = subscriber.queue
    if origin is None:
        return tracer.start_span(name, Context(), SpanKind.CONSUMER, attributes, (), started_at)
    parent, links = Context({SPAN_KEY: origin}), (Link(origin.get_span_context()),)
    return tracer.start_span(name, parent, SpanKind.CONSUMER, attributes, links, started_at)


@guarded(None)
def _handed_over(telemetry: Telemetry, data: bytes, span: Span) -> bytes:
    """What the application sees of ``data``, as ``consumed_field`` says."""
    mode = telemetry.settings.consumed_field
    if mode == "keep":
        return data
    document = document_of(span.get_span_context()) if mode == "refresh" else None
    if document is not None:
        return spliced(data, len(data) - DOCUMENT_SIZE - 1, document, len(data) - 1)
    # strip; or a sampler has added a tracestate
    return handed_over(telemetry, data, telemetry.field.read(data), Context({SPAN_KEY: span}))


@guarded(None)
def _measured(
    telemetry: Telemetry,
    connection: Connection,
    subscriber: Subscriber,
    span: Span,
    creation: SpanContext | None,
    template: str | None,
    started_at: int,
) -> Measured:
    """What ends with the processing; the message is counted."""
    metrics = telemetry.metrics()
    if metrics is None:
        return Measured(span, None, None, started_at)
    source = _semconv.NONE if creation is None else _semconv.PAYLOAD
    metrics.extracted.add(Outcome(_semconv.NATS_PROPAGATION_SOURCE, source, template))
    process = _semconv.OPERATION_PROCESS
    series = subscribed_series(process, _semconv.TYPE_PROCESS, template, subscriber, connection)
    metrics.consumed.add(series)
    return Measured(span, metrics, series, started_at)
