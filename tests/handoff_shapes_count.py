"""Counts whole traces and wrong parents in what was exported."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from handoff_shapes import Desk, Shape
from spans import Recorded


class Run(NamedTuple):
    """A shape that has run."""

    shape: Shape
    desk: Desk
    roots: list[int]
    """The trace of each message."""


class Outcome(NamedTuple):
    """What became of the messages of one shape."""

    whole: int
    """How many traces have one root and below it all that the message led to. A batch counts for
    a message also by a link of its span to the trace of the message."""

    wrong: int
    """How many publishes are in the trace of a message that they are not about, or not alone."""

    as_sent: int
    """How many payloads were, as the application saw them, to the byte what was sent."""


def count(runs: Iterable[Run], spans: Sequence[Recorded]) -> dict[str, Outcome]:
    """The outcome of each shape, by its title."""
    counter = _Counter(spans)
    runs = list(runs)
    all_roots = {root for run in runs for root in run.roots}
    return {run.shape.title: counter.outcome(run, all_roots) for run in runs}


class _Counter:
    def __init__(self, spans: Sequence[Recorded]) -> None:
        self._traces: defaultdict[int, list[Recorded]] = defaultdict(list)
        for span in spans:
            self._traces[span.trace].append(span)
        self._publishes = [span for span in spans if span.kind == "PRODUCER"]

    def outcome(self, run: Run, all_roots: set[int]) -> Outcome:
        name = run.desk.name
        published = [span for span in self._publishes if _subject(span).startswith(f"{name}.o")]
        whole = [
            self._is_sound(root) and self._has_all(run, number, published)
            for number, root in enumerate(run.roots)
        ]
        wrong = [
            span.trace in all_roots and [span.trace] != _about(span, run.roots)
            for span in published
        ]
        as_sent = len(run.desk.as_sent) if len(run.desk.read) == len(run.roots) else -1
        return Outcome(sum(whole), sum(wrong), as_sent)

    def _is_sound(self, trace: int) -> bool:
        spans = self._traces[trace]
        ids = {span.span for span in spans}
        parents = [span.parent for span in spans]
        return parents.count(None) == 1 and all(p in ids for p in parents if p is not None)

    def _has_all(self, run: Run, number: int, published: Sequence[Recorded]) -> bool:
        trace = run.roots[number]
        processed = Counter(_subject(s) for s in self._traces[trace] if s.kind == "CONSUMER")
        about = [span for span in published if trace in _about(span, run.roots)]
        return (
            processed[f"{run.desk.name}.in"] >= 1
            and len(about) == run.shape.results
            and all(self._leads_to(trace, span) for span in about)
        )

    def _leads_to(self, trace: int, publish: Recorded) -> bool:
        """Whether a publish, and its processing further down, are in the trace or linked to it."""
        found = self._traces[publish.trace]
        is_processed = any(
            span.kind == "CONSUMER" and span.parent == publish.span for span in found
        )
        linked = {link for span in found for link, _ in span.links}
        return is_processed and (publish.trace == trace or trace in linked)


def _subject(span: Recorded) -> str:
    value: Any = span.attributes.get("messaging.destination.name")
    return "" if value is None else value.value


def _about(publish: Recorded, roots: list[int]) -> list[int]:
    """The traces of the messages that it is about."""
    tokens = _subject(publish).split(".")
    return [] if tokens[1] == "own" else [roots[int(number)] for number in tokens[2].split("-")]
