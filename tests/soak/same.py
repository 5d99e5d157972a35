"""Scenarios in every combination of the settings: nothing differs from nats-py alone."""

from __future__ import annotations

from . import unchanged
from .report import Report, Scale

_SHOWN = 20


def stay_the_same(scale: Scale) -> Report:
    """The whole part; left out of a quick run, for the normal suite has its short form."""
    report = Report()
    if scale.is_quick:
        report.notes.append("Left out of a quick run.")
        return report
    found = unchanged.run()
    head = ["scenarios", "configurations", "runs", "contexts", "spans", "differences"]
    numbers = (found.scenarios, found.configurations, found.runs, found.contexts, found.spans)
    cells = [f"{number:,}" for number in (*numbers, len(found.differences))]
    report.table("Bare and instrumented", head, cells)
    report.figures = found._asdict()
    report.notes += [f"Differs: {text}" for text in found.differences[:_SHOWN]]
    claim = "return values, exceptions, order, counts and the server's monitoring are the same"
    report.claim(claim, found.runs and not found.differences)
    return report
