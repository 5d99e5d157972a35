"""What the spans say: which traces are complete, how they hang together, and how long they took."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence

from .spans import Span, Trace

AUDITING_SERVICE = "audit_store"
# The subject of an event is this and the subject of the message.
AUDIT_PREFIX = "audit."


def by_trace(spans: Iterable[Span]) -> list[Trace]:
    """The spans of each trace; the traces and their spans in the order of their start."""
    traces: defaultdict[str, Trace] = defaultdict(list)
    for span in sorted(spans, key=lambda span: span.start):
        traces[span.trace_id].append(span)
    return list(traces.values())


def faults(trace: Trace, services: Collection[str]) -> list[str]:
    """Why the trace is not complete; nothing when it is."""
    ids = {span.span_id for span in trace}
    roots = sum(not span.parent_id for span in trace)
    orphans = sum(bool(span.parent_id) and span.parent_id not in ids for span in trace)
    absent = sorted(set(services) - {span.service for span in trace})
    found: list[str] = []
    if roots != 1:
        found.append(f"{roots} root spans")
    if orphans:
        found.append(f"{orphans} spans whose parent is not in the trace")
    if absent:
        found.append("no span of " + ", ".join(absent))
    if unclear := _without_one_event(trace):
        found.append(f"{unclear} messages of {AUDITING_SERVICE} without one event each")
    return found


def audit_events(trace: Trace) -> int:
    """How many events of the audit store are below the processing of the message they tell of."""
    return sum(_events_below(trace).values())


def _events_below(trace: Trace) -> Counter[str]:
    """By the ids of the process spans."""
    processed = {span.span_id: span for span in trace if _is_audit(span, "CONSUMER")}
    return Counter(
        span.parent_id
        for span in trace
        if _is_audit(span, "PRODUCER")
        and span.parent_id in processed
        and _destination(span) == AUDIT_PREFIX + _destination(processed[span.parent_id])
    )


def _without_one_event(trace: Trace) -> int:
    """How many messages came to the audit store and led to no event, or to several."""
    events = _events_below(trace)
    return sum(_is_audit(span, "CONSUMER") and events[span.span_id] != 1 for span in trace)


def _is_audit(span: Span, kind: str) -> bool:
    return span.service == AUDITING_SERVICE and span.kind == kind


def _destination(span: Span) -> str:
    return str(span.attributes.get("messaging.destination.name"))


def operations(traces: Iterable[Trace]) -> Counter[str]:
    """How many spans there are of each operation, the first word of their names."""
    return Counter(span.name.partition(" ")[0] for trace in traces for span in trace)


def walk(trace: Trace) -> Iterator[tuple[int, Span]]:
    """Each span with its depth, parents before children; orphans come as roots."""
    ids = {span.span_id for span in trace}
    children: defaultdict[str, Trace] = defaultdict(list)
    for span in trace:
        children[span.parent_id if span.parent_id in ids else ""].append(span)
    waiting = [(0, span) for span in reversed(children[""])]
    while waiting:
        depth, span = waiting.pop()
        yield depth, span
        waiting += [(depth + 1, child) for child in reversed(children[span.span_id])]


def latency(trace: Trace, last_service: str) -> float | None:
    """Milliseconds from the root's start to the end of the service's last publish span."""
    starts = [span.start for span in trace if not span.parent_id]
    ends = [span.end for span in trace if span.service == last_service and span.kind == "PRODUCER"]
    return (max(ends) - min(starts)) / 1e6 if starts and ends else None


def hops(trace: Trace) -> Iterator[tuple[str, float]]:
    """Each way from one service to another, with the milliseconds it took.

    A hop lasts from the start of the publish span to the end of the process span, so it holds
    the delivery and the receiving service's work; or to the fetch span, which is the delivery.
    """
    spans = {span.span_id: span for span in trace}
    for span in trace:
        parent = spans.get(span.parent_id)
        if parent and parent.kind == "PRODUCER" and parent.service != span.service:
            yield f"{parent.service} → {span.service}", (span.end - parent.start) / 1e6


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of the values do not exceed."""
    return sorted(values)[max(math.ceil(share * len(values)) - 1, 0)]


def slowest_hop(traces: Iterable[Trace]) -> tuple[str, float] | None:
    """The hop with the highest 95th percentile, and that percentile in milliseconds."""
    times: defaultdict[str, list[float]] = defaultdict(list)
    for trace in traces:
        for hop, milliseconds in hops(trace):
            times[hop].append(milliseconds)
    ranked = {hop: percentile(values, 0.95) for hop, values in times.items()}
    return max(ranked.items(), key=lambda item: item[1], default=None)
