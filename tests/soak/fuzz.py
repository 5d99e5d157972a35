"""Coverage-guided runs, then the property tests with far more examples."""

from __future__ import annotations

from typing import Any

from . import fuzzing, properties
from .report import Report, Scale

_SHARE_OF_PROPERTIES = 0.3
_GRACE = 0.9


def fuzz(scale: Scale) -> Report:
    """The whole part."""
    report = Report()
    seconds = scale.seconds * _GRACE
    if fuzzing.is_available():
        each = seconds * (1 - _SHARE_OF_PROPERTIES) / len(fuzzing.TARGETS)
        _run_targets(report, each)
    else:
        report.notes.append("atheris is not installed: no coverage-guided runs.")
        report.claim("atheris ran", False)
    if not scale.is_quick:
        _run_properties(report, seconds * _SHARE_OF_PROPERTIES)
    return report


def _run_targets(report: Report, seconds: float) -> None:
    rows: list[list[Any]] = [["", "seconds", "executions", "edges", "more than by the seeds"]]
    for name, run in fuzzing.TARGETS.items():
        done = run(seconds)
        more = done.edges - done.seeded_edges
        rows.append([name, f"{done.seconds:.0f}", f"{done.executions:,}", done.edges, more])
        report.claim(f"{name}: no input breaks an invariant", done.has_passed)
        report.figures[name] = {
            "executions": done.executions,
            "edges": done.edges,
            "findings": [finding.hex() for finding in done.findings],
            "output": done.output,
        }
    report.table("Coverage-guided, by atheris", *rows)


def _run_properties(report: Report, seconds: float) -> None:
    done = properties.run(seconds)
    row = ["hypothesis", f"{done.seconds:.0f}", done.tests, f"{done.examples:,}", done.failed]
    report.table("Property tests", ["", "seconds", "tests", "examples", "failed"], row)
    report.claim("every example of the property tests passed", done.has_passed)
    report.figures["properties"] = {"examples": done.examples, "output": done.output}
