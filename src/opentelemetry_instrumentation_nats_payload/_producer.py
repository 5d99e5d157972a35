"""A publish: what happens to the message, and its span."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, NamedTuple

from opentelemetry import context as context_api
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, Tracer

from . import _semconv
from ._carrier import RECEIVED_KEY, Embedded, Received, receive, send
from ._connection import Connection, connection_of
from ._growth import growth
from ._guard import guarded, logger
from ._message import Outgoing
from ._reply import is_reply
from ._subjects import Destination, Handling, is_reserved
from ._telemetry import PublishDetails, Telemetry, call_hook, described

_MESSAGE_ID_HEADER = "Nats-Msg-Id"


class Sender(NamedTuple):
    """Who publishes."""

    client: Any
    connection: Connection


class Publish(NamedTuple):
    """A publish under way."""

    span: Span | None
    message: Outgoing
    """What goes out."""


@guarded(None)
def start_publish(telemetry: Telemetry, client: Any, message: Outgoing) -> Publish | None:
    """Start the span and write the context; None if the message goes out without us."""
    context = context_api.get_current()
    if context and not is_instrumentation_enabled():
        return None
    tracer = telemetry.tracer()
    if tracer is None and not context:
        return None  # no SDK, and nothing to pass on
    if is_reserved(message.subject):
        return None
    connection = connection_of(client)
    if is_reply(message.subject, context, connection.inbox_prefixes, telemetry.replies):
        return _start_reply(telemetry, tracer, connection, message, context)
    destination = telemetry.rules.classify(message.subject)
    if destination.handling is Handling.IGNORE or connection.is_api_request(message.subject):
        return None
    if destination.handling is Handling.PROPAGATE:
        tracer = None
    if tracer is None and not context:
        return None
    sender = Sender(client, connection)
    return _start_message(telemetry, tracer, sender, destination, message, context)


def _start_reply(
    telemetry: Telemetry,
    tracer: Tracer | None,
    connection: Connection,
    message: Outgoing,
    context: Context,
) -> Publish | None:
    """A reply gets a span and stays as it is: the requester has a span of its own, and may not
    know the field.
    """
    if tracer is None or telemetry.rules.handling(message.subject) is not Handling.TRACE:
        return None
    attributes = _attributes(connection, _semconv.OPERATION_RESPOND, message)
    inbox = connection.inbox_template(message.subject)
    if inbox is not None:
        attributes[_semconv.MESSAGING_DESTINATION_TEMPLATE] = inbox
        attributes[_semconv.MESSAGING_DESTINATION_TEMPORARY] = True
    # Whatever the subject: each requester may have its own, and each request.
    span = tracer.start_span(_semconv.OPERATION_RESPOND, context, SpanKind.CLIENT, attributes)
    _call_publish_hook(telemetry, span, message)
    return Publish(span, message)


def _start_message(
    telemetry: Telemetry,
    tracer: Tracer | None,
    sender: Sender,
    destination: Destination,
    message: Outgoing,
    context: Context,
) -> Publish | None:
    received = _embedded_in(telemetry, message)
    embedded = received and received.embedded
    chosen = _chosen_context(embedded, context)
    if embedded and not trace.get_current_span(context).get_span_context().is_valid:
        # Handed to a thread or a queue, and published from there: it stays in its trace.
        context = Context({**context, **embedded.context})
    span = tracer and _start_span(tracer, sender, destination, message, context, chosen)
    if span is not None:
        _call_publish_hook(telemetry, span, message)
        context = trace.set_span_in_context(span, context)
    sent = None
    if received is not None and chosen is None:
        sent = _write(telemetry, sender, message, received, context)
    _log(message.subject, embedded, chosen, sent, context)
    if span is None and sent is None:
        return None
    return Publish(span, sent or message)


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
    tracer: Tracer,
    sender: Sender,
    destination: Destination,
    message: Outgoing,
    context: Context,
    chosen: SpanContext | None,
) -> Span:
    attributes = _attributes(sender.connection, _semconv.OPERATION_PUBLISH, message)
    if destination.template is not None:
        attributes[_semconv.MESSAGING_DESTINATION_TEMPLATE] = destination.template
    return tracer.start_span(
        _semconv.span_name(_semconv.OPERATION_PUBLISH, destination.template or message.subject),
        context,
        # The span whose context is in the message is the producer.
        SpanKind.PRODUCER if chosen is None else SpanKind.CLIENT,
        attributes,
        () if chosen is None else (Link(chosen),),
    )


def _attributes(
    connection: Connection, operation: str, message: Outgoing
) -> dict[str, str | int | bool]:
    attributes: dict[str, str | int | bool] = {
        **connection.attributes,
        _semconv.MESSAGING_OPERATION_NAME: operation,
        _semconv.MESSAGING_OPERATION_TYPE: _semconv.TYPE_SEND,
        _semconv.MESSAGING_DESTINATION_NAME: message.subject,
    }
    message_id = message_id_of(message.headers)
    if message_id is not None:
        attributes[_semconv.MESSAGING_MESSAGE_ID] = message_id
    return attributes


def message_id_of(headers: Mapping[str, str] | None) -> str | None:
    """The id by which JetStream tells duplicates, if the message has one."""
    # nats-py takes anything that has items().
    return headers.get(_MESSAGE_ID_HEADER) if isinstance(headers, dict) else None


@guarded(None)
def _write(
    telemetry: Telemetry, sender: Sender, message: Outgoing, received: Received, context: Context
) -> Outgoing | None:
    grown = growth.get()
    if grown is not None and not grown.is_allowed:
        return None
    client, connection = sender
    subject, payload, reply, headers = message

    def fits(size: int) -> bool:
        return connection.fits(client, size) and telemetry.size_limits.allow(subject, size)

    sent = send(
        telemetry,
        Outgoing(subject, bytes(payload), reply, headers),
        received,
        context,
        fits,
        headers_supported=connection.supports_headers,
    )
    if grown is not None and sent is not None:
        grown.tell(message.size(), sent.size())
    return sent


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
