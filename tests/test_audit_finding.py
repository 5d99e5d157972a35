"""What one message carries: where it is found, and why there is nothing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.trace import format_span_id, format_trace_id
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from audit_cli import ALIAS, BARE, FIELD, INVALID, PARENT, SPAN, TRACE, UNSAMPLED
from damaged import not_objects
from opentelemetry_instrumentation_nats_payload._audit.finding import CARRYING, SOURCES, Reader
from opentelemetry_instrumentation_nats_payload._carrier import receive
from opentelemetry_instrumentation_nats_payload._config import Settings
from opentelemetry_instrumentation_nats_payload._telemetry import Telemetry
from strategies import PROPERTY, any_objects

_PROPAGATOR = CompositePropagator([TraceContextTextMapPropagator(), W3CBaggagePropagator()])
READER = Reader("_otel_trace_headers", ["_otel_trace_context"], _PROPAGATOR)


def _with(value: str) -> bytes:
    return f'{{"a":1,"_otel_trace_headers":{value}}}'.encode()


@pytest.mark.parametrize(
    ("payload", "headers", "source", "in_both", "added"),
    [
        (FIELD, None, "payload", False, 96),
        (ALIAS, None, "alias", False, 96),
        (FIELD, {"traceparent": UNSAMPLED}, "payload", True, 96 + 82),
        (ALIAS, {"Traceparent": PARENT, "Other": "x"}, "alias", True, 96 + 70),
        (BARE, {"TRACEPARENT": PARENT}, "headers", False, 82),
        (
            b"",
            {"traceparent": PARENT, "tracestate": "a=b", "baggage": "c=d"},
            "headers",
            False,
            113,
        ),
        (INVALID, {"traceparent": PARENT}, "headers", False, 82),
        (BARE, None, "none", False, 0),
        (b"text", {"Other": "x"}, "none", False, 0),
        (b"text", {"baggage": "a=b"}, "none", False, 0),
        (_with("null"), None, "none", False, 0),
        (_with("{}"), None, "none", False, 0),
        (_with('{"baggage":"a=b"}'), None, "none", False, 0),
        (INVALID, None, "invalid", False, 0),
        (_with("5"), None, "invalid", False, 0),
        (_with(f'"{PARENT}"'), None, "invalid", False, 0),
        (_with(f'{{"traceparent":["{PARENT}"]}}'), None, "invalid", False, 0),
        (_with('{"traceparent":"zz","baggage":"a=b"}'), None, "invalid", False, 0),
        (_with(f'{{"traceparent":"00-{"0" * 32}-{SPAN}-01"}}'), None, "invalid", False, 0),
        (BARE, {"traceparent": "zz"}, "invalid", False, 0),
        (b"text", {"traceparent": ""}, "invalid", False, 0),
        (b"text", None, "not_eligible", False, 0),
        (b"", {}, "not_eligible", False, 0),
        (FIELD + b"{}", None, "not_eligible", False, 0),
    ],
)
def test_what_a_message_carries(
    payload: bytes, headers: dict[str, str] | None, source: str, in_both: bool, added: int
) -> None:
    """One source each, and by how much the message is longer for it."""
    finding = READER.read(payload, headers)
    assert (finding.source, finding.in_both, finding.bytes_added) == (source, in_both, added)
    assert finding.span_context.is_valid == (source in CARRYING)


def test_the_context_itself() -> None:
    """That of the payload, where the headers have another one."""
    found = READER.read(FIELD, {"traceparent": UNSAMPLED}).span_context
    assert (format_trace_id(found.trace_id), format_span_id(found.span_id)) == (TRACE, SPAN)
    assert found.trace_flags.sampled
    assert not READER.read(ALIAS, None).span_context.trace_flags.sampled


_parents = st.sampled_from([PARENT, UNSAMPLED, "zz", ""])
_headers = st.none() | st.dictionaries(
    st.sampled_from(["traceparent", "Traceparent", "tracestate", "baggage", "Other"]),
    _parents | st.text(max_size=5),
)
_fielded = st.tuples(st.sampled_from(["headers", "context"]), _parents).map(
    lambda parts: f'{{"a":1,"_otel_trace_{parts[0]}":{{"traceparent":"{parts[1]}"}}}}'.encode()
)


@PROPERTY
@given(any_objects | not_objects | _fielded, _headers)
def test_a_consumer_finds_the_same(payload: bytes, headers: dict[str, str] | None) -> None:
    """The audit says that a message carries a context where an instrumented service has one."""
    finding = READER.read(payload, headers)
    telemetry = Telemetry(Settings(), propagator=_PROPAGATOR)
    embedded = receive(telemetry, payload, headers).embedded
    assert finding.source in SOURCES
    if embedded is None or not embedded.span_context.is_valid:
        assert finding.source not in CARRYING
    else:
        assert finding.span_context == embedded.span_context
        assert finding.bytes_added > 0


class _Raising(TraceContextTextMapPropagator):
    def extract(self, carrier: Any, context: Any = None, getter: Any = None) -> Context:
        raise RuntimeError("not prepared for this")


def test_a_propagator_that_raises() -> None:
    """The message is counted, as one that has what cannot be read."""
    reader = Reader("_otel_trace_headers", [], _Raising())
    assert reader.read(FIELD, None).source == "invalid"
    assert reader.read(BARE, {"traceparent": PARENT}).source == "invalid"
