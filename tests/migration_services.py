"""Services by the way that they are traced, which all do the same with their messages."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

from opentelemetry.context import get_current
from opentelemetry.trace import SpanKind, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from conftest import Instrumentation
from opentelemetry_instrumentation_nats_payload import NATSInstrumentor

FIELD, ALIAS = "_otel_trace_headers", "_otel_trace_context"
Send = Callable[[str, bytes], Awaitable[object]]
_W3C = TraceContextTextMapPropagator()
_MEMBER = re.compile(rb', ?"_otel_trace_(?:headers|context)": ?\{[^{}]*\}')


@dataclass(frozen=True)
class Service:
    """How one service is traced."""

    name: str
    carrier: str | None = None
    """Of the instrumentation; None without it."""

    by_hand: str | None = None
    """The field that the service's own code writes and reads; None where it does not."""

    payload_field: str = FIELD
    consumed_field: str = "refresh"

    falls_back: bool = False
    """Whether the code that reads the field takes the current context where there is none."""

    @property
    def token(self) -> str:
        """The name as a part of a subject."""
        return self.name.replace(" ", "_")

    def sent(self, subject: str) -> tuple[str, ...]:
        """The names of the spans of a message that it sends, the inner one last."""
        by_hand = [f"send {subject}"] if self.by_hand else []
        return (*by_hand, *([f"publish {subject}"] if self.carrier else []))

    def worked(self, delivered: str) -> tuple[str, ...]:
        """The same of a message that came in; ``delivered`` is that of the instrumentation."""
        return (*([delivered] if self.carrier else []), *(["handle"] if self.by_hand else []))

    @contextmanager
    def running(self, instrumentation: Instrumentation) -> Generator[None]:
        """The block runs as this service's process does."""
        if not self.carrier:
            yield
            return
        instrumentation.start(
            carrier=self.carrier,
            consumed_field=self.consumed_field,
            payload_field=self.payload_field,
            payload_field_aliases=[FIELD if self.payload_field == ALIAS else ALIAS],
        )
        try:
            yield
        finally:
            NATSInstrumentor().uninstrument()

    async def publish(self, tracer: Tracer, send: Send, subject: str, data: bytes) -> None:
        """Send ``data``; by hand within a span of its own that the payload carries."""
        if self.by_hand is None:
            await send(subject, data)
            return
        with tracer.start_as_current_span(f"send {subject}", kind=SpanKind.PRODUCER):
            document = _object(data)
            if document is not None:
                carrier: dict[str, str] = {}
                _W3C.inject(carrier)
                data = json.dumps({**document, self.by_hand: carrier}).encode()
            await send(subject, data)

    @contextmanager
    def handling(self, tracer: Tracer, data: bytes) -> Generator[bytes]:
        """The block works on a message; yields what the service takes for its bytes."""
        if self.by_hand is None:
            yield without_fields(data)
            return
        document = _object(data)
        found: Mapping[str, str] = document.pop(self.by_hand, {}) if document else {}
        context = _W3C.extract(found, get_current() if self.falls_back else None)
        with tracer.start_as_current_span("handle", context, SpanKind.CONSUMER):
            yield data if document is None else without_fields(json.dumps(document).encode())


def _object(data: bytes) -> dict[str, Any] | None:
    try:
        document: Any = json.loads(data)
    except ValueError:
        return None
    return cast("dict[str, Any]", document) if isinstance(document, dict) else None


def without_fields(data: bytes) -> bytes:
    """The payload for a service that does not know the fields: the rest of it, to the byte."""
    return _MEMBER.sub(b"", data)


BARE = Service("not instrumented")
BY_HAND = Service("by hand", by_hand=FIELD)
BY_HAND_ALIAS = Service("by hand under the alias", by_hand=ALIAS)
PAYLOAD, HEADERS, BOTH, AUTO = AUTOMATIC = [
    Service(carrier, carrier) for carrier in ("payload", "headers", "both", "auto")
]
TWICE = [
    Service(f"by hand and {service.name}", service.carrier, by_hand=FIELD) for service in AUTOMATIC
]
ALIAS_TWICE = Service("by hand and payload, both the alias", "payload", ALIAS, ALIAS)
ALIAS_PAYLOAD = Service("payload, the alias", "payload", payload_field=ALIAS)
SERVICES = [BARE, BY_HAND, BY_HAND_ALIAS, *AUTOMATIC, *TWICE]
