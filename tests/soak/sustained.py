"""5,000 messages a second for a minute, everything sampled: loss, CPU and latency beside bare."""

from __future__ import annotations

from typing import Any

from .report import Report, Scale
from .traffic import percentiles
from .trial import LATE_SECONDS, Outcome, Place, place, run
from .variants import BARE, BY_HAND, SAMPLED

_RATE = 5_000
_LOWER = (4_000, 3_000, 2_000, 1_000)
_PERCENTILES = ("p50", "p99", "p99.9", "max")


def sustain(scale: Scale) -> Report:
    """The others before and after, a quarter as long."""
    seconds = scale.pick(60.0, 6.0)
    report = Report()
    with place() as here:
        outcomes = {
            f"{BARE}, before": run(here, here.exchange(BARE, _RATE, seconds / 4)),
            SAMPLED: run(here, here.exchange(SAMPLED, _RATE, seconds)),
            BY_HAND: run(here, here.exchange(BY_HAND, _RATE, seconds / 4)),
            f"{BARE}, after": run(here, here.exchange(BARE, _RATE, seconds / 4)),
        }
        if not outcomes[SAMPLED].is_sustained:
            lower = _lower(here, seconds / 4)
            outcomes[f"{SAMPLED}, {lower.exchange.rate:,} asked"] = lower
    _tabulate(report, outcomes)
    _claim(report, outcomes[SAMPLED])
    return report


def _lower(here: Place, seconds: float) -> Outcome:
    """What this machine does instead: the first rate that is sustained, or the last one."""
    outcomes = (run(here, here.exchange(SAMPLED, rate, seconds)) for rate in _LOWER)
    outcome = next(outcomes)
    while not outcome.is_sustained and outcome.exchange.rate != _LOWER[-1]:
        outcome = next(outcomes)
    return outcome


def _claim(report: Report, sampled: Outcome) -> None:
    name = f"{SAMPLED}, {_RATE:,} messages a second for {sampled.exchange.seconds:.0f} s"
    report.claim(f"{name}: all {sampled.asked:,} were sent, in that time", sampled.is_published)
    report.claim(
        f"{name}: each was processed once and in order, and nothing was raised",
        sampled.is_lossless and sampled.received == sampled.asked,
    )
    report.claim(
        f"{name}: the last one was processed within {LATE_SECONDS:g} s of the last publish",
        sampled.late_seconds < LATE_SECONDS,
    )
    report.claim(f"{name}: each has its two spans, exported", sampled.exported == 2 * sampled.asked)


def _tabulate(report: Report, outcomes: dict[str, Outcome]) -> None:
    sent: list[list[Any]] = [["", "asked", "sent", "in s", "a second", "lost", "out of order"]]
    delay: list[list[Any]] = [["", *(f"{key}, ms" for key in _PERCENTILES), "publisher, ms"]]
    cpu: list[list[Any]] = [["", "publisher", "consumer", "nats-server", "spans exported"]]
    for name, outcome in outcomes.items():
        row = [f"{outcome.asked:,}", f"{outcome.sent:,}", f"{outcome.sending_seconds:.2f}"]
        lost = [outcome.sent - outcome.received, outcome.disordered]
        sent.append([name, *row, f"{outcome.rate:,.0f}", *lost])
        times = _percentiles(outcome)
        behind = f"{outcome.behind_seconds * 1000:.2f}"
        delay.append([name, *(f"{times[key]:.2f}" for key in _PERCENTILES), behind])
        used = _cpu_per_million(outcome)
        cpu.append([name, *(f"{value:.0f}" for value in used), f"{outcome.exported:,}"])
        report.figures[name] = {
            "rate": outcome.rate,
            "milliseconds": times,
            "behind": outcome.behind_seconds,
            "cpu_per_million": used,
        }
    report.table(f"{_RATE:,} messages a second", *sent)
    title = "From publish to callback; and how far behind its schedule the publisher was at most"
    report.table(title, *delay)
    report.table("CPU seconds of each process for a million messages", *cpu)


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
