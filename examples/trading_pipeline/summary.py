"""The result of one run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from .rows import expected_rows
from .spans import Trace
from .traces import faults, latency, operations, percentile, slowest_hop

EXECUTING_SERVICE = "tradeengine"


@dataclass(frozen=True)
class SlowestHop:
    """The way between two services that takes longest."""

    name: str
    p95_ms: float


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

    @property
    def all_stored(self) -> bool:
        """Whether every message went all the way, traced or not."""
        return self.rows == self.rows_expected

    @property
    def as_expected(self) -> bool:
        """With the plugin every trace is complete, without it none is."""
        if not self.with_plugin:
            return self.all_stored and self.complete == 0
        return self.all_stored and self.complete == self.traces == self.messages


def summarise(
    traces: Sequence[Trace],
    rows: dict[str, int],
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
        rows=rows,
        rows_expected=expected_rows(messages),
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
