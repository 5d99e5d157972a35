"""What a message that goes out is: which operation it is part of, and what its span is called."""

from __future__ import annotations

from typing import NamedTuple

from opentelemetry.context import Context

from . import _semconv
from ._connection import Connection
from ._operation import Operation
from ._reply import handling_of_request, is_reply
from ._subjects import Handling
from ._telemetry import Telemetry


class Role(NamedTuple):
    """The part that a message plays."""

    operation: str
    span_name: str
    template: str | None
    is_temporary: bool
    """Whether the subject is an inbox."""

    propagates: bool
    """Whether the context goes into the message."""


def role_of(
    telemetry: Telemetry,
    connection: Connection,
    operation: Operation | None,
    subject: str,
    context: Context,
) -> tuple[Handling, Role | None]:
    """What is done about a message to ``subject``, and its role; None for an internal one."""
    if is_reply(subject, context, connection.inbox_prefixes, telemetry.replies):
        inbox = connection.inbox_template(subject)
        name = _semconv.OPERATION_RESPOND
        # The name is without the subject: each requester may have its own, and each request.
        role = Role(name, name, inbox, inbox is not None, telemetry.settings.propagate_replies)
        return handling_of_request(context) or telemetry.rules.handling(subject), role
    destination = telemetry.rules.classify(subject)
    if connection.is_api_request(subject):
        return destination.handling, None
    name = operation.name if operation else _semconv.OPERATION_PUBLISH
    span_name = _semconv.span_name(name, destination.template or subject)
    return destination.handling, Role(name, span_name, destination.template, False, True)
