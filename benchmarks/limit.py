"""The least that tracing can cost: what no instrumentation with these spans can leave out."""

from __future__ import annotations

from typing import Any

from nats.aio.client import Client
from nats.aio.msg import Msg
from opentelemetry import context as context_api
from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, SpanKind, Tracer

from .documents import encode

_NAME = b',"_otel_trace_headers":{"traceparent":"'
_END = b'"}}'
_LENGTH = 55
"""Characters of a ``traceparent``."""


class Limit:
    """Two spans with all attributes of the plugin's, the propagators, and the context spliced in
    and cut out by hand: the field is known to be the last one, and nothing is validated.

    Nothing is prepared for errors of the application, for settings, replies, sizes, or a message
    of anybody else's.
    """

    def __init__(self, document: dict[str, Any], tracer: Tracer) -> None:
        self._payload = encode(document)
        self._tracer = tracer
        self._common: dict[str, Any] = {}

    async def publish(self, client: Client, subject: str) -> None:
        """Send one message inside of a producer span."""
        context = context_api.get_current()
        span = self._tracer.start_span(
            f"publish {subject}",
            context,
            SpanKind.PRODUCER,
            {
                **(self._common or self._learn(client)),
                "messaging.operation.name": "publish",
                "messaging.operation.type": "send",
                "messaging.destination.name": subject,
            },
        )
        carrier: dict[str, str] = {}
        propagate.inject(carrier, trace.set_span_in_context(span, context))
        traceparent = carrier["traceparent"].encode()
        await client.publish(subject, self._payload[:-1] + _NAME + traceparent + _END)
        span.end()

    async def process(self, message: Msg) -> None:
        """Take one message inside of a consumer span."""
        start = -len(_END) - _LENGTH
        carrier = {"traceparent": message.data[start : -len(_END)].decode()}
        parent = propagate.extract(carrier, Context())
        span = self._tracer.start_span(
            f"process {message.subject}",
            parent,
            SpanKind.CONSUMER,
            {
                **self._common,
                "messaging.operation.name": "process",
                "messaging.operation.type": "process",
                "messaging.destination.name": message.subject,
            },
            (Link(trace.get_current_span(parent).get_span_context()),),
        )
        token = context_api.attach(trace.set_span_in_context(span, parent))
        context_api.detach(token)
        span.end()

    def _learn(self, client: Client) -> dict[str, Any]:
        server = client.connected_url
        assert server is not None
        self._common = {
            "messaging.system": "nats",
            "server.address": server.hostname,
            "server.port": server.port,
            "messaging.client.id": str(client.client_id),
        }
        return self._common
