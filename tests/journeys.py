"""A message that is published, consumed, and published again, with what has to hold all the way."""

from __future__ import annotations

from functools import cache
from types import ModuleType, SimpleNamespace
from typing import Any

from opentelemetry import baggage, trace
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from codec import BACKENDS, using
from contexts import W3C
from invariants import MAX_DEPTH, check_cut, depth_bound, strictly
from opentelemetry_instrumentation_nats_payload._carrier import Received, receive, send
from opentelemetry_instrumentation_nats_payload._consumed import Consumed, hand_over
from opentelemetry_instrumentation_nats_payload._message import Outgoing
from opentelemetry_instrumentation_nats_payload._settings import Carrier, ConsumedField, Settings
from opentelemetry_instrumentation_nats_payload._telemetry import Telemetry
from oracle import FIELD, is_one_object, last_value, parse, without

NO_LIMIT = 1_048_576


@cache
def _telemetry(carrier: Carrier, consumed: ConsumedField, backend: ModuleType) -> Telemetry:
    with using(backend):
        return Telemetry(Settings(carrier=carrier, consumed_field=consumed), propagator=W3C)


def _context(number: int, *, with_baggage: bool = False) -> Context:
    span_context = SpanContext(number, number, False, TraceFlags(1))
    context = trace.set_span_in_context(NonRecordingSpan(span_context), Context())
    return baggage.set_baggage("place", "x", context) if with_baggage else context


def _size(message: Outgoing) -> int:
    """Bytes of a message at most; nats-py leaves out a header without a name, and blanks."""
    lines = [f"{k}: {v}\r\n" for k, v in (message.headers or {}).items() if k.strip()]
    start = "" if message.headers is None else "NATS/1.0\r\n\r\n"
    return len("".join((start, *lines)).encode()) + len(message.payload)


class Journey:
    """A message on its way from one service to the next.

    Args:
        payload: as the first application published it.
        headers: the same.
        backend: what reads JSON on the way.
    """

    def __init__(
        self,
        payload: bytes,
        headers: dict[str, str] | None = None,
        backend: ModuleType = BACKENDS[0],
    ) -> None:
        self.payload, self.headers = payload, headers
        self._backend = backend
        self._is_deep = depth_bound(payload) > MAX_DEPTH
        self._others = None
        if not self._is_deep and is_one_object(payload):
            self._others = without(parse(payload))
        self._original: bytes | None = None
        self._number = 100

    def publish(
        self, carrier: Carrier, *, limit: int = NO_LIMIT, with_baggage: bool = False
    ) -> None:
        """In a new trace, to a server that takes messages up to ``limit`` bytes."""
        self._number += 1
        telemetry = _telemetry(carrier, "refresh", self._backend)
        message = Outgoing("a.b", self.payload, "", self.headers)
        headers = None if self.headers is None else dict(self.headers)
        with strictly(self._backend):
            received = receive(telemetry, self.payload, self.headers)
            context = _context(self._number, with_baggage=with_baggage)
            sent = send(telemetry, message, received, context, limit.__ge__, headers_supported=True)
            assert self.headers == headers, "the caller's headers"
            if sent is not None:
                assert _size(sent) <= limit
                self._check_read(telemetry, sent)
                self._take(received, sent)

    def _check_read(self, telemetry: Telemetry, sent: Outgoing) -> None:
        """Who reads the message finds the context that was sent."""
        if sent.payload == self.payload:
            other = receive(telemetry, sent.payload, None).embedded
            if other is not None and other.span_context.is_valid:
                return  # of somebody else, and read before the headers
        embedded = receive(telemetry, sent.payload, sent.headers).embedded
        assert embedded is not None
        assert embedded.span_context.trace_id == self._number

    def _take(self, received: Received, sent: Outgoing) -> None:
        """The headers of the application are all there, and the payload is that of before."""
        for name, value in (self.headers or {}).items():
            if name.strip().lower() not in W3C.fields:
                assert (sent.headers or {})[name] == value
        if received.member is None and sent.payload != self.payload:
            self._original = self.payload
            assert self._is_deep or last_value(self.payload) is None
        self._check_replaced(sent.payload)
        self.payload, self.headers = sent.payload, sent.headers

    def _check_replaced(self, payload: bytes) -> None:
        """For a parser only the field is another, and every byte around its value is the same."""
        if payload == self.payload or self._is_deep:
            return
        assert self._others is not None, "not an object, and changed"
        assert without(parse(payload)) == self._others
        old, new = last_value(self.payload), last_value(payload)
        assert new is not None
        if old is None:
            brace = self.payload.rindex(b"}")
            assert payload.startswith(self.payload[:brace])
            assert payload.endswith(self.payload[brace:])
        else:
            # The same bytes on both sides of one of the places at which the new value stands.
            assert any(
                self.payload == payload[:at] + old + payload[at + len(new) :]
                for at in range(len(payload))
                if payload.startswith(new, at)
            )

    def consume(self, mode: ConsumedField) -> None:
        """As the application of the next service gets it."""
        self._number += 1
        telemetry = _telemetry("payload", mode, self._backend)
        message: Any = SimpleNamespace(data=self.payload, headers=self.headers)
        none: Any = None
        with strictly(self._backend):
            received = receive(telemetry, self.payload, self.headers)
            consumed = Consumed(message, none, none, none, received)
            hand_over(telemetry, consumed.message, consumed.member, _context(self._number))
        member = received.member
        if mode == "keep" or member is None or member.carrier is None:
            assert message.data is self.payload
        elif mode == "refresh":
            self._check_replaced(message.data)
            with strictly(self._backend):
                embedded = receive(telemetry, message.data, None).embedded
            assert embedded is not None
            assert (embedded.source, embedded.span_context.span_id) == (FIELD, self._number)
        else:
            self._check_stripped(message.data)
        self.payload = message.data

    def _check_stripped(self, payload: bytes) -> None:
        if self._original is not None:
            assert payload == self._original
        elif not self._is_deep:
            check_cut(self.payload, payload)
        self._original = None
