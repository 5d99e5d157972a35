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
MESSAGING_CONSUMER_GROUP_NAME: Final = "messaging.consumer.group.name"
MESSAGING_CLIENT_ID: Final = "messaging.client.id"
MESSAGING_MESSAGE_ID: Final = "messaging.message.id"
SERVER_ADDRESS: Final = "server.address"
SERVER_PORT: Final = "server.port"
ERROR_TYPE: Final = "error.type"

SYSTEM_NATS: Final = "nats"
OPERATION_PUBLISH: Final = "publish"
OPERATION_RESPOND: Final = "respond"
OPERATION_PROCESS: Final = "process"
TYPE_SEND: Final = "send"
TYPE_PROCESS: Final = "process"


def span_name(operation: str, destination: str | None) -> str:
    """``{operation} {destination}``, or the operation alone where no name is of low cardinality."""
    return f"{operation} {destination}" if destination else operation


def error_type(error: BaseException) -> str:
    """The value of ``error.type``: the class of ``error``, qualified unless it is a builtin."""
    cls = type(error)
    if cls.__module__ == "builtins":
        return cls.__qualname__
    return f"{cls.__module__}.{cls.__qualname__}"
