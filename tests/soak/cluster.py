"""A replicated stream in a cluster of three, whose leader is killed under load."""

from __future__ import annotations

from dataclasses import dataclass

from opentelemetry.sdk.trace import TracerProvider

from .cluster_application import run_under_load
from .cluster_nodes import Cluster, running_cluster
from .cluster_run import Run
from .collector import running_collector
from .lines import Line, working
from .report import Report, Scale
from .variants import BARE, BY_HAND, SAMPLED, instrumented

_RATE = 1000
_RATE_SHARE = 0.99
_GRACE_SECONDS = 240.0


@dataclass(frozen=True)
class _Task:
    """What a process does."""

    variant: str
    seconds: float
    cluster: Cluster
    collector: str


def survive(scale: Scale) -> Report:
    """One after the other, each with a cluster and a process of its own.

    Spans by hand are there to be compared with: nothing is claimed of them.
    """
    seconds = scale.pick(24.0, 10.0)
    report = Report()
    runs = {variant: measure(variant, seconds) for variant in (BARE, SAMPLED, BY_HAND)}
    _tabulate(report, runs)
    for variant in (BARE, SAMPLED):
        _claim_delivery(report, variant, runs[variant])
    _claim_spans(report, runs[SAMPLED])
    report.claim(
        f"{SAMPLED}: no more messages are stored twice than by bare nats-py",
        runs[SAMPLED].stored_twice <= runs[BARE].stored_twice,
    )
    return report


def measure(variant: str, seconds: float) -> Run:
    """One run."""
    with running_collector() as collector, running_cluster() as cluster:
        with working(_work, _Task(variant, seconds, cluster, collector)) as worker:
            return worker.answer(seconds + _GRACE_SECONDS)


async def _work(task: _Task, line: Line) -> Run:
    run = Run(total=int(_RATE * task.seconds))
    with instrumented(task.variant, task.collector) as telemetry:
        provider = telemetry.spans or TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(run.producers)
        tracer, is_by_hand = provider.get_tracer("soak"), task.variant == BY_HAND
        await run_under_load(task.cluster, run, tracer, _RATE, is_by_hand=is_by_hand)
    return run


def _tabulate(report: Report, runs: dict[str, Run]) -> None:
    head = ("", "published", "a second", "acknowledged", "refused or timed out", "without leader")
    rows = [
        (
            name,
            f"{run.attempts:,}",
            f"{run.rate:,.0f}",
            f"{len(run.acknowledged):,}",
            ", ".join(f"{count:,} {error}" for error, count in run.failed.items()) or "none",
            f"{run.seconds_without_leader:.1f} s",
        )
        for name, run in runs.items()
    ]
    title = f"{_RATE:,} messages a second into a stream of three replicas, its leader killed"
    report.table(title, head, *rows)
    head = ("", "stored", "stored twice", "lost", "not acknowledged at the kill")
    head = (*head, "delivered again", "redelivered")
    title = "What became of them, and how many deliveries the server repeated"
    rows = [
        (
            *(name, f"{run.in_stream:,}", run.stored_twice, run.lost),
            *(run.unacknowledged, run.again, run.redelivered),
        )
        for name, run in runs.items()
    ]
    report.table(title, head, *rows)
    report.figures = {name: _figures(run) for name, run in runs.items()}


def _figures(run: Run) -> dict[str, float]:
    return {
        "seconds": run.seconds,
        "seconds_without_leader": run.seconds_without_leader,
        "reconnects": run.reconnects,
    }


def _claim_delivery(report: Report, name: str, run: Run) -> None:
    is_in_time = run.attempts == run.total and run.rate >= _RATE * _RATE_SHARE
    report.claim(f"{name}: all {run.total:,} were published, at that rate", is_in_time)
    report.claim(f"{name}: publishing went on over another server", run.reconnects > 0)
    report.claim(f"{name}: every acknowledged message was delivered", run.lost == 0)
    report.claim(f"{name}: all that is stored was delivered", run.is_read_whole)


def _claim_spans(report: Report, run: Run) -> None:
    report.claim(
        "each was processed in the trace of its producer, and in no other",
        run.acknowledged and not run.untraced,
    )
    report.claim("publish spans name the server that was connected", not run.misnamed_publishes)
    report.claim("process spans name the server that was connected", not run.misnamed)
    report.claim("before and after the kill, that is two servers", len(set(run.used.values())) > 1)
    report.claim("no span is left open", run.producers.open == 0)
