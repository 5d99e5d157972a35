"""The way of most messages that come in: a payload with our field as its last member, or without.

:mod:`_process` does the same for every message, at twice the cost. A test takes messages both ways
and compares what comes out. Whatever is unusual is left to it: headers, hooks, JetStream, baggage,
a field that somebody else has written.
"""

from __future__ import annotations

from enum import Enum
from logging import DEBUG
from time import time_ns
from typing import Any, Final

from opentelemetry import context as context_api
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanKind, Tracer

from . import _semconv
from ._connection import connection_of
from ._consumed import handed_over, subscribed_series
from ._continuation import Work, has_met_message
from ._delivery import ATTRIBUTE, Delivery
from ._following import arm, follow_nothing
from ._guard import attempted, guarded, logger
from ._measured import Measured
from ._metrics import Metrics
from ._series import Outcome
from ._splice import spliced
from ._subject_cache import CachedSubject, cache_of
from ._subjects import INBOX_PREFIXES, Handling
from ._subscriber import Subscriber
from ._telemetry import Telemetry, end_span
from ._w3c import DOCUMENT_SIZE, SPAN_KEY, document_of, span_of

# On Python 3.11, a look at a member of an enumeration costs as much as two function calls.
_TRACE, _IGNORE = Handling.TRACE, Handling.IGNORE
_CONSUMER = SpanKind.CONSUMER
_NOTHING: Final[dict[str, Any]] = {}


class Unusual(Enum):
    """The type of ``UNUSUAL``."""

    UNUSUAL = "has to be seen to in another way"


UNUSUAL: Final = Unusual.UNUSUAL
"""Of a message that :mod:`_process` has to see to."""


def is_passed_by(telemetry: Telemetry, message: Any) -> bool:
    """Whether nothing is to be done about a message, with the least that shows it.

    Errors, of a message class of the application's, are for the caller to contain.
    """
    if message.reply or telemetry.has_armed:
        return False
    if message.subject in telemetry.ignored:
        return telemetry.ignored.are_uncounted()
    if not telemetry.is_idle() or message.headers or context_api.get_current():
        return False
    # No SDK, and nothing to pass on: neither now nor before.
    data = message.data
    return type(data) is bytes and telemetry.fields.are_absent(data)


def start_plain_process(
    telemetry: Telemetry, subscriber: Subscriber, message: Any
) -> Work | Unusual | None:
    """Start the span, and make it current.

    None if there is nothing to do about the message; ``UNUSUAL`` if nothing has been done yet.
    Errors of ours are for the caller to contain, and stand for ``UNUSUAL``.
    """
    # Not ``message.data``, which may be a property that notices who reads it (_message_data), and
    # costs six times as much. An application's class may have its data elsewhere.
    data = getattr(message, "__dict__", _NOTHING).get("data")
    subject = message.subject
    cached = cache_of(subscriber, telemetry, subscriber.client._server_info).get(subject)
    if cached is None:
        cached = _cached_anew(telemetry, subscriber, message)
    if cached is None:
        return UNUSUAL
    if cached.handling is _IGNORE:
        telemetry.note_ignored(subject)
        return UNUSUAL
    if type(data) is not bytes or message.headers or not telemetry.processes_plainly:
        return UNUSUAL
    if message.reply and not message.reply.startswith(INBOX_PREFIXES):
        return UNUSUAL
    if not telemetry.is_w3c or logger.isEnabledFor(DEBUG):
        return UNUSUAL
    document = telemetry.field.read_spliced(data, DOCUMENT_SIZE)
    origin = None if document is None else span_of(document)
    if origin is None and not telemetry.fields.are_absent(data):
        return UNUSUAL
    tracer = telemetry.tracer() if cached.handling is _TRACE else None
    if tracer is None:
        return _pass_on(telemetry, subscriber, message, data, origin)
    return _trace(telemetry, subscriber, message, cached, tracer, data, origin)


def _trace(
    telemetry: Telemetry,
    subscriber: Subscriber,
    message: Any,
    cached: CachedSubject,
    tracer: Tracer,
    data: bytes,
    origin: Span | None,
) -> Work | Unusual | None:
    """Start the span of a message that has nothing unusual."""
    metrics = telemetry.metrics()
    started_at = time_ns()
    measured = Measured(None, metrics, cached.series, started_at)
    measured.span = span = _start_span(tracer, cached, origin, started_at)
    if span is None:
        return UNUSUAL
    # From here on nothing leads to another way, which would start another span.
    work = _begin(telemetry, subscriber, message, measured, span, origin)
    if work is None:
        end_span(span)
        return None
    if origin is not None:
        _hand_over(telemetry, message, work, data)
    if metrics is not None:
        _count(metrics, cached, origin)
    return work


