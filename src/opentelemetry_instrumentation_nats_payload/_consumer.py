"""The processing of a message: its context, its span, and what the callback sees of the field."""

from __future__ import annotations

import logging
from contextvars import Token
from typing import Any, NamedTuple

from opentelemetry import context as context_api
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, Link, Span, SpanKind, Tracer

from . import _semconv
from ._carrier import RECEIVED_KEY, Received, documents, inject, receive
from ._connection import Connection, connection_of
from ._guard import guarded, logger
from ._handoff import remember
from ._payload import Member
from ._producer import message_id_of
from ._reply import with_reply
from ._subjects import Destination, Handling, has_wildcard, is_reserved
from ._telemetry import Telemetry, call_hook, described, end_span


class Subscriber(NamedTuple):
    """Who a callback was subscribed for."""

    client: Any
    subject: str
    """The subject of the subscription, maybe with wildcards."""

    queue: str


class Process(NamedTuple):
    """A message being processed."""

    span: Span | None
    token: Token[Context]


@guarded(None)
def start_process(telemetry: Telemetry, subscriber: Subscriber, message: Any) -> Process | None:
    """Make the message's context current and start its span; None if there is nothing to do."""
    connection = connection_of(subscriber.client)
    # By the subject of the message: push deliveries arrive on subscriptions to inboxes.
    subject: str = message.subject
    if is_reserved(subject) or subject.startswith(connection.inbox_prefixes):
        return None
    destination = telemetry.rules.classify(subject)
    if destination.handling is Handling.IGNORE:
        return None
    received = _receive(telemetry, message)
    context = _context(telemetry, received, message.reply)
    tracer = None if destination.handling is Handling.PROPAGATE else telemetry.tracer()
    span = tracer and _start_span(
        telemetry, tracer, subscriber, connection, destination, message, received
    )
    if span is not None:
        context = trace.set_span_in_context(span, context)
    _hand_over(telemetry, message, received, context if span is not None else None)
    _log(message.subject, received)
    if not context and not context_api.get_current():
        return None
    remember(message, context)
    if span is not None and telemetry.process_hook is not None and span.is_recording():
        call_hook(telemetry.process_hook, span, message)
    return Process(span, context_api.attach(context))


def finish_process(process: Process, error: BaseException | None = None) -> None:
    """Give the former context back and end the span; ``error`` is what the callback raised."""
    # A coroutine that is thrown away, its loop gone, is closed in another context.
    if not isinstance(error, GeneratorExit):
        context_api.detach(process.token)
    if process.span is not None:
        end_span(process.span, error, record=True)


@guarded(None)
def _receive(telemetry: Telemetry, message: Any) -> Received | None:
    return receive(telemetry, message.data, message.headers)


@guarded(None)
def _start_span(
    telemetry: Telemetry,
    tracer: Tracer,
    subscriber: Subscriber,
    connection: Connection,
    destination: Destination,
    message: Any,
    received: Received | None,
) -> Span:
    template = destination.template or _subscribed_template(subscriber)
    attributes = {
        **connection.attributes,
        _semconv.MESSAGING_OPERATION_NAME: _semconv.OPERATION_PROCESS,
        _semconv.MESSAGING_OPERATION_TYPE: _semconv.TYPE_PROCESS,
        _semconv.MESSAGING_DESTINATION_NAME: message.subject,
    }
    if template is not None:
        attributes[_semconv.MESSAGING_DESTINATION_TEMPLATE] = template
    if subscriber.queue:
        attributes[_semconv.MESSAGING_CONSUMER_GROUP_NAME] = subscriber.queue
    message_id = message_id_of(message.headers)
    if message_id is not None:
        attributes[_semconv.MESSAGING_MESSAGE_ID] = message_id
    name = _semconv.span_name(_semconv.OPERATION_PROCESS, template or message.subject)
    parent, links = _parent(telemetry, received)
    return tracer.start_span(name, parent, SpanKind.CONSUMER, attributes, links)


def _subscribed_template(subscriber: Subscriber) -> str | None:
    """The subject of the subscription, where it stands for many."""
    return subscriber.subject if has_wildcard(subscriber.subject) else None


def _parent(telemetry: Telemetry, received: Received | None) -> tuple[Context, tuple[Link, ...]]:
    """Where the process span belongs: under the message's creation context, and linked to it
    (messaging-spans.md, "Trace structure"), or in a new trace that is only linked.
    """
    embedded = received.embedded if received else None
    if embedded is None:
        return Context(), ()
    if not embedded.span_context.is_valid:
        return embedded.context, ()
    links = (Link(embedded.span_context),)
    if telemetry.settings.consumer_parent == "link":
        return trace.set_span_in_context(INVALID_SPAN, embedded.context), links
    return embedded.context, links


def _context(telemetry: Telemetry, received: Received | None, reply: str) -> Context:
    """What the message carries, and what a publish in its callback has to know of it."""
    embedded = received.embedded if received else None
    context = embedded.context if embedded else Context()
    if reply:
        telemetry.replies.add(reply)
        context = with_reply(context, reply)
    if embedded and telemetry.settings.consumer_parent == "link":
        context = context_api.set_value(RECEIVED_KEY, embedded.span_context, context)
    return context


@guarded(None)
def _hand_over(
    telemetry: Telemetry, message: Any, received: Received | None, context: Context | None
) -> None:
    """Change ``message.data`` as ``consumed_field`` says; ``context`` is that of a process span.

    Only now, in the callback: nats-py has subtracted ``len(message.data)`` from its count of
    pending bytes just before (``Subscription._wait_for_msgs``), and must find the size that came.
    """
    member = received and received.member
    mode = telemetry.settings.consumed_field
    if member is None or member.carrier is None or mode == "keep":
        return
    if mode == "strip":
        message.data = telemetry.field.cut(message.data, member)
    elif context is not None:
        message.data = _refreshed(telemetry, message.data, member, context)


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
