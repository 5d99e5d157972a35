"""The highest rate without loss, found by search, and what happens past it."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from .report import Report, Scale
from .trial import Outcome, Place, place, run
from .variants import BARE, VARIANTS

_START = {BARE: 16_000}
_START_OTHERS = 6_000
_CONFIRMATIONS = 6
_STEP_DOWN = 0.95
_PAST = 1.5
_FEW_PENDING = 1_000
_SLOW_RATE = 4_000
_WAIT = 0.001


@dataclass
class _Search:
    """Bisection between a rate that was sustained and one that was not."""

    rate: int
    resolution: float
    low: int = 0
    high: int | None = None
    failures: int = 0

    @property
    def is_over(self) -> bool:
        """Whether the two are close enough."""
        return bool(self.low and self.high and self.high < self.low * self.resolution)

    def record(self, is_sustained: bool) -> None:
        """What came of ``rate``, which is tried a second time before it counts as too high."""
        if not is_sustained and not self.failures:
            self.failures = 1
            return
        self.failures = 0
        if is_sustained:
            self.low = self.rate
        else:
            self.high = self.rate
        self.rate = self._next()

    def _next(self) -> int:
        if not self.high:
            return int(self.low * 1.5)
        return int(math.sqrt(self.low * self.high)) if self.low else self.high // 2


def search(scale: Scale) -> Report:
    """The whole part."""
    report = Report()
    deadline = time.monotonic() + scale.seconds * 0.6
    seconds = scale.pick(4.0, 1.0)
    with place() as here:
        searches = _searched(here, seconds, scale.pick(1.06, 1.5), deadline)
        rates = {variant: found.low for variant, found in searches.items()}
        limits = {
            variant: _confirmed(here, variant, rate, scale.pick(12.0, 1.5))
            for variant, rate in rates.items()
        }
        _report_limits(report, limits)
        late = _past_limits(here, limits, seconds, _as_fast)
        slow = _past_limits(here, limits, seconds, _as_slow)
    _report_past(report, f"{_PAST:g} times the highest rate, nats-py's limits", late)
    title = f"callbacks that wait for a millisecond, at most {_FEW_PENDING:,} messages pending"
    _report_past(report, title, slow)
    return report


def _searched(
    here: Place, seconds: float, resolution: float, deadline: float
) -> dict[str, _Search]:
    """All variants, taking turns."""
    searches = {
        variant: _Search(_START.get(variant, _START_OTHERS), resolution) for variant in VARIANTS
    }
    while unfinished := [item for item in searches.items() if not item[1].is_over]:
        for variant, one in unfinished:
            if time.monotonic() > deadline and one.low:
                one.high = one.low
                continue
            one.record(run(here, here.exchange(variant, one.rate, seconds)).is_sustained)
    return searches


def _confirmed(here: Place, variant: str, rate: int, seconds: float) -> Outcome:
    """The rate is held for longer; a lower one where it is not."""
    outcome = run(here, here.exchange(variant, rate, seconds))
    for _ in range(_CONFIRMATIONS):
        if outcome.is_sustained:
            break
        rate = int(rate * _STEP_DOWN)
        outcome = run(here, here.exchange(variant, rate, seconds))
    return outcome


def _as_fast(here: Place, outcome: Outcome, seconds: float) -> Outcome:
    rate = int(outcome.exchange.rate * _PAST)
    return run(here, here.exchange(outcome.exchange.variant, rate, seconds))


def _as_slow(here: Place, outcome: Outcome, seconds: float) -> Outcome:
    """The same rate for all, and a callback that cannot follow."""
    exchange = here.exchange(outcome.exchange.variant, _SLOW_RATE, seconds)
    return run(here, replace(exchange, callback_seconds=_WAIT, pending_messages=_FEW_PENDING))


def _past_limits(
    here: Place,
    limits: dict[str, Outcome],
    seconds: float,
    one: Callable[[Place, Outcome, float], Outcome],
) -> dict[str, Outcome]:
    return {variant: one(here, outcome, seconds) for variant, outcome in limits.items()}


def _report_limits(report: Report, limits: dict[str, Outcome]) -> None:
    rows: list[list[Any]] = [
        ["", "messages a second", "of bare", "lost", "out of order", "spans exported"]
    ]
    bare = limits[BARE].exchange.rate
    for variant, outcome in limits.items():
        rate = outcome.exchange.rate
        share = f"{rate / bare:.2f}"
        lost, spans = outcome.sent - outcome.received, f"{outcome.exported:,}"
        rows.append([variant, f"{rate:,}", share, lost, outcome.disordered, spans])
        report.figures[variant] = {"rate": rate, "exported": outcome.exported}
    report.table("The highest rate that is sustained", *rows)
    for variant, outcome in limits.items():
        text = f"{variant}: no loss at its limit of {outcome.exchange.rate:,} messages a second"
        report.claim(text, outcome.is_sustained)


def _report_past(report: Report, title: str, outcomes: dict[str, Outcome]) -> None:
    rows: list[list[Any]] = [
        ["", "asked", "sent", "received", "dropped", "unaccounted", "late", "exceptions"]
    ]
    for variant, outcome in outcomes.items():
        asked = outcome.exchange.total * len(outcome.publishers)
        numbers = (asked, outcome.sent, outcome.received, outcome.dropped, outcome.unaccounted)
        late = f"{_late(outcome):.1f} s"
        kinds = ", ".join(sorted(_kinds(outcome))) or "none"
        rows.append([variant, *(f"{number:,}" for number in numbers), late, kinds])
        report.figures[f"{title}: {variant}"] = dict(
            zip(("asked", "sent", "received", "dropped", "unaccounted"), numbers, strict=True)
        )
    report.table(f"Past the limit: {title}", *rows)
    _claim_past(report, title, outcomes)


def _claim_past(report: Report, title: str, outcomes: dict[str, Outcome]) -> None:
    accounted = all(not o.unaccounted and not o.disordered for o in outcomes.values())
    report.claim(f"past the limit, {title}: every message came or was said to be lost", accounted)
    same = {frozenset(_kinds(outcome)) for outcome in outcomes.values()}
    report.claim(f"past the limit, {title}: the same exceptions as bare nats-py", len(same) == 1)


def _late(outcome: Outcome) -> float:
    """How much later than asked the last message was processed."""
    return outcome.sending_seconds - outcome.exchange.seconds + outcome.late_seconds


def _kinds(outcome: Outcome) -> Counter[str]:
    """Exceptions that were raised, or given to ``error_cb``."""
    kinds: Counter[str] = Counter()
    for side in (*outcome.publishers, outcome.consumer):
        kinds.update(side.errors)
    return +kinds
