"""The way of most messages that go out: bytes to a subject of the application's, and nothing else.

:mod:`_producer` does the same for every message, at twice the cost. A test sends messages both ways
and compares what comes out. Whatever is unusual is left to it: headers, replies, hooks, baggage,
a context that is in the payload already.
"""

from __future__ import annotations

from logging import DEBUG
from time import time_ns
from typing import Any, cast

from opentelemetry import context as context_api
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Tracer

from . import _semconv
from ._carrier import Received, send
from ._connection import Connection, connection_of, discount, growth
from ._continuation import CONTINUED_KEY, WORK_KEY
from ._coverage import outcome_of, sent_outcome
from ._fields import NO_OBJECT
from ._following import QUEUE_KEY, note_begun
from ._guard import attempted, guarded, logger, report_from
from ._measured import Measured, Publish
from ._message import Outgoing
from ._operation import has_open_operation
from ._reply import handling_of_request
from ._subject_cache import CachedSubject, cache_of
from ._subjects import Handling
from ._telemetry import Telemetry, end_span
from ._w3c import DOCUMENT_SIZE, SPAN_KEY, document_of

# On Python 3.11, a look at a member of an enumeration costs as much as two function calls.
_TRACE, _IGNORE = Handling.TRACE, Handling.IGNORE
_PRODUCER = SpanKind.PRODUCER
_PLAIN_KEYS = frozenset((SPAN_KEY, WORK_KEY, CONTINUED_KEY, QUEUE_KEY))
"""What a current context may have that concerns a publish no further than its span."""


UNUSUAL = Publish(None, False, None, None, 0)
"""Of a message that :mod:`_producer` has to see to."""


def start_plain_publish(
    telemetry: Telemetry, client: Any, subject: Any, payload: Any, headers: dict[str, str] | None
) -> Publish | None:
    """Start the span, and write its context into the payload.

    None if the message goes out without us; ``UNUSUAL`` if nothing has been done about it yet.
    Errors of ours are for the caller to contain, and stand for ``UNUSUAL``.
    """
    if not telemetry.is_active or not isinstance(subject, str):
        return None  # nats-py has its own error for what is no subject
    if (
        subject in telemetry.ignored
        and telemetry.ignored.are_uncounted()
        and not has_open_operation()
    ):
        return None
    connection = connection_of(client)
    cached = cache_of(connection, telemetry, connection.info).get(subject)
    if cached is None:
        cached = _cached_anew(telemetry, connection, subject)
    context = context_api.get_current()
    if cached is None or subject in telemetry.replies:
        return UNUSUAL
    if cached.handling is _IGNORE:
        return None if _is_ignored(telemetry, subject, context) else UNUSUAL
    if headers is not None or type(payload) is not bytes or not telemetry.sends_plainly:
        return UNUSUAL
    if has_open_operation() or not telemetry.is_w3c or logger.isEnabledFor(DEBUG):
        return UNUSUAL
    if context and not _PLAIN_KEYS.issuperset(context):
        return UNUSUAL
    tracer = telemetry.tracer() if cached.handling is _TRACE else None
    if tracer is None:
        return _pass_on(telemetry, client, connection, subject, payload, context)
    return _trace(telemetry, client, connection, cached, tracer, subject, payload, context)


def _trace(
    telemetry: Telemetry,
    client: Any,
    connection: Connection,
    cached: CachedSubject,
    tracer: Tracer,
    subject: str,
    payload: bytes,
    context: Context,
) -> Publish | None:
    """Start the span of a message that has nothing unusual, unless its payload has, or it may not
    fit. None if what has begun has failed, and ended.
    """
    if not _may_grow(telemetry, client, connection, subject, payload):
        return UNUSUAL
    brace = telemetry.fields.place(payload)
    if brace is None:
        return UNUSUAL  # it has one already
    metrics = telemetry.metrics()
    started_at = time_ns()
    measured = Measured(None, metrics, cached.series, started_at)
    measured.span = span = _start_span(tracer, cached, context, started_at)
    if span is None:
        return UNUSUAL
    # From here on nothing leads to another way, which would start another span.
    publish = _started(telemetry, client, connection, measured, subject, payload, brace, context)
    if publish is None:
        end_span(span)
    elif metrics is not None:
        _note_outcome(telemetry, publish, cached, subject, payload)
    return publish


def _cached_anew(
    telemetry: Telemetry, connection: Connection, subject: str
) -> CachedSubject | None:
    """What is known of ``subject``, kept; None for one that is not the application's."""
    if subject.startswith(connection.ephemeral_prefixes):
        return None  # before it is classified, which is remembered
    if subject in telemetry.replies or connection.is_api_request(subject):
        return None
    handling, template = telemetry.rules.classify(subject)
    attributes = connection.sent | {_semconv.MESSAGING_DESTINATION_NAME: subject}
    if template is not None:
        attributes[_semconv.MESSAGING_DESTINATION_TEMPLATE] = template
    cached = CachedSubject(
        handling,
        template,
        f"{_semconv.OPERATION_PUBLISH} {template or subject}",
        attributes,
        connection.sent_series(template),
        sent_outcome(_semconv.INJECTED, template),
    )
    return cache_of(connection, telemetry, connection.info).remember(subject, cached)


