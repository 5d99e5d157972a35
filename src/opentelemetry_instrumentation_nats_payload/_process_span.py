"""The start of a process span that the application asks for: the message is in its hands."""

from __future__ import annotations

from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from opentelemetry.trace import INVALID_SPAN, Link

from ._carrier import receive
from ._connection import connection_of
from ._consumed import Consumed, context_of
from ._continuation import ambient
from ._delivery import Delivery, delivery_of, remember
from ._guard import guarded
from ._process import Process, begin, start_span
from ._subjects import Destination, Handling
from ._subscriber import Subscriber
from ._telemetry import Telemetry


@guarded(None)
def start_process_of(telemetry: Telemetry, message: Any) -> Process | None:
    """Start a process span under the current one of the application's, or else in the trace of
    the message; None if the message, or everything now, is excluded from tracing.
    """
    destination = telemetry.rules.classify(message.subject)
    if destination.handling is Handling.IGNORE or not is_instrumentation_enabled():
        return None
    consumed = _consumed(telemetry, destination, message)
    delivery = delivery_of(message)
    if delivery is None:
        context = context_of(telemetry, consumed)
        delivery = Delivery(context, consumed.creation, consumed.subscriber)
        remember(message, delivery)
    parent = ambient() or _trace_of(telemetry, delivery)
    tracer = telemetry.tracer() if destination.handling is Handling.TRACE else None
    links = () if delivery.creation is None else (Link(delivery.creation),)
    span = tracer and start_span(tracer, consumed, parent, links)
    context = parent if span is None else trace.set_span_in_context(span, parent)
    return begin(telemetry, span, context, delivery, message)


def _consumed(telemetry: Telemetry, destination: Destination, message: Any) -> Consumed:
    delivery = delivery_of(message)
    subscriber = delivery.subscriber if delivery else None
    subscriber = subscriber or Subscriber(message._client, "", "")
    connection = connection_of(subscriber.client)
    inbox = connection.inbox_template(message.subject)
    if inbox is not None:
        destination = destination._replace(template=destination.template or inbox)
    received = None if delivery else receive(telemetry, message.data, message.headers)
    return Consumed(message, subscriber, connection, destination, received)


def _trace_of(telemetry: Telemetry, delivery: Delivery) -> Context:
    """What the work on the message continues, unless the settings want a new trace for it."""
    context = delivery.context or Context()
    span_context = trace.get_current_span(context).get_span_context()
    is_creation = delivery.creation is not None and span_context == delivery.creation
    if is_creation and telemetry.settings.consumer_parent == "link":
        return trace.set_span_in_context(INVALID_SPAN, context)
    return context
