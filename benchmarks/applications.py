"""What a service does to publish a message, and in the callback that gets it."""

from __future__ import annotations

import json
from typing import Any, Protocol

from nats.aio.client import Client
from nats.aio.msg import Msg
from opentelemetry import propagate
from opentelemetry.trace import SpanKind, Tracer

from .documents import encode

_FIELD = "_otel_trace_headers"


class Application(Protocol):
    """A publisher and a subscriber of the same document."""

    async def publish(self, client: Client, subject: str) -> None:
        """Send one message."""
        ...

    async def process(self, message: Msg) -> None:
        """Take one message."""
        ...


class Bytes:
    """Sends the same encoded bytes each time, and does not look at what comes."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._payload = encode(document)

    async def publish(self, client: Client, subject: str) -> None:
        """Send one message."""
        await client.publish(subject, self._payload)

    async def process(self, message: Msg) -> None:
        """Take one message."""


class Json:
    """Encodes a dict for each message and decodes what comes, as services do."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document

    async def publish(self, client: Client, subject: str) -> None:
        """Send one message."""
        await client.publish(subject, encode(dict(self._document)))

    async def process(self, message: Msg) -> None:
        """Take one message."""
        json.loads(message.data)


class ByHand:
    """As :class:`Json`, with the tracing written into it that the plugin stands for.

    Its spans have the attributes that a service knows without asking the client: fewer than the
    plugin's, which add server and client id, and no link.
    """

    def __init__(self, document: dict[str, Any], tracer: Tracer) -> None:
        self._document = document
        self._tracer = tracer

    async def publish(self, client: Client, subject: str) -> None:
        """Send one message inside of a producer span."""
        message = dict(self._document)
        with self._tracer.start_as_current_span(
            f"publish {subject}",
            kind=SpanKind.PRODUCER,
            attributes=_attributes(subject, "publish", "send"),
        ):
            carrier: dict[str, str] = {}
            propagate.inject(carrier)
            message[_FIELD] = carrier
            await client.publish(subject, encode(message))

    async def process(self, message: Msg) -> None:
        """Take one message inside of a consumer span."""
        document: dict[str, Any] = json.loads(message.data)
        with self._tracer.start_as_current_span(
            f"process {message.subject}",
            propagate.extract(document.get(_FIELD, {})),
            SpanKind.CONSUMER,
            _attributes(message.subject, "process", "process"),
        ):
            pass


def _attributes(subject: str, name: str, operation: str) -> dict[str, str]:
    return {
        "messaging.system": "nats",
        "messaging.operation.name": name,
        "messaging.operation.type": operation,
        "messaging.destination.name": subject,
    }
