"""A traceparent that is written and read without the propagators is what they would write."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.propagate import get_global_textmap
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    TraceFlags,
    TraceState,
    get_current_span,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from opentelemetry_instrumentation_nats_payload import _w3c


class _Own(TraceContextTextMapPropagator):
    """An application's."""


@pytest.mark.parametrize(
    ("propagator", "is_default"),
    [
        (CompositePropagator([TraceContextTextMapPropagator(), W3CBaggagePropagator()]), True),
        (CompositePropagator([TraceContextTextMapPropagator()]), True),
        (TraceContextTextMapPropagator(), True),
        (get_global_textmap(), True),
        (CompositePropagator([W3CBaggagePropagator()]), False),
        (CompositePropagator([]), False),
        (W3CBaggagePropagator(), False),
        (_Own(), False),
        (CompositePropagator([_Own(), W3CBaggagePropagator()]), False),
    ],
)
def test_which_propagators_are_the_default_ones(propagator: Any, is_default: bool) -> None:
    """Others may write and read whatever they like: they are asked."""
    assert _w3c.is_default(propagator) == is_default


@given(
    trace_id=st.integers(0, 2**128 - 1),
    span_id=st.integers(0, 2**64 - 1),
    flags=st.integers(0, 255),
    states=st.sampled_from([None, TraceState(), TraceState([("a", "b")])]),
)
def test_a_traceparent_is_what_the_propagators_write_and_read(
    trace_id: int, span_id: int, flags: int, states: TraceState | None
) -> None:
    """The document is that of their carrier, and the span read from it is the one they find."""
    span_context = SpanContext(trace_id, span_id, True, TraceFlags(flags), states)
    current = trace.set_span_in_context(NonRecordingSpan(span_context), Context())
    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier, current)
    document = _w3c.document_of(span_context)
    if len(carrier) != 1 or not span_context.is_valid:
        assert document is None
        return
    assert document is not None
    assert document == json.dumps(carrier, separators=(",", ":")).encode()
    assert len(document) == _w3c.DOCUMENT_SIZE
    found = TraceContextTextMapPropagator().extract(carrier, Context())
    span = _w3c.span_of(document)
    assert span is not None
    assert span.get_span_context() == get_current_span(found).get_span_context()
