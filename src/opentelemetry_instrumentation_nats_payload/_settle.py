"""The acknowledgement of a JetStream message, wrapped: its outcome, and its span."""

from __future__ import annotations

from functools import wraps
from time import time_ns
from typing import Any

from opentelemetry import context as context_api
from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from opentelemetry.trace import Link, SpanKind

from . import _semconv
from ._connection import connection_of
from ._consumed import Consumed, attributes_of, series_of
from ._continuation import ambient
from ._delivery import delivery_of, recipient_of
from ._guard import guarded
from ._measured import Measured
from ._patching import unbound
from ._subjects import Handling
from ._telemetry import Telemetry

# Raised before anything is sent; the automatic acknowledgement after one by hand ends like that.
_NOTHING_SENT = {"MsgAlreadyAckdError", "NotJSMessageError"}


def wrap_settle(original: Any, telemetry: Telemetry, operation: str) -> Any:
    """``Msg.ack``, ``ack_sync``, ``nak``, ``term`` and ``in_progress``."""
    call = unbound(original)

    @wraps(original)
    async def settle(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not telemetry.is_active:
            return await call(self, *args, **kwargs)
        started_at = time_ns()
        try:
            result = await call(self, *args, **kwargs)
        except Exception as error:
            _record(telemetry, operation, self, started_at, error)
            raise
        _note_outcome(operation, self)
        _record(telemetry, operation, self, started_at, None)
        return result

    return settle


@guarded(None)
def _note_outcome(operation: str, message: Any) -> None:
    delivery = delivery_of(message)
    if delivery is not None and operation != _semconv.OPERATION_IN_PROGRESS:
        delivery.settle(operation)


@guarded(None)
def _record(
    telemetry: Telemetry, operation: str, message: Any, started_at: int, error: Exception | None
) -> None:
    """The span, made when all is done: nothing of the application's happens inside of it."""
    if not telemetry.settings.settle_spans or type(error).__name__ in _NOTHING_SENT:
        return
    destination = telemetry.rules.classify(message.subject)
    if destination.handling is not Handling.TRACE:
        return
    tracer, metrics = telemetry.tracer(), telemetry.metrics()
    if (tracer is None and metrics is None) or not is_instrumentation_enabled():
        return
    delivery, subscriber = delivery_of(message), recipient_of(message)
    connection = connection_of(subscriber.client)
    consumed = Consumed(message, subscriber, connection, destination, None)
    creation = delivery.creation if delivery else None
    # Where no span of the application's goes on, it belongs to the trace of the message.
    context = ambient() or (delivery and delivery.context) or context_api.get_current()
    series = series_of(consumed, operation, _semconv.TYPE_SETTLE)
    span = tracer and tracer.start_span(
        _semconv.span_name(operation, consumed.template or message.subject),
        context,
        SpanKind.CLIENT,
        attributes_of(consumed, operation, _semconv.TYPE_SETTLE),
        () if creation is None else (Link(creation),),
        started_at,
    )
    Measured(span, metrics, series, started_at).end(error)
