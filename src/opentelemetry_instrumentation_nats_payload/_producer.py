"""A publish: what happens to the message, and its span."""

from __future__ import annotations

import logging
from typing import Any, NamedTuple

from opentelemetry import context as context_api
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, Tracer

from . import _semconv
from ._carrier import RECEIVED_KEY, Embedded, Received, receive, send
from ._connection import Connection, connection_of
from ._guard import guarded, logger
from ._headers import without
from ._message import Outgoing, message_id_of
from ._operation import Operation, close_operation, take_operation
from ._reply import is_echo
from ._role import Role, role_of
from ._subjects import Handling, is_reserved
from ._telemetry import PublishDetails, Telemetry, call_hook, described, end_span


class Sender(NamedTuple):
    """Who publishes, and how the message is traced."""

    client: Any
    connection: Connection
    operation: Operation | None
    """What the publish is part of, if that is more than the publish."""

    role: Role
    tracer: Tracer | None
    """None where the context is passed on without a span."""


class Publish(NamedTuple):
    """A publish under way."""

    span: Span | None
    """The span that ends with the publish."""

    message: Outgoing
    """What goes out."""


@guarded(None)
def start_publish(telemetry: Telemetry, client: Any, message: Outgoing) -> Publish | None:
    """Start the span and write the context; None if the message goes out without us."""
    operation = take_operation(message.subject)
    if operation is not None and operation.is_retry:
        return None  # it has its span
    context = context_api.get_current()
    sender = _sender(telemetry, client, operation, message.subject, context)
    return None if sender is None else _start(telemetry, sender, message, context)


def _sender(
    telemetry: Telemetry,
    client: Any,
    operation: Operation | None,
    subject: str,
    context: Context,
) -> Sender | None:
    """Who publishes to ``subject``; None if that is nothing of ours."""
    if context and not is_instrumentation_enabled():
        return None
    tracer = telemetry.tracer()
    if tracer is None and not context:
        return None  # no SDK, and nothing to pass on
    if is_reserved(subject):
        return None
    connection = connection_of(client)
    handling, role = role_of(telemetry, connection, operation, subject, context)
    if role is None or handling is Handling.IGNORE:
        return None
    if handling is Handling.PROPAGATE:
        tracer = None
    if tracer is None and not context:
        return None
    return Sender(client, connection, operation, role, tracer)


def fail_operation(
    telemetry: Telemetry, operation: Operation, client: Any, error: BaseException
) -> None:
    """End the span of an operation that raised; also of one that did not come to publishing."""
    if close_operation(operation) and isinstance(error, Exception):
        _start_unsent(telemetry, operation, client)
    if operation.span is not None:
        end_span(operation.span, error)


@guarded(None)
def _start_unsent(telemetry: Telemetry, operation: Operation, client: Any) -> None:
    message = operation.message
    if message is None or operation.span is not None:
        return
    context = context_api.get_current()
    sender = _sender(telemetry, client, operation, message.subject, context)
    if sender is not None and sender.tracer is not None:
        operation.span = _start_span(sender, message, context, None)


def _start(
    telemetry: Telemetry, sender: Sender, message: Outgoing, context: Context
) -> Publish | None:
    cleaned = _without_echo(telemetry, sender.role, message, context)
    received = _embedded_in(telemetry, cleaned) if sender.role.propagates else None
    embedded = received and received.embedded
    chosen = _chosen_context(embedded, context)
    if embedded and not trace.get_current_span(context).get_span_context().is_valid:
        # Handed to a thread or a queue, and published from there: it stays in its trace.
        context = Context({**context, **embedded.context})
    span = sender.tracer and _start_span(sender, cleaned, context, chosen)
    if span is not None:
        _call_publish_hook(telemetry, span, message)
        context = trace.set_span_in_context(span, context)
    sent = None
    if received is not None and chosen is None:
        sent = _write(telemetry, sender, cleaned, received, context)
    _log(message.subject, embedded, chosen, sent, context)
    return _started(sender.operation, span, message, sent or cleaned)


def _started(
    operation: Operation | None, span: Span | None, message: Outgoing, sent: Outgoing
) -> Publish | None:
    if operation is not None:
        operation.tell_start(message, span)
        span = None
    if span is None and sent is message:
        return None
    return Publish(span, sent)


