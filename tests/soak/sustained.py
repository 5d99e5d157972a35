"""5,000 messages a second for a minute, everything sampled: loss, CPU and latency beside bare."""

from __future__ import annotations

from typing import Any

from .report import Report, Scale
from .traffic import percentiles
from .trial import Outcome, Place, place, run
from .variants import BARE, BY_HAND, SAMPLED

_RATES = (5_000, 4_000, 3_000, 2_000, 1_000)
_PERCENTILES = ("p50", "p99", "p99.9", "max")


def sustain(scale: Scale) -> Report:
    """The others before and after, a quarter as long; a lower rate where that one is too high."""
    seconds = scale.pick(60.0, 6.0)
    report = Report()
    with place() as here:
        rate = _possible_rate(here, seconds / 10)
        outcomes = {
            f"{BARE}, before": run(here, here.exchange(BARE, rate, seconds / 4)),
            SAMPLED: run(here, here.exchange(SAMPLED, rate, seconds)),
            BY_HAND: run(here, here.exchange(BY_HAND, rate, seconds / 4)),
            f"{BARE}, after": run(here, here.exchange(BARE, rate, seconds / 4)),
        }
    if rate < _RATES[0]:
        report.notes.append(f"This machine did not do {_RATES[0]:,} a second; {rate:,} it did.")
    _report(report, outcomes, rate)
    return report


def _possible_rate(here: Place, seconds: float) -> int:
    """The first that is sustained for a short while."""
    for rate in _RATES:
        if run(here, here.exchange(SAMPLED, rate, seconds)).is_sustained:
            return rate
    return _RATES[-1]


def _report(report: Report, outcomes: dict[str, Outcome], rate: int) -> None:
    head = ["", "messages", "lost", *(f"{name}, ms" for name in _PERCENTILES)]
    latency: list[list[Any]] = [head]
    cpu: list[list[Any]] = [["", "publisher", "consumer", "nats-server", "spans exported"]]
    for name, outcome in outcomes.items():
        times = _percentiles(outcome)
        values = [f"{times[name]:.2f}" for name in _PERCENTILES]
        latency.append([name, f"{outcome.sent:,}", outcome.sent - outcome.received, *values])
        used = _cpu_per_million(outcome)
        cpu.append([name, *(f"{value:.0f}" for value in used), f"{outcome.exported:,}"])
        report.figures[name] = {"rate": rate, "milliseconds": times, "cpu_per_million": used}
    report.table(f"{rate:,} messages a second, from publish to callback", *latency)
    report.table("CPU seconds of each process for a million messages", *cpu)
    sampled = outcomes[SAMPLED]
    seconds = sampled.exchange.seconds
    claim = f"no loss at {rate:,} messages a second for {seconds:.0f} s, everything sampled"
    report.claim(claim, sampled.is_lossless)
    report.claim("neither publisher nor consumer fell behind", sampled.is_sustained)
    report.claim("every span was exported", sampled.exported == 2 * sampled.sent)


def _percentiles(outcome: Outcome) -> dict[str, float]:
    received = outcome.consumer.received
    return percentiles((received.latencies if received else None) or [])


def _cpu_per_million(outcome: Outcome) -> list[float]:
    """Publisher, consumer, server."""
    used = (
        sum(side.cpu_seconds for side in outcome.publishers),
        outcome.consumer.cpu_seconds,
        outcome.server_cpu_seconds,
    )
    return [seconds / max(outcome.sent, 1) * 1e6 for seconds in used]
