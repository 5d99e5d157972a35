"""The way of most messages that come in: a payload with our field as its last member, or without.

:mod:`_process` does the same for every message, at twice the cost. A test takes messages both ways
and compares what comes out. Whatever is unusual is left to it: headers, hooks, JetStream, baggage,
a field that somebody else has written.
"""

from __future__ import annotations

import logging
from time import time_ns
from typing import Any, NamedTuple

from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanContext, SpanKind

from . import _semconv
from ._connection import Connection, connection_of
from ._consumed import hand_over, subscribed_series
from ._continuation import Work, begin_work
from ._delivery import Delivery, remember
from ._following import arm
from ._guard import attempted, guarded, logger
from ._measured import Measured
from ._metrics import Metrics
from ._series import Outcome
from ._subjects import INBOX_PREFIXES, Handling
from ._subscriber import Subscriber
from ._telemetry import Telemetry
from ._w3c import DOCUMENT_SIZE, SPAN_KEY, document_of, span_of


class Process(NamedTuple):
    """A message being processed."""

    measured: Measured | None
    work: Work
    delivery: Delivery
    started_at: float
    """By ``time.perf_counter``, in seconds; 0 for a message that is not to be acknowledged."""


@attempted
def start_plain_process(
    telemetry: Telemetry, subscriber: Subscriber, message: Any
) -> Process | None:
    """Start the span, and make it current.

    None if the message is not that plain; nothing has been done then.
    """
    tracer = telemetry.tracer()
    if tracer is None or not telemetry.processes_plainly or not telemetry.is_w3c:
        return None
    connection = connection_of(subscriber.client)
    data: bytes = message.data
    if not _is_plain(telemetry, connection, message, data):
        return None
    document = telemetry.field.read_spliced(data, DOCUMENT_SIZE)
    origin = None if document is None else span_of(document)
    if origin is None and not telemetry.has_no_field(data):
        return None
    template = telemetry.rules.classify(message.subject).template or subscriber.template
    started_at = time_ns()
    name = f"{_semconv.OPERATION_PROCESS} {template or message.subject}"
    attributes = connection.processed.copy()
    attributes[_semconv.MESSAGING_DESTINATION_NAME] = message.subject
    if template is not None:
        attributes[_semconv.MESSAGING_DESTINATION_TEMPLATE] = template
    if subscriber.queue:
        attributes[_semconv.MESSAGING_CONSUMER_GROUP_NAME] = subscriber.queue
    if origin is None:
        span = tracer.start_span(name, Context(), SpanKind.CONSUMER, attributes, (), started_at)
        return _begin(telemetry, subscriber, message, span, None, template, started_at)
    creation = origin.get_span_context()
    parent, links = Context({SPAN_KEY: origin}), (Link(creation),)
    span = tracer.start_span(name, parent, SpanKind.CONSUMER, attributes, links, started_at)
    _hand_over(telemetry, message, data, span)
    return _begin(telemetry, subscriber, message, span, creation, template, started_at)


def _is_plain(telemetry: Telemetry, connection: Connection, message: Any, data: object) -> bool:
    """Whether ``message`` is the application's, and has nothing but ``data``."""
    subject: str = message.subject
    if message.headers or type(data) is not bytes or subject.startswith(connection.inbox_prefixes):
        return False
    if message.reply and not message.reply.startswith(INBOX_PREFIXES):
        return False
    if telemetry.rules.classify(subject).handling is not Handling.TRACE:
        return False
    return not logger.isEnabledFor(logging.DEBUG)


@guarded(None)
def _hand_over(telemetry: Telemetry, message: Any, data: bytes, span: Span) -> None:
    """Change the field as ``consumed_field`` says."""
    mode = telemetry.settings.consumed_field
    if mode == "keep":
        return
    document = document_of(span.get_span_context()) if mode == "refresh" else None
    if document is not None:
        message.data = b"".join((data[: -DOCUMENT_SIZE - 1], document, b"}"))
    else:  # strip; or a sampler has added a tracestate
        hand_over(telemetry, message, telemetry.field.read(data), Context({SPAN_KEY: span}))


def _begin(
    telemetry: Telemetry,
    subscriber: Subscriber,
    message: Any,
    span: Span,
    creation: SpanContext | None,
    template: str | None,
    started_at: int,
) -> Process:
    context = Context({SPAN_KEY: span})
    delivery = Delivery(context, creation, subscriber)
    arm(telemetry, delivery)
    remember(message, delivery)
    measured = None
    metrics = telemetry.metrics()
    if metrics is not None:
        measured = _measure(metrics, subscriber, span, creation, template, started_at)
    measured = measured or Measured(span, None, None, started_at)
    return Process(measured, begin_work(context, delivery), delivery, 0.0)


@guarded(None)
def _measure(
    metrics: Metrics,
    subscriber: Subscriber,
    span: Span,
    creation: SpanContext | None,
    template: str | None,
    started_at: int,
) -> Measured:
    """Count the message; what ends with its processing."""
    source = _semconv.NONE if creation is None else _semconv.PAYLOAD
    metrics.extracted.add(Outcome(_semconv.NATS_PROPAGATION_SOURCE, source, template))
    series = subscribed_series(
        _semconv.OPERATION_PROCESS,
        _semconv.TYPE_PROCESS,
        template,
        subscriber,
        connection_of(subscriber.client),
    )
    metrics.consumed.add(series)
    return Measured(span, metrics, series, started_at)
