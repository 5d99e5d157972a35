"""The processing of a message: its span, and the context that it runs in."""

from __future__ import annotations

from time import perf_counter, time_ns
from typing import Any

from opentelemetry import context as context_api
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanKind, Tracer

from . import _semconv
from ._ack_subject import is_ack_subject
from ._consumed import (
    Consumed,
    attributes_of,
    capture,
    consume,
    context_of,
    count_delivery,
    details_of,
    hand_over,
    parent_and_links,
    series_of,
)
from ._continuation import Work, begin_work, end_work
from ._delivery import Delivery, remember
from ._following import arm, follow_nothing
from ._guard import guarded
from ._hooks import call_hook
from ._measured import Measured
from ._reply import with_handling, with_reply
from ._subjects import Handling, is_reserved
from ._subscriber import Subscriber
from ._telemetry import Telemetry, end_span


@guarded(None)
def start_process(telemetry: Telemetry, subscriber: Subscriber, message: Any) -> Work | None:
    """Make the message's context current and start its span; None if there is nothing to do.

    Nothing of the current context goes in: nats-py runs callbacks in a task that copied whatever
    was current when ``subscribe`` was called.
    """
    consumed = consume(telemetry, subscriber, message)
    if consumed is None:
        if not is_reserved(message.subject):
            follow_nothing(telemetry, message)
        return _pass_over(message) if message.reply else None
    context = context_of(telemetry, consumed)
    is_traced = consumed.destination.handling is Handling.TRACE
    tracer = telemetry.tracer() if is_traced else None
    started_at = time_ns()
    span = tracer and _start_own_span(telemetry, tracer, consumed, started_at)
    try:
        return _begin(telemetry, consumed, context, span, started_at)
    except BaseException:
        if span is not None:
            end_span(span)
        raise


def _begin(
    telemetry: Telemetry, consumed: Consumed, context: Context, span: Span | None, started_at: int
) -> Work | None:
    message = consumed.message
    measured = measure(telemetry, consumed, span, started_at, is_delivery=True)
    measured = measured or (span and Measured(span, None, None, started_at))
    if span is not None:
        context = trace.set_span_in_context(span, context)
    hand_over(telemetry, message, consumed.member, context if span is not None else None)
    if measured is None and not context and not context_api.get_current():
        follow_nothing(telemetry, message)
        return None
    delivery = Delivery(context, consumed.creation, consumed.subscriber)
    arm(telemetry, delivery)
    remember(message, delivery)
    return begin(telemetry, measured, context, delivery, consumed)


def _pass_over(message: Any) -> Work:
    """No span for the message, and none for what answers it."""
    context = with_handling(context_api.get_current(), Handling.IGNORE)
    context = with_reply(context, message.reply)
    delivery = Delivery()
    return begin_work(context, delivery)


def begin(
    telemetry: Telemetry,
    measured: Measured | None,
    context: Context,
    delivery: Delivery,
    consumed: Consumed,
) -> Work:
    """The last step of a start: the hook, and the context."""
    started_at = 0.0
    span = measured.span if measured else None
    if span is not None and span.is_recording():
        if telemetry.process_hook is not None:
            call_hook(telemetry.process_hook, span, details_of(consumed))
        if is_ack_subject(consumed.message.reply):
            started_at = perf_counter()
    return begin_work(context, delivery, measured, started_at)


@guarded(None)
def finish_process(work: Work, error: BaseException | None = None) -> None:
    """Give the former context back and end the process; ``error`` is what the callback raised."""
    end_process(work, error)


def end_process(work: Work, error: BaseException | None = None) -> None:
    """The same; errors of ours are for the caller to contain."""
    try:
        end_work(work)
    finally:
        if work.measured is not None:
            _end(work, work.measured, error)


def _end(work: Work, measured: Measured, error: BaseException | None) -> None:
    delivery = work.delivery
    if delivery is not None:
        if measured.span is not None and work.started_at:
            _set_outcome(measured.span, delivery, work.started_at)
        error = error or delivery.error
    if error is None:
        measured.complete()
        return
    # An error that was answered, and not raised, has no stack trace.
    measured.end(error, record=error.__traceback__ is not None)


@guarded(None)
def _set_outcome(span: Span, delivery: Delivery, started_at: float) -> None:
    span.set_attribute(_semconv.NATS_ACK_OUTCOME, delivery.outcome or _semconv.OUTCOME_NONE)
    if delivery.settled_at >= started_at:
        span.set_attribute(_semconv.NATS_ACK_DURATION, delivery.settled_at - started_at)


@guarded(None)
def measure(
    telemetry: Telemetry,
    consumed: Consumed,
    span: Span | None,
    started_at: int,
    *,
    is_delivery: bool = False,
) -> Measured | None:
    """What ends with the process; None where nothing is recorded."""
    metrics = telemetry.metrics()
    if metrics is None:
        return None if span is None else Measured(span, None, None, started_at)
    series = series_of(consumed, _semconv.OPERATION_PROCESS, _semconv.TYPE_PROCESS)
    if is_delivery:
        count_delivery(metrics, consumed, series)
    is_timed = consumed.destination.handling is Handling.TRACE
    return Measured(span, metrics, series, started_at, is_timed=is_timed)


@guarded(None)
def _start_own_span(
    telemetry: Telemetry, tracer: Tracer, consumed: Consumed, started_at: int
) -> Span:
    parent, links = parent_and_links(telemetry, consumed)
    return start_span(telemetry, tracer, consumed, parent, links, started_at)


def start_span(
    telemetry: Telemetry,
    tracer: Tracer,
    consumed: Consumed,
    parent: Context,
    links: tuple[Link, ...],
    started_at: int,
) -> Span:
    """A process span."""
    operation = _semconv.OPERATION_PROCESS
    name = _semconv.span_name(operation, consumed.template or consumed.message.subject)
    attributes = attributes_of(consumed, operation, _semconv.TYPE_PROCESS)
    span = tracer.start_span(name, parent, SpanKind.CONSUMER, attributes, links, started_at)
    capture(telemetry, consumed, span)
    return span
