"""A message that came in: what it carries, what its span says, what the application sees of it."""

from __future__ import annotations

import logging
from time import time_ns
from typing import Any, NamedTuple

from opentelemetry import context as context_api
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, Link, Span, SpanContext

from . import _semconv
from ._ack_subject import ConsumerDelivery, parse_ack_subject
from ._carrier import RECEIVED_KEY, Embedded, Received, documents, inject, receive
from ._connection import Connection, connection_of
from ._coverage import count_received
from ._guard import guarded, logger
from ._hooks import MessageDetails, frozen_headers
from ._message import message_id_of
from ._metrics import Metrics
from ._reply import with_echo, with_handling, with_reply
from ._series import Series
from ._splice import Member
from ._subjects import Destination, Handling, is_reserved
from ._subscriber import Subscriber
from ._telemetry import Telemetry, described

_STATUS_HEADER = "Status"

Attributes = dict[str, Any]


class Consumed(NamedTuple):
    """A message, and what is known of it before it has a span."""

    message: Any
    """The ``nats.aio.msg.Msg``."""

    subscriber: Subscriber
    connection: Connection
    destination: Destination
    received: Received | None
    latency: float | None = None
    """Seconds since the stream stored it, when it is delivered."""

    @property
    def member(self) -> Member | None:
        """What stands under the field's name."""
        return self.received.member if self.received else None

    @property
    def embedded(self) -> Embedded | None:
        """The context that the message carries."""
        return self.received.embedded if self.received else None

    @property
    def creation(self) -> SpanContext | None:
        """The span context that the message carries."""
        embedded = self.embedded
        return embedded.span_context if embedded and embedded.span_context.is_valid else None

    @property
    def template(self) -> str | None:
        """A name of low cardinality for its subject."""
        return self.destination.template or self.subscriber.template


def consume(telemetry: Telemetry, subscriber: Subscriber, message: Any) -> Consumed | None:
    """What ``message`` carries; None for one that is internal, a status, or excluded."""
    connection = connection_of(subscriber.client)
    # By the subject of the message: push deliveries arrive on subscriptions to inboxes.
    subject: str = message.subject
    if is_reserved(subject) or subject.startswith(connection.inbox_prefixes):
        return None
    if not message.data and message.headers and _STATUS_HEADER in message.headers:
        return None  # no responders, a heartbeat, no more messages
    destination = telemetry.rules.classify(subject)
    if destination.handling is Handling.IGNORE:
        return None
    received = _carried(telemetry, message)
    _log(subject, received)
    latency = latency_of(parse_ack_subject(message.reply))
    consumed = Consumed(message, subscriber, connection, destination, received, latency)
    metrics = telemetry.metrics()
    if metrics is not None:
        count_received(metrics, telemetry, received, consumed.template)
    return consumed


@guarded(None)
def _carried(telemetry: Telemetry, message: Any) -> Received | None:
    return receive(telemetry, message.data, message.headers)


def parent_and_links(
    telemetry: Telemetry, consumed: Consumed, ambient: Context | None = None
) -> tuple[Context, tuple[Link, ...]]:
    """Where a span of the message belongs (messaging-spans.md, "Trace structure").

    Under ``ambient``, a context whose span goes on, and linked to the creation context; without
    one under the creation context, and linked to it, or in a new trace that is only linked.
    """
    embedded = consumed.embedded
    links = (Link(consumed.creation),) if consumed.creation else ()
    if ambient is not None:
        return ambient, links
    if embedded is None:
        return Context(), ()
    if links and telemetry.settings.consumer_parent == "link":
        return trace.set_span_in_context(INVALID_SPAN, embedded.context), links
    return embedded.context, links


def context_of(telemetry: Telemetry, consumed: Consumed) -> Context:
    """What the message carries, and what a publish that follows has to know of it."""
    embedded = consumed.embedded
    context = embedded.context if embedded else Context()
    reply = consumed.message.reply
    if reply:
        telemetry.replies.add(reply)
        # nats.publish(message.reply, ..., headers=message.headers) is what respond() does.
        context = with_echo(with_reply(context, reply), consumed.message.headers)
        if consumed.destination.handling is Handling.PROPAGATE:
            context = with_handling(context, Handling.PROPAGATE)
    if embedded and telemetry.settings.consumer_parent == "link":
        context = context_api.set_value(RECEIVED_KEY, embedded.span_context, context)
    return context


def details_of(consumed: Consumed) -> MessageDetails:
    """The message as a hook gets it."""
    message, subscriber = consumed.message, consumed.subscriber
    return MessageDetails(
        message.subject,
        message.data,
        message.reply,
        frozen_headers(message.headers),
        subscriber.subject,
        subscriber.queue,
        message,
    )


@guarded(None)
def capture(telemetry: Telemetry, consumed: Consumed, span: Span) -> None:
    """Add the headers and the body, without the field, as far as the settings want them."""
    if telemetry.capture is not None:
        message = consumed.message
        telemetry.capture.add(span, message.subject, message.data, message.headers)


