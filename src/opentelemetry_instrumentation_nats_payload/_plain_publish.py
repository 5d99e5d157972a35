"""The way of most messages that go out: bytes to a subject of the application's, and nothing else.

:mod:`_producer` does the same for every message, at twice the cost. A test sends messages both ways
and compares what comes out. Whatever is unusual is left to it: headers, replies, hooks, baggage,
a context that is in the payload already.
"""

from __future__ import annotations

import logging
from time import time_ns
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind

from . import _semconv
from ._carrier import Received, send
from ._connection import Connection, connection_of
from ._continuation import CONTINUED_KEY, WORK_KEY
from ._coverage import sent_outcome
from ._following import QUEUE_KEY, note_begun
from ._guard import attempted, guarded, logger
from ._measured import Measured
from ._message import Outgoing
from ._metrics import Metrics
from ._subjects import Handling
from ._telemetry import Telemetry
from ._w3c import DOCUMENT_SIZE, SPAN_KEY, document_of

_PLAIN_KEYS = frozenset((SPAN_KEY, WORK_KEY, CONTINUED_KEY, QUEUE_KEY))
"""What a current context may have that concerns a publish no further than its span."""


@attempted
def start_plain_publish(
    telemetry: Telemetry, client: Any, subject: str, payload: bytes, context: Context
) -> tuple[Measured, bytes] | None:
    """Start the span, and write its context into the payload.

    None if the message is not that plain; nothing has been done then.
    """
    tracer = telemetry.tracer()
    if tracer is None or not telemetry.sends_plainly or not telemetry.is_w3c:
        return None
    if (context and not context.keys() <= _PLAIN_KEYS) or logger.isEnabledFor(logging.DEBUG):
        return None
    connection = connection_of(client)
    handling, template = telemetry.rules.classify(subject)
    if handling is not Handling.TRACE:
        return None
    if not _is_application_subject(telemetry, connection, subject):
        return None
    if not _may_grow(telemetry, client, connection, subject, payload):
        return None
    started_at = time_ns()
    attributes = connection.sent.copy()
    attributes[_semconv.MESSAGING_DESTINATION_NAME] = subject
    if template is not None:
        attributes[_semconv.MESSAGING_DESTINATION_TEMPLATE] = template
    name = f"{_semconv.OPERATION_PUBLISH} {template or subject}"
    span = tracer.start_span(name, context, SpanKind.PRODUCER, attributes, (), started_at)
    sent = _write(telemetry, connection, subject, payload, span, context)
    measured = None
    metrics = telemetry.metrics()
    if metrics is not None:
        measured = _measure(metrics, connection, span, template, started_at, sent)
    return measured or Measured(span, None, None, started_at), sent or payload


def _is_application_subject(telemetry: Telemetry, connection: Connection, subject: str) -> bool:
    """Whether ``subject`` is neither a reply's, nor of a JetStream API."""
    if subject.startswith(connection.inbox_prefixes) or subject in telemetry.replies:
        return False
    return not connection.is_api_request(subject)


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
        lambda size: size <= connection.max_payload,
        headers_supported=connection.supports_headers,
    )
    return sent and sent.payload


@guarded(None)
def _measure(
    metrics: Metrics,
    connection: Connection,
    span: Span,
    template: str | None,
    started_at: int,
    sent: bytes | None,
) -> Measured:
    """What ends with the publish."""
    measured = Measured(span, metrics, connection.sent_series(template), started_at)
    outcome = _semconv.NOT_A_JSON_OBJECT if sent is None else _semconv.INJECTED
    measured.outcome = sent_outcome(outcome, template)
    return measured
