"""1000 messages a second for five minutes, bare and sampled at the same time: nothing grows."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from .exchange import Side
from .report import Report, Scale
from .sampling import Sample, slope
from .trial import Outcome, Place, Running, place
from .variants import BARE, SAMPLED

_RATE = 1_000
_WARM_UP_SHARE = 0.3
# One object a message, of the smallest size that Python allocates, would be 16.
_TRACED_BYTES = 1.0
_RESIDENT_BYTES = 8.0
# Where memory is looked at, which stops the process for a moment, messages wait.
_LATE_SECONDS = 1.0
_COUNTS = ("tasks", "threads", "variables", "subscriptions")


def stay_flat(scale: Scale) -> Report:
    """The whole part."""
    seconds = scale.pick(300.0, 15.0)
    report = Report()
    with place() as here:
        before = here.broker.subscriptions()
        outcomes = _both(here, seconds, scale.pick(5.0, 1.0))
        after = here.broker.subscriptions()
    sides = {
        f"{variant}, {name}": side
        for variant, outcome in outcomes.items()
        for name, side in (("publisher", outcome.publishers[0]), ("consumer", outcome.consumer))
    }
    _report_messages(report, outcomes)
    _report(report, sides, is_judged=not scale.is_quick)
    report.claim("the server has as many subscriptions at the end as at the start", before == after)
    return report


def _both(here: Place, seconds: float, every: float) -> dict[str, Outcome]:
    with ExitStack() as stack:
        running = {
            variant: Running(
                here,
                replace(
                    here.exchange(variant, _RATE, seconds),
                    subject=f"soak.flat.{number}",
                    sample_seconds=every,
                    keep_latencies=False,
                ),
                stack,
                1,
            )
            for number, variant in enumerate((BARE, SAMPLED))
        }
        return {variant: one.outcome() for variant, one in running.items()}


def _report_messages(report: Report, outcomes: dict[str, Outcome]) -> None:
    rows: list[list[Any]] = [["", "asked", "sent", "in s", "a second", "lost", "out of order"]]
    for variant, outcome in outcomes.items():
        numbers = (f"{outcome.asked:,}", f"{outcome.sent:,}", f"{outcome.sending_seconds:.2f}")
        lost = outcome.sent - outcome.received
        rows.append([variant, *numbers, f"{outcome.rate:,.0f}", lost, outcome.disordered])
        name = f"{variant}, {_RATE:,} messages a second for {outcome.exchange.seconds:.0f} s"
        report.claim(f"{name}: all {outcome.asked:,} were sent, in that time", outcome.is_published)
        report.claim(
            f"{name}: each was processed once and in order, nothing was raised, and the last one "
            f"was processed within {_LATE_SECONDS:g} s of the last publish",
            outcome.is_lossless and outcome.late_seconds < _LATE_SECONDS,
        )
    report.table(f"{_RATE:,} messages a second, of each at the same time", *rows)
    sampled = outcomes[SAMPLED]
    report.claim(
        f"{SAMPLED}: each message has its two spans, exported",
        sampled.exported == 2 * sampled.asked,
    )


def _report(report: Report, sides: dict[str, Side], *, is_judged: bool) -> None:
    head = ["", "RSS, MiB", "RSS, bytes a message", "traced, bytes a message", "objects a message"]
    rows: list[list[Any]] = [head]
    counts: list[list[Any]] = [["", *_COUNTS]]
    for name, side in sides.items():
        steady = _steady(side.samples)
        slopes = {key: slope(steady, key) / _RATE for key in ("resident", "traced", "objects")}
        resident = steady[-1].resident / 2**20
        values = (f"{slopes[key]:+.2f}" for key in ("resident", "traced"))
        rows.append([name, f"{resident:.1f}", *values, f"{slopes['objects']:+.4f}"])
        counts.append([name, *(_range(steady, key) for key in _COUNTS)])
        report.figures[name] = {"bytes_per_message": slopes, "samples": len(side.samples)}
        if is_judged:
            _judge(report, name, slopes)
        same = all(len({getattr(sample, key) for sample in steady}) == 1 for key in _COUNTS)
        report.claim(f"{name}: as many tasks, threads, variables and subscriptions", same)
    report.table("Growth after the warm-up, by the line of least squares", *rows)
    report.table("What there is at any time", *counts)


def _judge(report: Report, name: str, slopes: dict[str, float]) -> None:
    is_flat = slopes["traced"] < _TRACED_BYTES and slopes["resident"] < _RESIDENT_BYTES
    limits = f"{_TRACED_BYTES:g} byte a message, RSS by less than {_RESIDENT_BYTES:g}"
    report.claim(f"{name}: what tracemalloc knows grows by less than {limits}", is_flat)


def _steady(samples: list[Sample]) -> list[Sample]:
    return samples[int(len(samples) * _WARM_UP_SHARE) :]


def _range(samples: list[Sample], name: str) -> str:
    values: set[int] = {getattr(sample, name) for sample in samples}
    return str(values.pop()) if len(values) == 1 else f"{min(values)} to {max(values)}"
