"""A publish: what happens to the message, and its span."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from time import time_ns
from typing import Any

from opentelemetry import context as context_api
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanContext

from . import _semconv
from ._carrier import RECEIVED_KEY, Embedded, Received, receive, send
from ._connection import added_size, recount
from ._coverage import outcome_of, sent_outcome
from ._following import note_begun
from ._guard import guarded, logger
from ._headers import is_sendable, without
from ._hooks import PublishDetails, PublishHook, call_hook, frozen_headers
from ._measured import Measured, Publish
from ._message import Outgoing
from ._operation import Operation, close_operation, take_operation
from ._reply import is_echo
from ._role import Role
from ._sender import Sender, measure, sender_of, start_send_span
from ._series import Outcome
from ._telemetry import Telemetry, described, end_span


@guarded(None)
def start_publish(
    telemetry: Telemetry,
    client: Any,
    subject: str,
    payload: Any,
    reply: str,
    headers: dict[str, str] | None,
) -> Publish | None:
    """Start the span and write the context; None if the message goes out without us."""
    operation = take_operation(subject)
    if operation is not None and operation.is_retry:
        return None  # it has its span
    context = context_api.get_current()
    sender = sender_of(telemetry, client, operation, subject, context)
    if sender is None:
        return None
    return _start(telemetry, sender, Outgoing(subject, payload, reply, headers), context)


def finish_publish(started: Publish, client: Any) -> None:
    """End a publish that nats-py has taken; errors of ours are for the caller to contain."""
    measured = started.measured
    try:
        if measured is not None:
            if measured.outcome is not None:
                measured.tell_sent()
            if started.is_whole:
                measured.complete()
    finally:
        if started.added and client._pending_data_size <= 0 and client._pending:
            recount(client)


@guarded(None)
def _note_begun(span: Span) -> None:
    note_begun(span.get_span_context().trace_id, context_api.get_current())


@guarded(None)
def fail_publish(started: Publish, error: BaseException) -> None:
    """End a publish that raised; of an operation, that has its own end."""
    if started.measured is not None and started.is_whole:
        started.measured.end(error)


@guarded(None)
def fail_operation(
    telemetry: Telemetry, operation: Operation, client: Any, error: BaseException
) -> None:
    """End an operation that raised; also one that did not come to publishing."""
    if close_operation(operation) and isinstance(error, Exception):
        _start_unsent(telemetry, operation, client)
    if operation.measured is not None:
        operation.measured.end(error)


@guarded(None)
def _start_unsent(telemetry: Telemetry, operation: Operation, client: Any) -> None:
    message = operation.message
    if message is None or operation.measured is not None:
        return
    context = context_api.get_current()
    sender = sender_of(telemetry, client, operation, message.subject, context)
    if sender is not None:
        span = start_send_span(sender, message, context, None, operation.started_at)
        try:
            operation.measured = measure(sender, span, operation.started_at)
        except Exception:
            if span is not None:
                end_span(span)
            raise


def _start(
    telemetry: Telemetry, sender: Sender, message: Outgoing, context: Context
) -> Publish | None:
    started_at = sender.operation.started_at if sender.operation else time_ns()
    cleaned = _without_echo(telemetry, sender.role, message, context)
    is_read = sender.role.propagates and (context or sender.tracer)
    received = _embedded_in(telemetry, cleaned) if is_read else None
    embedded = received and received.embedded
    chosen = _chosen_context(embedded, context)
    outer = trace.get_current_span(context)
    is_continued = getattr(getattr(outer, "parent", None), "is_remote", False)
    if embedded and not outer.get_span_context().is_valid:
        is_continued = True
        # Handed to a thread or a queue, and published from there: it stays in its trace.
        context = Context({**context, **embedded.context})
    span = start_send_span(sender, cleaned, context, chosen, started_at)
    try:
        if span is not None:
            if telemetry.publish_hook is not None and span.is_recording():
                _call_hook(telemetry.publish_hook, span, message)
            context = trace.set_span_in_context(span, context)
            if telemetry.follows_handoff and not is_continued:
                _note_begun(span)
        sent, is_written = None, False
        if received is not None and chosen is None:
            sent, is_written = _write(telemetry, sender, cleaned, received, context)
        _log(message.subject, embedded, chosen, sent, context)
        measured = measure(sender, span, started_at)
        if measured is not None and sender.metrics is not None:
            written = sent if is_written else None
            outcome = _outcome(telemetry, sender, cleaned, received, chosen, written, context)
            measured.outcome = outcome
            measured.is_refusable = sender.operation is not None and sender.operation.is_refusable
        return _started(sender, measured, message, sent or cleaned)
    except BaseException:
        if span is not None:
            end_span(span)  # the message goes out without us
        raise


def _outcome(
    telemetry: Telemetry,
    sender: Sender,
    message: Outgoing,
    received: Received | None,
    chosen: SpanContext | None,
    sent: Outgoing | None,
    context: Context,
) -> Outcome:
    """What becomes of the context of ``message``."""
    outcome: str | None = _semconv.REPLY
    if sender.role.propagates:
        outcome = outcome_of(telemetry, message, received, chosen, sent, context)
    return sent_outcome(outcome or _semconv.FAILED, sender.role.template)


@guarded(None)
def _call_hook(hook: PublishHook, span: Span, message: Outgoing) -> None:
    """With a copy: nothing that a hook does reaches the message. Not for one that nats-py refuses:
    it could not be described.
    """
    subject, payload, reply, headers = message
    data = _as_bytes(payload)
    if data is None or not is_sendable(headers):
        return
    frozen = None if headers is None else frozen_headers(dict(headers.items()))
    call_hook(hook, span, PublishDetails(subject, data, reply, frozen))


def _started(
    sender: Sender, measured: Measured | None, message: Outgoing, sent: Outgoing
) -> Publish | None:
    if sender.operation is not None:
        sender.operation.tell_start(message, measured)
    if measured is None and sent is message:
        return None
    added = 0 if sent is message else added_size(message, sent)
    return Publish(measured, sender.operation is None, sent.payload, sent.headers, added)


@guarded(None)
def _without_stale(telemetry: Telemetry, message: Outgoing) -> Outgoing | None:
    if not isinstance(message.headers, Mapping) or not is_sendable(message.headers):
        return None
    headers = without(message.headers, telemetry.propagator.fields)
    if len(headers) == len(message.headers):
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
    """What the message carries already; None for what nats-py would not send."""
    payload = _as_bytes(message.payload)
    if payload is None or not is_sendable(message.headers):
        return None
    headers = message.headers if isinstance(message.headers, Mapping) else None
    return receive(telemetry, payload, headers, is_outgoing=True)


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


@guarded((None, False))
def _write(
    telemetry: Telemetry, sender: Sender, message: Outgoing, received: Received, context: Context
) -> tuple[Outgoing | None, bool]:
    """What goes out in place of ``message``, and whether the context is in it."""
    client, connection, operation = sender.client, sender.connection, sender.operation
    subject, payload, reply, headers = message

    def fits(size: int) -> bool:
        return connection.fits(client, size) and telemetry.size_limits.allow(subject, size)

    if operation is not None and not operation.may_grow:
        return None, False
    sent = send(
        telemetry,
        Outgoing(subject, bytes(payload), reply, headers),
        received,
        context,
        fits,
        headers_supported=connection.supports_headers,
    )
    if sent is None:
        safe = _without_stale(telemetry, message) if _is_fatal(sender, message) else None
        return safe, False
    if operation is not None:
        operation.tell_growth(message, sent)
    return sent, True


def _is_fatal(sender: Sender, message: Outgoing) -> bool:
    """Whether the headers of ``message`` would cost the connection: those of a message that came
    in, passed on with what our publisher added to them.
    """
    if not message.headers:
        return False
    connection = sender.connection
    return not connection.supports_headers or not connection.fits(sender.client, message.size())


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
