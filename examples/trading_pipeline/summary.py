"""The result of one run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from .rows import Stored, expected_rows
from .spans import Trace
from .traces import audit_events, faults, latency, operations, percentile, slowest_hop

EXECUTING_SERVICE = "tradeengine"


@dataclass(frozen=True)
class SlowestHop:
    """The way between two services that takes longest."""

    name: str
    p95_ms: float


@dataclass(frozen=True)
class Audit:
    """What the service without tracing code has stored.

    `clean` rows have the payload to the byte as it was published. `in_trace` counts the events,
    one a row, that are in the trace of the message of the row, below its process span.
    """

    rows: int
    clean: int
    in_trace: int


@dataclass(frozen=True)
class Summary:
    """What came of the messages; latencies are from ingestion to execution.

    Spans per trace are counted by operation: publish, process, fetch, store.
    """

    with_plugin: bool
    messages: int
    spans: int
    spans_per_trace: dict[str, float]
    traces: int
    complete: int
    faults: dict[str, int]
    latency_p50_ms: float | None
    latency_p95_ms: float | None
    slowest_hop: SlowestHop | None
    rows: dict[str, int]
    rows_expected: dict[str, int]
    audit: Audit

    @property
    def all_stored(self) -> bool:
        """Whether every message went all the way, traced or not."""
        return self.rows == self.rows_expected

    @property
    def as_expected(self) -> bool:
        """With the plugin every trace is complete, without it none is; all is stored as sent."""
        audit = self.audit
        if not self.all_stored or audit.clean != audit.rows:
            return False
        if not self.with_plugin:
            return self.complete == audit.in_trace == 0
        return self.complete == self.traces == self.messages and audit.in_trace == audit.rows


def summarise(
    traces: Sequence[Trace],
    stored: Stored,
    messages: int,
    services: Collection[str],
    with_plugin: bool,
) -> Summary:
    """The summary of the traces of one run."""
    found = [faults(trace, services) for trace in traces]
    complete = [trace for trace, fault in zip(traces, found, strict=True) if not fault]
    times = [time for trace in complete if (time := latency(trace, EXECUTING_SERVICE))]
    hop = slowest_hop(complete)
    return Summary(
        with_plugin=with_plugin,
        messages=messages,
        spans=sum(map(len, traces)),
        spans_per_trace=_spans_per_trace(traces),
        traces=len(traces),
        complete=len(complete),
        faults=dict(Counter(fault for trace_faults in found for fault in trace_faults)),
        latency_p50_ms=percentile(times, 0.5) if times else None,
        latency_p95_ms=percentile(times, 0.95) if times else None,
        slowest_hop=SlowestHop(*hop) if hop else None,
        rows=stored.rows,
        rows_expected=expected_rows(messages),
        audit=Audit(stored.rows["audit"], stored.clean, sum(map(audit_events, traces))),
    )


def _spans_per_trace(traces: Sequence[Trace]) -> dict[str, float]:
    counts = sorted(operations(traces).items())
    return {operation: round(count / len(traces), 2) for operation, count in counts}


def typical(traces: Sequence[Trace], services: Collection[str]) -> Trace | None:
    """The complete trace of median latency, or else the first of all traces."""
    complete = [trace for trace in traces if not faults(trace, services)]
    if not complete:
        return next(iter(traces), None)
    complete.sort(key=lambda trace: latency(trace, EXECUTING_SERVICE) or 0.0)
    return complete[len(complete) // 2]
