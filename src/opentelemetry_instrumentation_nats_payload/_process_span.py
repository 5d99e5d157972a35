"""A process span that the application asks for, for a message that is in its hands."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from time import time_ns
from typing import Any

from opentelemetry import context as context_api
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from opentelemetry.trace import INVALID_SPAN, Link, Span

from ._carrier import receive
from ._connection import Connection, connection_of
from ._consumed import Consumed, context_of
from ._continuation import Work, ambient
from ._delivery import Delivery, current_delivery, delivery_of, recipient_of, remember
from ._guard import guarded
from ._measured import Measured
from ._process import begin, finish_process, measure, start_span
from ._reply import with_reply
from ._subjects import Destination, Handling
from ._telemetry import Telemetry, current, current_or_default, end_span


@contextmanager
def process_span(message: Any) -> Generator[Span]:
    """A span around the processing of a message that was fetched, or came through a queue.

    .. code-block:: python

        for message in await subscription.fetch(100):
            with process_span(message):
                await store(message)  # spans and publishes here are children of the span
                await message.ack()

    It is a child of the span that is current, if there is one that the application started, and
    else continues the trace of the message, to whose creation it is linked in any case. What the
    block raises is recorded, and raised on.

    Args:
        message: a ``nats.aio.msg.Msg``.

    Yields:
        The span; one that does not record where the message is excluded from tracing, where there
        is no SDK, or no instrumentation.
    """
    former = current_delivery.get()
    process = _start(message)
    if process is None:
        yield trace.INVALID_SPAN
        return
    try:
        yield (process.measured and process.measured.span) or trace.INVALID_SPAN
    except BaseException as error:
        finish_process(process, error)
        raise
    else:
        finish_process(process)
    finally:
        current_delivery.set(former)


@guarded(None)
def _start(message: Any) -> Work | None:
    """Start a process span under the current one of the application's, or else in the trace of
    the message; None if the message, or everything now, is excluded from tracing.
    """
    telemetry = current_or_default()
    destination = telemetry.rules.classify(message.subject)
    if destination.handling is Handling.IGNORE or not is_instrumentation_enabled():
        return None
    delivery = delivery_of(message)
    outer = ambient()
    if delivery is not None:
        current_delivery.set(delivery)  # what we read of it ourselves is no work on it
    consumed = _consumed(telemetry, destination, message)
    if delivery is None:
        context = context_of(telemetry, consumed)
        delivery = Delivery(context, consumed.creation, consumed.subscriber)
        remember(message, delivery)
    # Where the instrumentation is switched off, there is the context, and no span.
    is_traced = destination.handling is Handling.TRACE and telemetry is current()
    tracer = telemetry.tracer() if is_traced else None
    if outer is None:
        parent = _trace_of(telemetry, delivery, is_new=tracer is not None)
    else:
        parent = with_reply(outer, message.reply)
    links = () if delivery.creation is None else (Link(delivery.creation),)
    started_at = time_ns()
    span = tracer and start_span(telemetry, tracer, consumed, parent, links, started_at)
    try:
        measured = measure(telemetry, consumed, span, started_at) if is_traced else None
        measured = measured or (span and Measured(span, None, None, started_at))
        context = parent if span is None else trace.set_span_in_context(span, parent)
        return begin(telemetry, measured, context, delivery, consumed)
    except BaseException:
        if span is not None:
            end_span(span)
        raise


def _consumed(telemetry: Telemetry, destination: Destination, message: Any) -> Consumed:
    delivery, subscriber = delivery_of(message), recipient_of(message)
    # Of a message that was pickled, the client is unknown.
    connection = connection_of(subscriber.client) if subscriber.client else Connection()
    inbox = connection.inbox_template(message.subject)
    if inbox is not None:
        destination = destination._replace(template=destination.template or inbox)
    received = None if delivery else receive(telemetry, message.data, message.headers)
    return Consumed(message, subscriber, connection, destination, received)


def _trace_of(telemetry: Telemetry, delivery: Delivery, *, is_new: bool) -> Context:
    """What the work on the message continues, unless the settings want a new trace for a span."""
    context = Context({**context_api.get_current(), **(delivery.context or {})})
    span_context = trace.get_current_span(context).get_span_context()
    is_creation = delivery.creation is not None and span_context == delivery.creation
    if is_new and is_creation and telemetry.settings.consumer_parent == "link":
        return trace.set_span_in_context(INVALID_SPAN, context)
    return context
