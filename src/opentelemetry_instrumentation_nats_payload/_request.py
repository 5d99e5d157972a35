"""The end of a request: its span, and what its reply carries."""

from __future__ import annotations

from typing import Any

from opentelemetry.context import Context
from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from opentelemetry.trace import Span

from ._carrier import Embedded, receive
from ._connection import connection_of
from ._delivery import Delivery, remember
from ._guard import guarded
from ._operation import Operation, close_operation
from ._subjects import Handling
from ._telemetry import Telemetry


@guarded(None)
def finish_request(telemetry: Telemetry, operation: Operation, client: Any, reply: Any) -> None:
    """End the span of a request that was answered."""
    close_operation(operation)
    _take_reply(telemetry, operation, client, reply)
    if operation.measured is not None:
        operation.measured.end()


@guarded(None)
def _take_reply(telemetry: Telemetry, operation: Operation, client: Any, reply: Any) -> None:
    """A reply stays as it came, save that ``strip`` cuts the field out of it."""
    span, request = operation.span, operation.message
    if telemetry.settings.consumed_field == "strip":
        if request is None or not _is_message(telemetry, client, request.subject):
            return
    elif span is None or not span.is_recording():
        return
    member, embedded = receive(telemetry, reply.data, reply.headers)
    if span is not None and embedded is not None:
        _link(span, embedded)
    if member and member.carrier is not None and telemetry.settings.consumed_field == "strip":
        reply.data = telemetry.field.cut(reply.data, member)
        remember(reply, Delivery(embedded.context if embedded else Context()))


def _is_message(telemetry: Telemetry, client: Any, subject: str) -> bool:
    """Whether the request was an application's, and not one to JetStream, whose reply may hold a
    stored message.
    """
    if connection_of(client).is_api_request(subject):
        return False
    return is_instrumentation_enabled() and (
        telemetry.rules.classify(subject).handling is not Handling.IGNORE
    )


def _link(span: Span, embedded: Embedded) -> None:
    """A reply of another trace, such as a stored message, is linked and never re-parents."""
    context = embedded.span_context
    if context.is_valid and context.trace_id != span.get_span_context().trace_id:
        span.add_link(context)
