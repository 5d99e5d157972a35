"""The way of most messages that go out: bytes to a subject of the application's, and nothing else.

:mod:`_producer` does the same for every message, at twice the cost. A test sends messages both ways
and compares what comes out. Whatever is unusual is left to it: headers, replies, hooks, baggage,
a context that is in the payload already.
"""

from __future__ import annotations

import logging
from time import time_ns
from typing import Any, NamedTuple

from opentelemetry import context as context_api
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Tracer

from . import _semconv
from ._carrier import Received, send
from ._connection import Connection, connection_of, growth
from ._continuation import CONTINUED_KEY, WORK_KEY
from ._coverage import outcome_of, sent_outcome
from ._following import QUEUE_KEY, note_begun
from ._guard import attempted, guarded, logger
from ._measured import Measured
from ._message import Outgoing
from ._operation import has_open_operation
from ._reply import handling_of_request
from ._subjects import Handling
from ._telemetry import Telemetry
from ._w3c import DOCUMENT_SIZE, SPAN_KEY, document_of

_PLAIN_KEYS = frozenset((SPAN_KEY, WORK_KEY, CONTINUED_KEY, QUEUE_KEY))
"""What a current context may have that concerns a publish no further than its span."""


class Publish(NamedTuple):
    """A publish under way."""

    measured: Measured | None
    is_whole: bool
    """Whether that ends with the publish, and is no longer operation."""

    payload: Any
    headers: dict[str, str] | None
    """What goes out."""

    added: int
    """Bytes of that which are ours."""


UNUSUAL = Publish(None, False, None, None, 0)
"""Of a message that :mod:`_producer` has to see to."""


@guarded(UNUSUAL)
def start_plain_publish(
    telemetry: Telemetry, client: Any, subject: str, payload: Any, headers: dict[str, str] | None
) -> Publish | None:
    """Start the span, and write its context into the payload.

    None if the message goes out without us; ``UNUSUAL`` if nothing has been done about it yet.
    """
    context = context_api.get_current()
    if not context and telemetry.is_idle():
        return None  # no SDK, and nothing to pass on
    connection = connection_of(client)
    if subject.startswith(connection.passing_prefixes):
        return UNUSUAL  # before it is classified, which is remembered
    handling, template = telemetry.rules.classify(subject)
    if handling is Handling.IGNORE:
        return None if _is_ignored(telemetry, context) else UNUSUAL
    if headers is not None or type(payload) is not bytes or not telemetry.sends_plainly:
        return UNUSUAL
    if has_open_operation() or not telemetry.is_w3c or logger.isEnabledFor(logging.DEBUG):
        return UNUSUAL
    if context and not context.keys() <= _PLAIN_KEYS:
        return UNUSUAL
    if subject in telemetry.replies or connection.is_api_request(subject):
        return UNUSUAL
    tracer = telemetry.tracer() if handling is Handling.TRACE else None
    if tracer is None:
        return _pass_on(telemetry, client, connection, subject, payload, context)
    if not _may_grow(telemetry, client, connection, subject, payload):
        return UNUSUAL
    started_at = time_ns()
    span = _start_span(tracer, connection, subject, template, context, started_at)
    if span is None:
        return UNUSUAL
    # From here on nothing leads to another way, which would start another span.
    sent = _write(telemetry, connection, subject, payload, span, context)
    measured = _measured(telemetry, connection, span, template, started_at)
    measured = measured or Measured(span, None, None, started_at)
    if telemetry.metrics() is not None:
        message = Outgoing(subject, payload, "", None)
        _note_outcome(telemetry, measured, template, message, sent is not None)
    if sent is None:
        return Publish(measured, True, payload, None, 0)
    return Publish(measured, True, sent, None, growth(len(payload), len(sent)))


def _is_ignored(telemetry: Telemetry, context: Context) -> bool:
    """Whether nobody wants to know of a message that is excluded."""
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
    outer: Span | None = context.get(SPAN_KEY)  # type: ignore[assignment]
    if outer is None:
        return None
    document = document_of(outer.get_span_context())
    if document is None or not _may_grow(telemetry, client, connection, subject, payload):
        return UNUSUAL
    sent = telemetry.field.splice(payload, document)
    if sent is None:
        return None
    return Publish(None, True, sent, None, growth(len(payload), len(sent)))


@attempted
def _start_span(
    tracer: Tracer,
    connection: Connection,
    subject: str,
    template: str | None,
    context: Context,
    started_at: int,
) -> Span:
    attributes = connection.sent.copy()
    attributes[_semconv.MESSAGING_DESTINATION_NAME] = subject
    if template is not None:
        attributes[_semconv.MESSAGING_DESTINATION_TEMPLATE] = template
    name = f"{_semconv.OPERATION_PUBLISH} {template or subject}"
    return tracer.start_span(name, context, SpanKind.PRODUCER, attributes, (), started_at)


def _may_grow(
    telemetry: Telemetry, client: Any, connection: Connection, subject: str, payload: bytes
) -> bool:
    """Whether there is no context in ``payload``, and one may be added."""
    size = len(payload) + telemetry.field.added_size(DOCUMENT_SIZE)
    if size > connection.max_payload or not client.is_connected:
        return False
    return telemetry.size_limits.allow(subject, size) and telemetry.has_no_field(payload)


@guarded(None)
def _write(
    telemetry: Telemetry,
    connection: Connection,
    subject: str,
    payload: bytes,
    span: Span,
    context: Context,
) -> bytes | None:
    """``payload`` with the context of ``span``; None if it stays as it is."""
    span_context = span.get_span_context()
    if telemetry.settings.follow_handoff != "off":
        outer = context.get(SPAN_KEY)
        if not getattr(getattr(outer, "parent", None), "is_remote", False):
            note_begun(span_context)
    document = document_of(span_context)
    if document is not None:
        return telemetry.field.splice(payload, document)
    # A sampler has added a tracestate.
    sent = send(
        telemetry,
        Outgoing(subject, payload, "", None),
        Received(None, None),
        trace.set_span_in_context(span, context),
        lambda size: size <= connection.max_payload and telemetry.size_limits.allow(subject, size),
        headers_supported=connection.supports_headers,
    )
    return sent and sent.payload


@guarded(None)
def _measured(
    telemetry: Telemetry,
    connection: Connection,
    span: Span,
    template: str | None,
    started_at: int,
) -> Measured:
    """What ends with the publish."""
    metrics = telemetry.metrics()
    if metrics is None:
        return Measured(span, None, None, started_at)
    return Measured(span, metrics, connection.sent_series(template), started_at)


@guarded(None)
def _note_outcome(
    telemetry: Telemetry, measured: Measured, template: str | None, message: Outgoing, is_sent: bool
) -> None:
    """What became of the context."""
    outcome: str | None = _semconv.INJECTED
    if not is_sent and measured.span is not None:
        context = trace.set_span_in_context(measured.span, Context())
        outcome = outcome_of(telemetry, message, Received(None, None), None, None, context)
    measured.outcome = sent_outcome(outcome or _semconv.FAILED, template)
