"""Every name that is emitted: spans, attributes, values.

From the messaging conventions, https://github.com/open-telemetry/semantic-conventions,
``docs/messaging/messaging-spans.md``. The names are spelled out here, because the constants of
opentelemetry-semantic-conventions for messaging are incubating and move between releases.
"""

from __future__ import annotations

from typing import Final

SCHEMA_URL: Final = "https://opentelemetry.io/schemas/1.43.0"

MESSAGING_SYSTEM: Final = "messaging.system"
MESSAGING_OPERATION_NAME: Final = "messaging.operation.name"
MESSAGING_OPERATION_TYPE: Final = "messaging.operation.type"
MESSAGING_DESTINATION_NAME: Final = "messaging.destination.name"
MESSAGING_DESTINATION_TEMPLATE: Final = "messaging.destination.template"
MESSAGING_DESTINATION_TEMPORARY: Final = "messaging.destination.temporary"
MESSAGING_DESTINATION_SUBSCRIPTION_NAME: Final = "messaging.destination.subscription.name"
MESSAGING_CONSUMER_GROUP_NAME: Final = "messaging.consumer.group.name"
MESSAGING_BATCH_MESSAGE_COUNT: Final = "messaging.batch.message_count"
MESSAGING_CLIENT_ID: Final = "messaging.client.id"
MESSAGING_MESSAGE_ID: Final = "messaging.message.id"
SERVER_ADDRESS: Final = "server.address"
SERVER_PORT: Final = "server.port"
ERROR_TYPE: Final = "error.type"
EXCEPTION_MESSAGE: Final = "exception.message"
EXCEPTION_STACKTRACE: Final = "exception.stacktrace"

# Of NATS alone; the conventions leave a system's own names to it, under its name.
NATS_STREAM_NAME: Final = "messaging.nats.stream.name"
NATS_CONSUMER_NAME: Final = "messaging.nats.consumer.name"
NATS_STREAM_SEQUENCE: Final = "messaging.nats.message.stream_sequence"
NATS_CONSUMER_SEQUENCE: Final = "messaging.nats.message.consumer_sequence"
NATS_DELIVERY_COUNT: Final = "messaging.nats.message.delivery_count"
NATS_ACK_OUTCOME: Final = "messaging.nats.ack.outcome"
NATS_ACK_DURATION: Final = "messaging.nats.ack.duration"
"""Seconds from the start of the processing to the settlement."""

SYSTEM_NATS: Final = "nats"
OPERATION_PUBLISH: Final = "publish"
OPERATION_REQUEST: Final = "request"
OPERATION_RESPOND: Final = "respond"
OPERATION_PROCESS: Final = "process"
OPERATION_RECEIVE: Final = "receive"
OPERATION_FETCH: Final = "fetch"
OPERATION_ACK: Final = "ack"
OPERATION_NAK: Final = "nak"
OPERATION_TERM: Final = "term"
OPERATION_IN_PROGRESS: Final = "in_progress"
TYPE_SEND: Final = "send"
TYPE_PROCESS: Final = "process"
TYPE_RECEIVE: Final = "receive"
TYPE_SETTLE: Final = "settle"

OUTCOME_NONE: Final = "none"
"""The value of ``messaging.nats.ack.outcome`` of a message that was not settled."""


MAX_DESCRIPTION: Final = 1024
"""Characters of an error's text. Errors may quote a payload."""


def span_name(operation: str, destination: str | None) -> str:
    """``{operation} {destination}``, or the operation alone where no name is of low cardinality."""
    return f"{operation} {destination}" if destination else operation


def message_id(stream: str, sequence: int) -> str:
    """The id of a message in a stream, where its publisher gave it none."""
    return f"{stream}:{sequence}"


def error_type(error: BaseException) -> str:
    """The value of ``error.type``: the ``err_code`` of an error of JetStream's, the ``code`` of a
    micro ``ServiceError``, else the class of ``error``, qualified unless it is a builtin.
    """
    cls = type(error)
    if any(base.__module__.startswith("nats.js.") for base in cls.__mro__):
        code = getattr(error, "err_code", None)
    else:
        code = getattr(error, "code", None) if _is_service_error(error) else None
    if code:
        return str(code)
    if cls.__module__ == "builtins":
        return cls.__qualname__
    return f"{cls.__module__}.{cls.__qualname__}"


def error_description(error: BaseException) -> str:
    """The description of the status: a text of bounded size, without a message's payload."""
    if _is_of_nats(error, "MsgAlreadyAckdError"):  # its text is all of the message
        return "nats: message was already acknowledged"
    text = str(getattr(error, "description", "") if _is_service_error(error) else error)
    return text if len(text) <= MAX_DESCRIPTION else text[:MAX_DESCRIPTION] + "…"


def _is_service_error(error: BaseException) -> bool:
    return _is_of_nats(error, "ServiceError")


def _is_of_nats(error: BaseException, name: str) -> bool:
    return any(
        base.__name__ == name and base.__module__.startswith("nats.")
        for base in type(error).__mro__
    )
