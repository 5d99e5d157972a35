"""A process span that the application asks for, for several messages at once."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from time import time_ns
from typing import Any, NamedTuple

from opentelemetry import context as context_api
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from opentelemetry.trace import INVALID_SPAN, Link, Span, SpanContext, SpanKind, Tracer

from . import _semconv
from ._carrier import receive
from ._connection import Connection, connection_of
from ._consumed import Attributes, subscribed_series
from ._continuation import Work, ambient, begin_work, end_work
from ._delivery import Delivery, delivery_of, recipient_of
from ._fetch import common
from ._following import without_messages
from ._guard import guarded
from ._measured import Measured
from ._message import message_id_of
from ._subjects import Handling
from ._telemetry import Telemetry, current, end_span


@contextmanager
def process_batch(messages: Iterable[Any]) -> Generator[Span]:
    """One span around work on several messages, such as storing them together.

    .. code-block:: python

        with process_batch(messages):
            await store([json.loads(message.data) for message in messages])

    It is linked to each message, where that was left to go on: its process span, or what it
    carried. It is a child of the span that is current, if there is one that the application
    started, and else begins a trace. What the block raises is recorded, and raised on.

    Args:
        messages: of ``nats.aio.msg.Msg``.

    Yields:
        The span; one that does not record where no message is to be traced, where there is no
        SDK, or no instrumentation.
    """
    batch = _start(current(), messages if isinstance(messages, Sequence) else [*messages])
    if batch is None:
        yield INVALID_SPAN
        return
    try:
        yield batch.span
    except BaseException as error:
        _finish(batch, error)
        raise
    _finish(batch, None)


class _Batch(NamedTuple):
    span: Span
    measured: Measured
    work: Work


@guarded(None)
def _start(telemetry: Telemetry | None, messages: Sequence[Any]) -> _Batch | None:
    tracer = telemetry and telemetry.tracer()
    if telemetry is None or tracer is None or not is_instrumentation_enabled():
        return None
    traced = [m for m in messages if _is_traced(telemetry, m)]
    if not traced:
        return None
    started_at = time_ns()
    outer = _surroundings()
    span = _start_span(telemetry, tracer, traced, outer, started_at)
    try:
        measured = _measured(telemetry, traced, span, started_at)
        # What is read of them in the block is no work on another one, and links nothing once more.
        work = begin_work(trace.set_span_in_context(span, outer), _as_one(telemetry))
    except BaseException:
        end_span(span)
        raise
    return _Batch(span, measured, work)


def _is_traced(telemetry: Telemetry, message: Any) -> bool:
    return telemetry.rules.classify(message.subject).handling is Handling.TRACE


def _as_one(telemetry: Telemetry) -> Delivery:
    delivery = Delivery(Context())
    delivery.is_armed = telemetry.follows_messages
    return delivery


@guarded(None)
def _finish(batch: _Batch, error: BaseException | None) -> None:
    try:
        end_work(batch.work)
    finally:
        batch.measured.end(error, record=error is not None)


def _surroundings() -> Context:
    """The span of the application's, or else none, and the values that it has set: nothing of the
    message that was read last.
    """
    outer = ambient()
    if outer is not None:
        return outer
    return trace.set_span_in_context(INVALID_SPAN, without_messages(context_api.get_current()))


def _start_span(
    telemetry: Telemetry,
    tracer: Tracer,
    messages: Sequence[Any],
    outer: Context,
    started_at: int,
) -> Span:
    template = _template(telemetry, messages)
    name = _semconv.span_name(_semconv.OPERATION_PROCESS, template)
    attributes: Attributes = {
        **_connection(messages[0]).attributes,
        _semconv.MESSAGING_OPERATION_NAME: _semconv.OPERATION_PROCESS,
        _semconv.MESSAGING_OPERATION_TYPE: _semconv.TYPE_PROCESS,
        _semconv.MESSAGING_BATCH_MESSAGE_COUNT: len(messages),
    }
    subject = common([message.subject for message in messages])
    queue = common([recipient_of(message).queue for message in messages])
    named = {
        _semconv.MESSAGING_DESTINATION_NAME: subject,
        _semconv.MESSAGING_DESTINATION_TEMPLATE: template if template != subject else None,
        _semconv.MESSAGING_CONSUMER_GROUP_NAME: queue or None,
    }
    attributes.update({name: value for name, value in named.items() if value is not None})
    links = [link for message in messages if (link := _link(telemetry, message))]
    span = tracer.start_span(name, outer, SpanKind.CONSUMER, attributes, links, started_at)
    for message in messages:
        delivery = delivery_of(message)
        if delivery is not None:
            delivery.linked_to = span.get_span_context().span_id
    return span


def _link(telemetry: Telemetry, message: Any) -> Link | None:
    span_context = _left_at(telemetry, message)
    if not span_context.is_valid:
        return None
    attributes: Attributes = {_semconv.MESSAGING_DESTINATION_NAME: message.subject}
    message_id = message_id_of(message.headers)
    if message_id is not None:
        attributes[_semconv.MESSAGING_MESSAGE_ID] = message_id
    return Link(span_context, attributes)


def _left_at(telemetry: Telemetry, message: Any) -> SpanContext:
    """The span context that work on the message continues."""
    delivery = delivery_of(message)
    if delivery is not None:
        return trace.get_current_span(delivery.context).get_span_context()
    embedded = receive(telemetry, message.data, message.headers).embedded
    return embedded.span_context if embedded else trace.INVALID_SPAN_CONTEXT


def _template(telemetry: Telemetry, messages: Sequence[Any]) -> str | None:
    names = [telemetry.rules.classify(message.subject).template for message in messages]
    names = [
        name or recipient_of(message).template or message.subject
        for name, message in zip(names, messages, strict=True)
    ]
    return common(names)


def _connection(message: Any) -> Connection:
    """Of a message that was pickled, the client is unknown."""
    client = recipient_of(message).client
    return connection_of(client) if client else Connection()


def _measured(
    telemetry: Telemetry, messages: Sequence[Any], span: Span, started_at: int
) -> Measured:
    metrics = telemetry.metrics()
    if metrics is None:
        return Measured(span, None, None, started_at)
    subscriber = recipient_of(messages[0])
    series = subscribed_series(
        _semconv.OPERATION_PROCESS,
        _semconv.TYPE_PROCESS,
        None,
        subscriber,
        _connection(messages[0]),
    )
    return Measured(span, metrics, series, started_at)
