"""Every name that is emitted: spans, attributes, values.

From the messaging conventions, https://github.com/open-telemetry/semantic-conventions,
``docs/messaging/messaging-spans.md``. The names are spelled out here, because the constants of
opentelemetry-semantic-conventions for messaging are incubating and move between releases.
"""

from __future__ import annotations

from typing import Final, NamedTuple

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
CODE_FUNCTION_NAME: Final = "code.function.name"
EXCEPTION_TYPE: Final = "exception.type"
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

PROCESS_EXCEPTION_EVENT: Final = "messaging.process.exception"
"""The name of the log of what a handler raised (messaging-exceptions.md)."""

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


NATS_DELIVERY_LATENCY: Final = "messaging.nats.message.delivery_latency"
"""Seconds from the storing of a message in its stream to its delivery."""

NATS_HEADER_PREFIX: Final = "messaging.nats.message.header."
NATS_BODY: Final = "messaging.nats.message.body"
NATS_PROPAGATION_OUTCOME: Final = "messaging.nats.propagation.outcome"
NATS_PROPAGATION_SOURCE: Final = "messaging.nats.propagation.source"

# What became of the context of a message that went out.
INJECTED: Final = "injected"
REPLACED: Final = "replaced"
KEPT: Final = "kept"
IN_HEADERS: Final = "headers"
NOT_A_JSON_OBJECT: Final = "not_a_json_object"
FIELD_IN_USE: Final = "field_in_use"
TOO_LARGE: Final = "too_large"
EXCLUDED: Final = "excluded"
SUPPRESSED: Final = "suppressed"
INTERNAL: Final = "internal"
REPLY: Final = "reply"
NO_CONTEXT: Final = "no_context"
FAILED: Final = "error"

# Where the context of a message that came in was found.
PAYLOAD: Final = "payload"
ALIAS: Final = "alias"
HEADERS: Final = "headers"
NONE: Final = "none"
INVALID: Final = "invalid"


class Metric(NamedTuple):
    """A metric that is emitted (messaging-metrics.md for those that are not NATS's)."""

    name: str
    unit: str
    description: str


CLIENT_OPERATION_DURATION: Final = Metric(
    "messaging.client.operation.duration",
    "s",
    "Duration of messaging operation initiated by a producer or consumer client.",
)
PROCESS_DURATION: Final = Metric(
    "messaging.process.duration", "s", "Duration of processing operation."
)
CLIENT_SENT_MESSAGES: Final = Metric(
    "messaging.client.sent.messages",
    "{message}",
    "Number of messages producer attempted to send to the broker.",
)
CLIENT_CONSUMED_MESSAGES: Final = Metric(
    "messaging.client.consumed.messages",
    "{message}",
    "Number of messages that were delivered to the application.",
)
NATS_DELIVERY_DURATION: Final = Metric(
    "messaging.nats.delivery.duration",
    "s",
    "Time from the storing of a message in its stream to its delivery.",
)
NATS_SENT_CONTEXTS: Final = Metric(
    "messaging.nats.propagation.sent",
    "{message}",
    "Messages that went out, by what became of their trace context.",
)
NATS_RECEIVED_CONTEXTS: Final = Metric(
    "messaging.nats.propagation.received",
    "{message}",
    "Messages that came in, by where their trace context was found.",
)
NATS_INSTRUMENTATION_ERRORS: Final = Metric(
    "messaging.nats.instrumentation.errors",
    "{error}",
    "Errors of the instrumentation itself, which affected no message.",
)

DURATION_BUCKETS: Final = (
    0.005,
    0.01,
    0.025,
    0.05,
    0.075,
    0.1,
    0.25,
    0.5,
    0.75,
    1,
    2.5,
    5,
    7.5,
    10,
)
"""The boundaries that messaging-metrics.md gives for its histograms."""

MAX_DESCRIPTION: Final = 1024
"""Characters of a text that others wrote. Errors may quote a payload."""

OTHER: Final = "_OTHER"
"""What stands for the rest of the values of an attribute (docs/attributes-registry/error.md)."""


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
    return class_name(error)


def class_name(error: BaseException) -> str:
    """The class of ``error``, qualified unless it is a builtin."""
    cls = type(error)
    if cls.__module__ == "builtins":
        return cls.__qualname__
    return f"{cls.__module__}.{cls.__qualname__}"


def error_description(error: BaseException) -> str:
    """The description of the status: a text of bounded size, without a message's payload."""
    if _is_of_nats(error, "MsgAlreadyAckdError"):  # its text is all of the message
        return "nats: message was already acknowledged"
    return bounded(str(getattr(error, "description", "") if _is_service_error(error) else error))


def bounded(text: str) -> str:
    """``text``, or its beginning."""
    return text if len(text) <= MAX_DESCRIPTION else text[:MAX_DESCRIPTION] + "…"


def _is_service_error(error: BaseException) -> bool:
    return _is_of_nats(error, "ServiceError")


def _is_of_nats(error: BaseException, name: str) -> bool:
    return any(
        base.__name__ == name and base.__module__.startswith("nats.")
        for base in type(error).__mro__
    )
