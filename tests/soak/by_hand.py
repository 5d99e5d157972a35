"""The same spans and the same field, made by the application: what the SDK alone costs."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.client import JetStreamContext
from opentelemetry import propagate
from opentelemetry.trace import SpanKind, Tracer

_FIELD = "_otel_trace_headers"


class TracedClient:
    """Publishes inside of a producer span."""

    def __init__(self, client: Client | JetStreamContext, tracer: Tracer) -> None:
        self._client = client
        self._tracer = tracer

    async def publish(self, subject: str, payload: bytes, **options: Any) -> None:
        """A JSON object, to which the context is added."""
        with self._tracer.start_as_current_span(
            f"publish {subject}", kind=SpanKind.PRODUCER, attributes=_attributes(subject, "send")
        ):
            carrier: dict[str, str] = {}
            propagate.inject(carrier)
            field = f',"{_FIELD}":{json.dumps(carrier)}}}'.encode()
            await self._client.publish(subject, payload[:-1] + field, **options)


def traced(
    callback: Callable[[Msg], Awaitable[None]], tracer: Tracer
) -> Callable[[Msg], Awaitable[None]]:
    """The callback inside of a consumer span."""

    async def call(message: Msg) -> None:
        document: dict[str, Any] = json.loads(message.data)
        with tracer.start_as_current_span(
            f"process {message.subject}",
            propagate.extract(document.get(_FIELD, {})),
            SpanKind.CONSUMER,
            _attributes(message.subject, "process"),
        ):
            await callback(message)

    return call


def _attributes(subject: str, operation: str) -> dict[str, str]:
    return {
        "messaging.system": "nats",
        "messaging.operation.type": operation,
        "messaging.destination.name": subject,
    }
