"""The W3C trace context, where OpenTelemetry's default propagators and nothing else are configured.

Both ways give what the propagators would: a test compares them. Theirs cost as much as a span that
is not recorded (2.2 µs to inject, 4.1 µs to extract, against 0.4 µs and 1.1 µs), because they go
through getters, setters and a dict that is encoded once more.
"""

from __future__ import annotations

import re
from typing import cast

from opentelemetry import trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.textmap import TextMapPropagator
from opentelemetry.trace import INVALID_SPAN, NonRecordingSpan, SpanContext, TraceFlags
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

# A carrier with nothing but a traceparent of version 00
# (https://www.w3.org/TR/trace-context/#traceparent-header).
_DOCUMENT = b'{"traceparent":"00-%032x-%016x-%02x"}'
DOCUMENT_SIZE = len(_DOCUMENT % (0, 0, 0))
"""Bytes of such a carrier's JSON."""

_matches = re.compile(
    rb'\{"traceparent":"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})"\}'
).fullmatch

_NO_TRACE_STATE = INVALID_SPAN.get_span_context().trace_state
"""That of every context without one: whether another one is empty takes a call to see."""

_FLAGS = {b"00": TraceFlags(0), b"01": TraceFlags(1)}

(SPAN_KEY,) = trace.set_span_in_context(INVALID_SPAN, Context())
"""Where the current span is in a context."""


def is_default(propagator: TextMapPropagator) -> bool:
    """Whether ``propagator`` is W3C trace context, alone or with W3C baggage, and nothing else."""
    # Private, and the only way to look inside. Where it is missing, the answer is no.
    parts = cast("list[object]", getattr(propagator, "_propagators", [propagator]))
    if type(propagator) not in (CompositePropagator, TraceContextTextMapPropagator):
        return False
    types = [type(part) for part in parts]
    return types in (
        [TraceContextTextMapPropagator],
        [TraceContextTextMapPropagator, W3CBaggagePropagator],
    )


def document_of(span_context: SpanContext) -> bytes | None:
    """The JSON of a carrier with ``span_context``; None where that needs more than a
    ``traceparent``, or there is nothing to carry.
    """
    # A SpanContext is a tuple; each of its properties costs as much as this line.
    trace_id, span_id, _, flags, trace_state, is_valid = span_context
    if not is_valid or (trace_state is not _NO_TRACE_STATE and trace_state):
        return None
    return _DOCUMENT % (trace_id, span_id, flags)


def span_of(document: bytes) -> NonRecordingSpan | None:
    """The span that is named in the JSON of a carrier; None where it has more than a valid
    ``traceparent`` of version 00, or is spelled otherwise.
    """
    match = _matches(document)
    if match is None:
        return None
    trace_id, span_id, digits = match.groups()
    flags = _FLAGS[digits] if digits in _FLAGS else TraceFlags(int(digits, 16))
    span_context = SpanContext(int(trace_id, 16), int(span_id, 16), True, flags)
    return NonRecordingSpan(span_context) if span_context[-1] else None  # is_valid, see above
