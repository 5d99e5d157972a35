"""Who publishes a message, and how that is traced and measured."""

from __future__ import annotations

from typing import Any, NamedTuple

from opentelemetry.context import Context
from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, Tracer

from . import _semconv
from ._capture import Capture
from ._connection import Connection, connection_of
from ._coverage import count_sent
from ._guard import guarded
from ._headers import is_sendable
from ._measured import Measured
from ._message import Outgoing, message_id_of
from ._metrics import Metrics
from ._operation import Operation
from ._role import Role, role_of
from ._series import Series
from ._subjects import Handling, is_reserved
from ._telemetry import Telemetry


class Sender(NamedTuple):
    """Who publishes, and how the message is traced."""

    client: Any
    connection: Connection
    operation: Operation | None
    """What the publish is part of, if that is more than the publish."""

    role: Role
    handling: Handling
    tracer: Tracer | None
    """None where the context is passed on without a span."""

    metrics: Metrics | None
    capture: Capture | None


def sender_of(
    telemetry: Telemetry,
    client: Any,
    operation: Operation | None,
    subject: str,
    context: Context,
) -> Sender | None:
    """Who publishes to ``subject``; None if that is nothing of ours."""
    tracer, metrics = telemetry.tracer(), telemetry.metrics()
    if tracer is None and metrics is None and not context:
        return None  # no SDK, and nothing to pass on
    if context and not is_instrumentation_enabled():
        return count_sent(metrics, _semconv.SUPPRESSED)
    if is_reserved(subject):
        return count_sent(metrics, _semconv.INTERNAL)
    connection = connection_of(client)
    handling, role = role_of(telemetry, connection, operation, subject, context)
    if handling is Handling.IGNORE:
        return count_sent(metrics, _semconv.EXCLUDED)
    if role is None:
        return count_sent(metrics, _semconv.INTERNAL)
    if handling is Handling.PROPAGATE:
        tracer = None
    if tracer is None and metrics is None and not context:
        return None
    return Sender(client, connection, operation, role, handling, tracer, metrics, telemetry.capture)


@guarded(None)
def start_send_span(
    sender: Sender,
    message: Outgoing,
    context: Context,
    chosen: SpanContext | None,
    started_at: int,
) -> Span | None:
    """The span of a message that goes out; None where there is to be none."""
    role, tracer = sender.role, sender.tracer
    if tracer is None:
        return None
    attributes: dict[str, Any] = {
        **sender.connection.attributes,
        _semconv.MESSAGING_OPERATION_NAME: role.operation,
        _semconv.MESSAGING_OPERATION_TYPE: _semconv.TYPE_SEND,
        _semconv.MESSAGING_DESTINATION_NAME: message.subject,
    }
    if role.template is not None:
        attributes[_semconv.MESSAGING_DESTINATION_TEMPLATE] = role.template
    if role.is_temporary:
        attributes[_semconv.MESSAGING_DESTINATION_TEMPORARY] = True
    message_id = message_id_of(message.headers)
    if message_id is not None:
        attributes[_semconv.MESSAGING_MESSAGE_ID] = message_id
    # The span whose context is in the message is the producer.
    is_producer = role.propagates and chosen is None
    kind = SpanKind.PRODUCER if is_producer else SpanKind.CLIENT
    links = () if chosen is None else (Link(chosen),)
    is_captured = sender.capture is not None and is_sendable(message.headers)
    headers = message.headers if is_captured else None
    span = tracer.start_span(role.span_name, context, kind, attributes, links, started_at)
    if sender.capture is not None:
        sender.capture.add(span, message.subject, message.payload, headers)
    return span


def measure(sender: Sender, span: Span | None, started_at: int) -> Measured | None:
    """What ends with the operation; None where nothing is recorded."""
    if sender.metrics is None:
        return None if span is None else Measured(span, None, None, started_at)
    role = sender.role
    series = Series(
        role.operation, _semconv.TYPE_SEND, role.template, None, None, sender.connection.server
    )
    is_timed = sender.handling is Handling.TRACE
    return Measured(span, sender.metrics, series, started_at, is_timed=is_timed)