def attributes_of(consumed: Consumed, operation: str, operation_type: str) -> Attributes:
    """The attributes of a span of this message alone."""
    message, subscriber = consumed.message, consumed.subscriber
    attributes: Attributes = {
        **consumed.connection.attributes,
        _semconv.MESSAGING_OPERATION_NAME: operation,
        _semconv.MESSAGING_OPERATION_TYPE: operation_type,
        _semconv.MESSAGING_DESTINATION_NAME: message.subject,
    }
    if consumed.template is not None:
        attributes[_semconv.MESSAGING_DESTINATION_TEMPLATE] = consumed.template
    if subscriber.queue:
        attributes[_semconv.MESSAGING_CONSUMER_GROUP_NAME] = subscriber.queue
    delivery = parse_ack_subject(message.reply)
    message_id = message_id_of(message.headers)
    if delivery is not None:
        attributes.update(consumer_attributes(delivery, subscriber))
        attributes[_semconv.NATS_STREAM_SEQUENCE] = delivery.stream_sequence
        attributes[_semconv.NATS_CONSUMER_SEQUENCE] = delivery.consumer_sequence
        attributes[_semconv.NATS_DELIVERY_COUNT] = delivery.delivery_count
        if consumed.latency is not None:
            attributes[_semconv.NATS_DELIVERY_LATENCY] = consumed.latency
        message_id = message_id or _semconv.message_id(delivery.stream, delivery.stream_sequence)
    if message_id is not None:
        attributes[_semconv.MESSAGING_MESSAGE_ID] = message_id
    return attributes


def series_of(consumed: Consumed, operation: str, operation_type: str) -> Series:
    """What an operation on this message is counted and measured as."""
    return subscribed_series(
        operation, operation_type, consumed.template, consumed.subscriber, consumed.connection
    )


def subscribed_series(
    operation: str,
    operation_type: str,
    template: str | None,
    subscriber: Subscriber,
    connection: Connection,
) -> Series:
    """What an operation of a subscription is counted and measured as; an inbox is no name."""
    subject = subscriber.subject
    is_name = subject and not subject.startswith(connection.inbox_prefixes)
    return Series(
        operation,
        operation_type,
        template,
        subject if is_name else None,
        subscriber.queue or None,
        connection.server,
    )


@guarded(None)
def count_delivery(metrics: Metrics, consumed: Consumed, series: Series) -> None:
    """Count a message that was delivered to the application, and how long it has waited."""
    metrics.consumed.add(series)
    if consumed.latency is not None:
        metrics.record_delivery(series, consumed.latency)


def latency_of(delivery: ConsumerDelivery | None) -> float | None:
    """Seconds since the stream stored the message; None where that is not known, or where the
    clock of the server is ahead of ours.
    """
    if delivery is None:
        return None
    nanoseconds = time_ns() - delivery.stored_at
    return nanoseconds / 1e9 if nanoseconds >= 0 else None


def consumer_attributes(delivery: ConsumerDelivery, subscriber: Subscriber) -> Attributes:
    """What all messages of a JetStream consumer have in common.

    The consumer is the group that shares the messages, unless its deliveries are shared further.
    """
    name = _semconv.MESSAGING_CONSUMER_GROUP_NAME
    if subscriber.queue:
        name = _semconv.MESSAGING_DESTINATION_SUBSCRIPTION_NAME
    return {
        name: delivery.consumer,
        _semconv.NATS_STREAM_NAME: delivery.stream,
        _semconv.NATS_CONSUMER_NAME: delivery.consumer,
    }


@guarded(None)
def hand_over(
    telemetry: Telemetry, message: Any, member: Member | None, context: Context | None
) -> None:
    """Change ``message.data`` as ``consumed_field`` says; ``context`` is what to refresh it with.

    Only when the application gets the message: nats-py has subtracted ``len(message.data)`` from
    its count of pending bytes just before, and must find the size that came.
    """
    data = message.data
    changed = handed_over(telemetry, data, member, context)
    if changed is not data:
        message.data = changed


def handed_over(
    telemetry: Telemetry, data: bytes, member: Member | None, context: Context | None
) -> bytes:
    """What the application sees of ``data``."""
    mode = telemetry.settings.consumed_field
    if member is None or member.carrier is None or mode == "keep":
        return data
    if mode == "strip":
        return telemetry.field.cut(data, member)
    return data if context is None else _refreshed(telemetry, data, member, context)


def _refreshed(telemetry: Telemetry, data: bytes, member: Member, context: Context) -> bytes:
    """``data`` with ``context`` in the field, so that who reads it by hand continues from here."""
    carrier = inject(telemetry.propagator, context)
    slot = telemetry.field.slot(data, member) if carrier else None
    if slot is None:
        return data
    for _, document in documents(telemetry.propagator, member.carrier, carrier):
        return slot.fill(data, document)
    return data


def _log(subject: str, received: Received | None) -> None:
    if logger.isEnabledFor(logging.DEBUG):
        embedded = received and received.embedded
        found = "no context found"
        if embedded:
            found = f"{described(embedded.span_context)} found in {embedded.source}"
        logger.debug("message on %s: %s", subject, found)
