"""The proof of coverage: what became of the context of each message."""

from __future__ import annotations

from opentelemetry.context import Context
from opentelemetry.trace import SpanContext

from . import _semconv
from ._carrier import Received, inject
from ._guard import guarded
from ._message import Outgoing
from ._metrics import Metrics
from ._series import Outcome
from ._telemetry import Telemetry


def count_sent(metrics: Metrics | None, outcome: str, template: str | None = None) -> None:
    """Count a message that went out."""
    if metrics is not None:
        metrics.injected.add(sent_outcome(outcome, template))


def sent_outcome(outcome: str, template: str | None) -> Outcome:
    """What became of the context of a message that goes out."""
    return Outcome(_semconv.NATS_PROPAGATION_OUTCOME, outcome, template)


def count_received(
    metrics: Metrics, telemetry: Telemetry, received: Received | None, template: str | None
) -> None:
    """Count a message that came in, by where its context was."""
    source = _source(telemetry, received)
    metrics.extracted.add(Outcome(_semconv.NATS_PROPAGATION_SOURCE, source, template))


def _source(telemetry: Telemetry, received: Received | None) -> str:
    if received is None:
        return _semconv.FAILED
    if received.embedded is None:
        return _semconv.INVALID if received.member else _semconv.NONE
    if received.embedded.source == _semconv.HEADERS:
        return _semconv.HEADERS
    is_field = received.embedded.source == telemetry.field.name
    return _semconv.PAYLOAD if is_field else _semconv.ALIAS


@guarded(None)
def outcome_of(
    telemetry: Telemetry,
    message: Outgoing,
    received: Received | None,
    chosen: SpanContext | None,
    sent: Outgoing | None,
    context: Context,
) -> str:
    """What became of the context of ``message``; ``sent`` is the message with it, if it is in."""
    if chosen is not None:
        return _semconv.KEPT
    if received is None:
        is_bytes = hasattr(message.payload, "__len__") and not isinstance(message.payload, str)
        reason = _semconv.FAILED if is_bytes else _semconv.NOT_A_JSON_OBJECT
        return reason if context else _semconv.NO_CONTEXT
    if sent is None:
        return _why_not(telemetry, message.payload, received, context)
    if sent.payload == message.payload:
        return _semconv.IN_HEADERS
    return _semconv.REPLACED if received.member else _semconv.INJECTED


def _why_not(telemetry: Telemetry, payload: bytes, received: Received, context: Context) -> str:
    if not inject(telemetry.propagator, context):
        return _semconv.NO_CONTEXT
    if received.member is not None and received.member.carrier is None:
        return _semconv.FIELD_IN_USE
    if telemetry.field.slot(bytes(payload), received.member) is None:
        return _semconv.NOT_A_JSON_OBJECT
    return _semconv.TOO_LARGE
