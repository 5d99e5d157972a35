"""The figures at the head of the page."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal

from ..spans import Trace
from ..summary import Summary
from .lane import milliseconds
from .layout import axis_of


@dataclass(frozen=True)
class Figure:
    """One figure; `mood` says whether it is as it should be."""

    label: str
    value: str
    note: str
    mood: Literal["plain", "good", "bad"] = "plain"


def figures_of(trace: Trace, summary: Summary, services: Collection[str]) -> Iterator[Figure]:
    """What came of the run, and of this trace."""
    yield _complete(summary, services)
    yield _this_trace(trace)
    yield Figure(
        "Duration", milliseconds(axis_of(trace).extent), "from the first start to the last end"
    )
    if summary.latency_p50_ms is not None and summary.latency_p95_ms is not None:
        yield Figure(
            "Ingestion to execution",
            f"{summary.latency_p50_ms:,.1f} ms",
            f"median; 95th percentile {summary.latency_p95_ms:,.1f} ms",
        )
    yield _rows(summary)


def _complete(summary: Summary, services: Collection[str]) -> Figure:
    whole = summary.complete == summary.messages
    note = f"one root, every parent there, spans of all {len(services)} services"
    if not whole:
        note = next(iter(summary.faults), "fewer traces than messages")
    value = f"{summary.complete:,} of {summary.messages:,}"
    return Figure("Complete traces", value, note, "good" if whole else "bad")


def _this_trace(trace: Trace) -> Figure:
    services = len({span.service for span in trace})
    count = len(trace)
    spans = "1 span" if count == 1 else f"{count:,} spans"
    return Figure("This trace", spans, f"of {services} service{'s' * (services != 1)}")


def _rows(summary: Summary) -> Figure:
    stored, expected = sum(summary.rows.values()), sum(summary.rows_expected.values())
    audit = summary.audit
    is_good = summary.all_stored and audit.clean == audit.rows
    return Figure(
        "Rows stored",
        f"{stored:,} of {expected:,}",
        f"{audit.clean:,} of audit_store's {audit.rows:,} to the byte as published",
        "plain" if is_good else "bad",
    )