@guarded(None)
def _begin(
    telemetry: Telemetry,
    subscriber: Subscriber,
    message: Any,
    measured: Measured | None,
    span: Span,
    origin: Span | None,
) -> Work:
    """Make a context with ``span`` current, for a message from ``origin``."""
    if not has_met_message.get():
        has_met_message.set(True)  # for good: this task of nats-py's does nothing else
    creation = None if origin is None else origin.get_span_context()
    context = Context({SPAN_KEY: span})
    delivery = Delivery(context, creation, subscriber)
    work = Work(span, delivery, measured)
    arm(telemetry, delivery)
    message.__dict__[ATTRIBUTE] = delivery
    work.begin(context)
    return work


def _pass_on(
    telemetry: Telemetry, subscriber: Subscriber, message: Any, data: bytes, origin: Span | None
) -> Work | Unusual | None:
    """Make the context of a message current that has no span."""
    if message.reply or telemetry.metrics() is not None:
        return UNUSUAL
    if origin is None:
        if context_api.get_current():
            return UNUSUAL
        follow_nothing(telemetry, message)
        return None
    work = _begin(telemetry, subscriber, message, None, origin, origin)
    if work is not None:
        _hand_over(telemetry, message, work, data)
    return work


def _cached_anew(
    telemetry: Telemetry, subscriber: Subscriber, message: Any
) -> CachedSubject | None:
    """What is known of the subject of ``message``, kept; None for one that is not the
    application's, and where its class, which is that of the client, has its data elsewhere.
    """
    subject: str = message.subject
    if not _has_plain_data(message.__class__):
        return None
    connection = connection_of(subscriber.client)
    if subject.startswith(connection.ephemeral_prefixes):
        return None  # before it is classified, which is remembered
    handling, template = telemetry.rules.classify(subject)
    template = template or subscriber.template
    attributes = connection.processed | {_semconv.MESSAGING_DESTINATION_NAME: subject}
    if template is not None:
        attributes[_semconv.MESSAGING_DESTINATION_TEMPLATE] = template
    if subscriber.queue:
        attributes[_semconv.MESSAGING_CONSUMER_GROUP_NAME] = subscriber.queue
    process = _semconv.OPERATION_PROCESS
    cached = CachedSubject(
        handling,
        template,
        f"{process} {template or subject}",
        attributes,
        subscribed_series(process, _semconv.TYPE_PROCESS, template, subscriber, connection),
        Outcome(_semconv.NATS_PROPAGATION_SOURCE, _semconv.PAYLOAD, template),
    )
    return cache_of(subscriber, telemetry, connection.info).remember(subject, cached)


def _has_plain_data(message_class: type) -> bool:
    """Whether ``data`` is nats-py's own attribute, and not what a subclass makes of it."""
    owner = next((c for c in message_class.__mro__ if "data" in c.__dict__), None)
    return owner is not None and owner.__module__ == "nats.aio.msg"


@attempted
def _start_span(
    tracer: Tracer, cached: CachedSubject, origin: Span | None, started_at: int
) -> Span:
    name, attributes = cached.span_name, cached.attributes.copy()  # a sampler may change them
    if origin is None:
        return tracer.start_span(name, Context(), _CONSUMER, attributes, (), started_at)
    parent, links = Context({SPAN_KEY: origin}), (Link(origin.get_span_context()),)
    return tracer.start_span(name, parent, _CONSUMER, attributes, links, started_at)


@guarded(None)
def _hand_over(telemetry: Telemetry, message: Any, work: Work, data: bytes) -> None:
    """Let the application see ``data``, which has our field, as ``consumed_field`` says."""
    message.__dict__["data"] = _handed_over(telemetry, work, data)


def _handed_over(telemetry: Telemetry, work: Work, data: bytes) -> bytes:
    mode, context = telemetry.settings.consumed_field, None
    if mode == "keep":
        return data
    if mode == "refresh" and work.measured is not None:
        document = document_of(work.span.get_span_context())
        if document is not None:
            return spliced(data, len(data) - DOCUMENT_SIZE - 1, document, len(data) - 1)
        context = Context({SPAN_KEY: work.span})  # a sampler has added a tracestate
    return handed_over(telemetry, data, telemetry.field.read(data), context)


@guarded(None)
def _count(metrics: Metrics, cached: CachedSubject, origin: Span | None) -> None:
    """Count a message that came in, by where its context was."""
    outcome = cached.outcome
    if origin is None:
        outcome = outcome._replace(value=_semconv.NONE)
    metrics.extracted.add(outcome)
    metrics.consumed.add(cached.series)
