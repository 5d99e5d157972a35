"""Spans as lines that a test can compare."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from opentelemetry.sdk.trace import ReadableSpan

from examples.trading_pipeline.spans import Span

OURS = "opentelemetry_instrumentation_nats_payload"


def family(spans: Iterable[Span]) -> list[str]:
    """``name < name of the parent`` of every span of one trace, in the order of their start."""
    ordered = sorted(spans, key=lambda span: span.start)
    assert len({span.trace_id for span in ordered}) <= 1, [span.name for span in ordered]
    names = {span.span_id: span.name for span in ordered}
    return [_line(span.name, names.get(span.parent_id, span.parent_id)) for span in ordered]


def families(spans: Iterable[Span]) -> list[list[str]]:
    """The same of each trace."""
    traces: dict[str, list[Span]] = {}
    for span in spans:
        traces.setdefault(span.trace_id, []).append(span)
    return [family(of_trace) for of_trace in traces.values()]


def recorded_families(spans: Sequence[ReadableSpan]) -> list[list[str]]:
    """``name < name of the parent`` of every span, one list for each trace; ours have a star."""
    names = {span.context.span_id: _name(span) for span in spans if span.context}
    traces: dict[int, list[str]] = {}
    for span in sorted(spans, key=lambda span: span.start_time or 0):
        parent = names.get(span.parent.span_id, "?") if span.parent else ""
        trace_id = span.context.trace_id if span.context else 0
        traces.setdefault(trace_id, []).append(_line(_name(span), parent))
    return list(traces.values())


def _name(span: ReadableSpan) -> str:
    scope = span.instrumentation_scope
    return f"*{span.name}" if scope and scope.name == OURS else span.name


def _line(name: str, parent: str) -> str:
    return f"{name} < {parent}" if parent else name