@guarded(None)
def _without_stale(telemetry: Telemetry, message: Outgoing) -> Outgoing | None:
    headers = without(message.headers or {}, telemetry.propagator.fields)
    if message.headers is None or len(headers) == len(message.headers):
        return None
    return message._replace(headers=headers or None)


def _without_echo(
    telemetry: Telemetry, role: Role, message: Outgoing, context: Context
) -> Outgoing:
    """``message`` without the context of the request, which ``Msg.respond`` sends back."""
    if role.operation != _semconv.OPERATION_RESPOND or not is_echo(message.headers, context):
        return message
    return _without_stale(telemetry, message) or message


@guarded(None)
def _embedded_in(telemetry: Telemetry, message: Outgoing) -> Received | None:
    """What the message carries already; None for what nats-py would not send as bytes."""
    payload = _as_bytes(message.payload)
    return None if payload is None else receive(telemetry, payload, message.headers)


def _as_bytes(payload: Any) -> bytes | None:
    if isinstance(payload, bytes):
        return payload
    if isinstance(payload, bytearray):
        return bytes(payload)
    if isinstance(payload, memoryview) and payload.itemsize == 1 and payload.contiguous:
        return payload.tobytes()
    return None


def _chosen_context(embedded: Embedded | None, context: Context) -> SpanContext | None:
    """The creation context that the application chose, in another trace than the current one.

    It is not modified (messaging-spans.md, "Context propagation"), but linked. What was merely
    received, and is only linked to the current trace, nobody chose.
    """
    if embedded is None or not embedded.span_context.is_valid:
        return None
    if context.get(RECEIVED_KEY) == embedded.span_context:
        return None
    active = trace.get_current_span(context).get_span_context()
    if not active.is_valid or active.trace_id == embedded.span_context.trace_id:
        return None
    return embedded.span_context


@guarded(None)
def _start_span(
    sender: Sender, message: Outgoing, context: Context, chosen: SpanContext | None
) -> Span | None:
    role, operation, tracer = sender.role, sender.operation, sender.tracer
    if tracer is None:
        return None
    attributes: dict[str, str | int | bool] = {
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
    started_at = operation.started_at if operation else None
    return tracer.start_span(role.span_name, context, kind, attributes, links, started_at)


@guarded(None)
def _write(
    telemetry: Telemetry, sender: Sender, message: Outgoing, received: Received, context: Context
) -> Outgoing | None:
    client, connection, operation = sender.client, sender.connection, sender.operation
    subject, payload, reply, headers = message

    def fits(size: int) -> bool:
        return connection.fits(client, size) and telemetry.size_limits.allow(subject, size)

    if operation is not None and not operation.may_grow:
        return None
    sent = send(
        telemetry,
        Outgoing(subject, bytes(payload), reply, headers),
        received,
        context,
        fits,
        headers_supported=connection.supports_headers,
    )
    if sent is None:
        return _without_stale(telemetry, message) if _is_fatal(sender, message) else None
    if operation is not None:
        operation.tell_growth(message, sent)
    return sent


def _is_fatal(sender: Sender, message: Outgoing) -> bool:
    """Whether the headers of ``message`` would cost the connection: those of a message that came
    in, passed on with what our publisher added to them.
    """
    if not message.headers:
        return False
    connection = sender.connection
    return not connection.supports_headers or not connection.fits(sender.client, message.size())


def _call_publish_hook(telemetry: Telemetry, span: Span, message: Outgoing) -> None:
    if telemetry.publish_hook is not None and span.is_recording():
        call_hook(telemetry.publish_hook, span, PublishDetails(*message))


def _log(
    subject: str,
    embedded: Embedded | None,
    chosen: SpanContext | None,
    sent: Outgoing | None,
    context: Context,
) -> None:
    if not logger.isEnabledFor(logging.DEBUG):
        return
    outcome = "no context injected"
    if embedded and chosen:
        outcome = f"{described(chosen)} in {embedded.source} is of another trace, and kept"
    elif sent:
        outcome = f"{described(trace.get_current_span(context).get_span_context())} injected"
    logger.debug("publish to %s: %s", subject, outcome)
