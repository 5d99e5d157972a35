"""The highest rate without loss, found by search, and what happens past it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from .past import report_past
from .report import Report, Scale
from .trial import Outcome, Place, place, run
from .variants import BARE, ONE_IN_TEN, PROPAGATE_ONLY, SAMPLED, VARIANTS

_START = {BARE: 60_000, SAMPLED: 6_000, ONE_IN_TEN: 12_000, PROPAGATE_ONLY: 20_000}
_STEPS_DOWN = (0.95, 0.9, 0.85, 0.8)
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
    is_cut_short: bool = False
    """Whether the time was up before that: the limit may be higher than what was found."""

    @property
    def is_over(self) -> bool:
        """Whether the two are close enough, or the time is up."""
        is_close = bool(self.low and self.high and self.high < self.low * self.resolution)
        return self.is_cut_short or is_close

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
        limits = {
            variant: _confirmed(here, variant, found.low, scale.pick(12.0, 1.5))
            for variant, found in searches.items()
        }
        _report_limits(report, limits, searches)
        late = _past_limits(here, limits, seconds, _as_fast)
        slow = _past_limits(here, limits, seconds, _as_slow)
    report_past(report, f"{_PAST:g} times the highest rate, nats-py's limits", late)
    title = f"callbacks that wait for a millisecond, at most {_FEW_PENDING:,} messages pending"
    report_past(report, title, slow)
    return report


def _searched(
    here: Place, seconds: float, resolution: float, deadline: float
) -> dict[str, _Search]:
    """All variants, taking turns."""
    searches = {variant: _Search(_START[variant], resolution) for variant in VARIANTS}
    while unfinished := [item for item in searches.items() if not item[1].is_over]:
        for variant, one in unfinished:
            if time.monotonic() > deadline and one.low:
                one.is_cut_short = True
                continue
            one.record(run(here, here.exchange(variant, one.rate, seconds)).is_sustained)
    return searches


def _confirmed(here: Place, variant: str, rate: int, seconds: float) -> Outcome:
    """The rate is held for longer; a lower one where it is not."""
    outcome = run(here, here.exchange(variant, rate, seconds))
    for step in _STEPS_DOWN:
        if outcome.is_sustained:
            break
        rate = int(rate * step)
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


def _report_limits(
    report: Report, limits: dict[str, Outcome], searches: dict[str, _Search]
) -> None:
    rows: list[list[Any]] = [
        ["", "messages a second", "sent", "too high", "of bare", "lost", "out of order", "spans"]
    ]
    bare = limits[BARE].exchange.rate
    for variant, outcome in limits.items():
        rate, high = outcome.exchange.rate, searches[variant].high
        sent = (f"{rate:,}", f"{outcome.rate:,.0f}", f"{high:,}" if high else "not found")
        lost = (outcome.sent - outcome.received, outcome.disordered, f"{outcome.exported:,}")
        rows.append([variant, *sent, f"{rate / bare:.2f}", *lost])
        report.figures[variant] = {"rate": rate, "too_high": high, "exported": outcome.exported}
    report.table("The highest rate that is sustained", *rows)
    for variant, outcome in limits.items():
        text = f"{variant}: no loss at its limit of {outcome.exchange.rate:,} messages a second"
        report.claim(text, outcome.is_sustained)
    carried = {name: limits[name].carried == limits[name].received for name in limits}
    text = "every message of an instrumented publisher came with a context, and no bare one"
    report.claim(text, carried == {name: name != BARE for name in limits})
    sampled = limits[SAMPLED]
    text = f"{SAMPLED}: each message has its two spans, exported"
    report.claim(text, sampled.exported == 2 * sampled.sent)
