"""Contexts, carriers and messages by number, which the tests of the carriers share."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from opentelemetry import baggage, trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.textmap import (
    CarrierT,
    Getter,
    Setter,
    TextMapPropagator,
    default_getter,
    default_setter,
)
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, TraceState
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from opentelemetry_instrumentation_nats_payload._carrier import (
    Embedded,
    receive,
    send,
)
from opentelemetry_instrumentation_nats_payload._message import Outgoing
from opentelemetry_instrumentation_nats_payload._settings import Carrier, Settings
from opentelemetry_instrumentation_nats_payload._telemetry import Telemetry
from oracle import FIELD

ALIAS, ALIAS_2 = "_otel_trace_context", "tracing"
W3C = CompositePropagator([TraceContextTextMapPropagator(), W3CBaggagePropagator()])
MODES: tuple[Carrier, ...] = ("payload", "headers", "both", "auto")

# Traces by the place that a test puts them in.
IN_FIELD, IN_ALIAS, IN_ALIAS_2, IN_HEADERS, NEW = 1, 2, 3, 4, 9

OBJECT = b'{"id": 1}\n'
ARRAY = b"[1]"


def make_telemetry(carrier: Carrier = "payload", propagator: TextMapPropagator = W3C) -> Telemetry:
    """A telemetry with two aliases."""
    settings = Settings(carrier=carrier, payload_field_aliases=(ALIAS, ALIAS_2))
    return Telemetry(settings, propagator=propagator)


def traceparent_of(number: int) -> str:
    """The W3C header of a trace that is known by a number."""
    return f"00-{number:032x}-{number:016x}-01"


def carrier_of(kind: str, number: int) -> object:
    """A carrier, or something else, that stands for its place by a number."""
    kinds: dict[str, object] = {
        "span": {"traceparent": traceparent_of(number)},
        "baggage": {"baggage": f"place={number}"},
        "both": {"baggage": f"place={number}", "traceparent": traceparent_of(number)},
        "zeros": {"traceparent": f"00-{0:032x}-{0:016x}-01"},
        "garbage": {"traceparent": "garbage", "tracestate": "a=b"},
        "empty": {},
        "null": None,
        "number": {"traceparent": traceparent_of(number), "x": 1},
        "list": {"traceparent": [traceparent_of(number)]},
        "many": {"traceparent": traceparent_of(number), **{str(i): "" for i in range(16)}},
        "large": {"traceparent": traceparent_of(number), "x": "x" * 8192},
    }
    return kinds[kind]


def payload_with(**fields: object) -> bytes:
    """A JSON object with these members, the last ones."""
    return json.dumps({"id": 1, **fields}).encode()


def context_with(
    entries: dict[str, str] | None = None,
    *,
    span: bool = True,
    state: dict[str, str] | None = None,
) -> Context:
    """A context with a span of the new trace, with a trace state, and with baggage."""
    context = Context()
    if span:
        tracestate = TraceState(list((state or {}).items()))
        span_context = SpanContext(NEW, NEW, False, TraceFlags(1), tracestate)
        context = trace.set_span_in_context(NonRecordingSpan(span_context), context)
    for name, value in (entries or {}).items():
        context = baggage.set_baggage(name, value, context)
    return context


NEW_CARRIER = {"traceparent": traceparent_of(NEW)}
NEW_MEMBER = f'"{FIELD}":{{"traceparent":"{traceparent_of(NEW)}"}}'.encode()


def found_in(embedded: Embedded | None) -> tuple[str, int, object] | None:
    """Where a context was found, its trace, and what its baggage says."""
    if embedded is None:
        return None
    span_context = trace.get_current_span(embedded.context).get_span_context()
    assert span_context == embedded.span_context
    assert span_context.is_valid == bool(span_context.trace_id)
    return (
        embedded.source,
        span_context.trace_id,
        baggage.get_baggage("place", embedded.context),
    )


def always(_: int) -> bool:
    """Every message fits."""
    return True


def send_message(
    telemetry: Telemetry,
    payload: bytes,
    headers: dict[str, str] | None = None,
    context: Context | None = None,
    fits: Callable[[int], bool] = always,
    headers_supported: bool = True,
) -> Outgoing | None:
    """Send as the wrapper of publish does: what the message carries is looked up before."""
    message = Outgoing("subject", payload, "reply", headers)
    received = receive(telemetry, payload, headers, is_outgoing=True)
    before = None if headers is None else dict(headers)
    sent = send(
        telemetry,
        message,
        received,
        context_with() if context is None else context,
        fits,
        headers_supported=headers_supported,
    )
    assert headers == before
    if sent is not None:
        assert (sent.subject, sent.reply) == ("subject", "reply")
    return sent


def written_in(sent: Outgoing | None) -> tuple[dict[str, str] | None, dict[str, str] | None] | None:
    """The carriers in payload and headers of a sent message."""
    if sent is None:
        return None
    in_payload = None
    if sent.payload.strip().startswith(b"{"):
        in_payload = json.loads(sent.payload).get(FIELD)
    return in_payload, sent.headers


def wire_bytes(message: Outgoing) -> int:
    """Bytes of a message as the server counts them."""
    if message.headers is None:
        return len(message.payload)
    lines = "".join(f"{name}: {value}\r\n" for name, value in message.headers.items())
    return len(f"NATS/1.0\r\n{lines}\r\n".encode()) + len(message.payload)


class OddPropagator(TextMapPropagator):
    """Writes the given entries, whatever they are."""

    def __init__(self, entries: dict[Any, Any]) -> None:
        self._entries = entries

    def extract(
        self,
        carrier: CarrierT,
        context: Context | None = None,
        getter: Getter[CarrierT] = default_getter,
    ) -> Context:
        return context or Context()

    def inject(
        self,
        carrier: CarrierT,
        context: Context | None = None,
        setter: Setter[CarrierT] = default_setter,
    ) -> None:
        for name, value in self._entries.items():
            setter.set(carrier, name, value)

    @property
    def fields(self) -> set[str]:
        return {name for name in self._entries if isinstance(name, str)}