def _is_ignored(telemetry: Telemetry, subject: str, context: Context) -> bool:
    """Whether nobody wants to know of a message that is excluded."""
    telemetry.note_ignored(subject)
    if handling_of_request(context) is not None or has_open_operation():
        return False
    return telemetry.metrics() is None


def _pass_on(
    telemetry: Telemetry,
    client: Any,
    connection: Connection,
    subject: str,
    payload: bytes,
    context: Context,
) -> Publish | None:
    """Write the current context into the payload of a message that has no span."""
    if telemetry.metrics() is not None:
        return UNUSUAL
    outer = cast("Span | None", context.get(SPAN_KEY))
    if outer is None:
        return None
    document = document_of(outer.get_span_context())
    if document is None or not _may_grow(telemetry, client, connection, subject, payload):
        return UNUSUAL
    brace = telemetry.fields.place(payload)
    if brace is None:
        return UNUSUAL
    if brace == NO_OBJECT:
        return None
    publish = Publish(None, True, payload, None, 0)
    _replace_payload(client, publish, telemetry.field.insert(payload, brace, document))
    return publish


@attempted
def _start_span(tracer: Tracer, cached: CachedSubject, context: Context, started_at: int) -> Span:
    attributes = cached.attributes.copy()  # a sampler may keep, or change, what it gets
    return tracer.start_span(cached.span_name, context, _PRODUCER, attributes, (), started_at)


def _may_grow(
    telemetry: Telemetry, client: Any, connection: Connection, subject: str, payload: bytes
) -> bool:
    """Whether a context may be added to ``payload``."""
    size = len(payload) + telemetry.field.added_size(DOCUMENT_SIZE)
    if size > connection.max_payload or not client.is_connected:
        return False
    return telemetry.size_limits.allow(subject, size)


@guarded(None)
def _started(
    telemetry: Telemetry,
    client: Any,
    connection: Connection,
    measured: Measured,
    subject: str,
    payload: bytes,
    brace: int,
    context: Context,
) -> Publish | None:
    """The publish, with the context before the final ``brace`` of the payload, if it has one."""
    publish = Publish(measured, True, payload, None, 0)
    span = measured.span
    if span is None:
        return None
    span_context = span.get_span_context()
    if telemetry.follows_handoff and not (context and _is_continued(context)):
        try:
            note_begun(span_context[0], context)
        except Exception as error:  # the message keeps its context
            report_from(note_begun, error)
    if brace == NO_OBJECT:
        return publish
    document = document_of(span_context)
    if document is not None:
        sent = telemetry.field.insert(payload, brace, document)
    else:  # a sampler has added a tracestate
        sent = _with_tracestate(telemetry, connection, subject, payload, span, context)
    if sent is not None:
        _replace_payload(client, publish, sent)
    return publish


def _is_continued(context: Context) -> bool:
    """Whether the current span came with a message, or belongs to one."""
    return getattr(getattr(context.get(SPAN_KEY), "parent", None), "is_remote", False)


def _with_tracestate(
    telemetry: Telemetry,
    connection: Connection,
    subject: str,
    payload: bytes,
    span: Span,
    context: Context,
) -> bytes | None:
    sent = send(
        telemetry,
        Outgoing(subject, payload, "", None),
        Received(None, None),
        trace.set_span_in_context(span, context),
        lambda size: size <= connection.max_payload and telemetry.size_limits.allow(subject, size),
        headers_supported=connection.supports_headers,
    )
    return sent and sent.payload


def _replace_payload(client: Any, publish: Publish, sent: bytes) -> None:
    """Let ``sent`` go out; what it is larger does not count in the buffer, see :func:`discount`."""
    size = len(publish.payload)
    publish.payload = sent
    added = growth(size, len(sent))
    publish.counted = discount(client, added)
    publish.added = added


@guarded(None)
def _note_outcome(
    telemetry: Telemetry, publish: Publish, cached: CachedSubject, subject: str, payload: bytes
) -> None:
    """What became of the context."""
    measured = publish.measured
    if measured is None or measured.span is None:
        return
    measured.outcome = cached.outcome
    if publish.payload is payload:
        context = trace.set_span_in_context(measured.span, Context())
        message = Outgoing(subject, payload, "", None)
        outcome = outcome_of(telemetry, message, Received(None, None), None, None, context)
        measured.outcome = sent_outcome(outcome or _semconv.FAILED, cached.template)
