"""Latency between two services at a given rate: ``python -m benchmarks.latency``."""

from __future__ import annotations

import random
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from statistics import median
from typing import Any

from .fragments import Part, run_alone
from .instrumentations import OTHER, has_other
from .latency_services import Order, Report, consume, publish
from .server import running_server
from .tables import Table, number
from .variants import BARE, PLUGIN

RATES = (1000, 5000)
_SECONDS, _TURNS = 2.0, 5
_QUICK_SECONDS, _QUICK_TURNS = 1.0, 1
_UNPACED_COUNT = 20_000
_PATIENCE = 60.0
_STOP_TIMEOUT = 5.0


@dataclass(frozen=True)
class Latency:
    """A variant at one rate."""

    variant: str
    rate: int
    """Messages a second that were asked for; 0 for as many as there could be."""

    messages_per_second: float
    p50: float
    """Microseconds from the call of ``publish`` to the callback."""

    p99: float
    publisher_cpu: float
    """Of one core."""

    consumer_cpu: float


def measure(*, quick: bool = False) -> list[Latency]:
    """The variants take turns; publisher and consumer of each are two processes."""
    seconds, turns = (_QUICK_SECONDS, _QUICK_TURNS) if quick else (_SECONDS, _TURNS)
    names = [BARE, *([OTHER] if has_other() else []), PLUGIN]
    with ExitStack() as stack:
        address = stack.enter_context(running_server())
        pairs = {name: stack.enter_context(_services(address, name)) for name in names}
        reports: dict[tuple[int, str], list[Report]] = {}
        for rate in (*RATES, 0):
            order = Order(rate, int(rate * seconds) or _UNPACED_COUNT)
            for _ in range(turns):
                for name in random.sample(names, len(names)):
                    reports.setdefault((rate, name), []).append(_turn(*pairs[name], order))
        return [_summary(name, rate, reports[rate, name]) for rate in (*RATES, 0) for name in names]


@contextmanager
def _services(address: str, variant: str) -> Generator[tuple[Connection, Connection]]:
    """Ways to a publisher and a consumer that wait for orders."""
    spawn = get_context("spawn")
    pipes = [spawn.Pipe() for _ in range(2)]
    processes = [
        spawn.Process(target=target, args=(address, variant, pipe), daemon=True)
        for target, (_, pipe) in zip((publish, consume), pipes, strict=True)
    ]
    for process, (_, pipe) in zip(processes, pipes, strict=True):
        process.start()
        pipe.close()  # so that we are told when the process is gone
    publisher, consumer = (ours for ours, _ in pipes)
    try:
        yield publisher, consumer
        publisher.send(None)
        consumer.send(None)
    finally:
        for process in processes:
            process.join(_STOP_TIMEOUT)
            process.kill()


def _turn(publisher: Connection, consumer: Connection, order: Order) -> Report:
    """The consumer knows first; it answers once all messages are there."""
    consumer.send(order)
    _answer(consumer)
    publisher.send(order)
    publisher_cpu: float = _answer(publisher)
    report: Report = _answer(consumer)
    return Report(report.latencies, report.seconds, publisher_cpu, report.consumer_cpu)


def _answer(connection: Connection) -> Any:
    if not connection.poll(_PATIENCE):
        raise TimeoutError("a service of the benchmark does not answer")
    return connection.recv()


def _summary(variant: str, rate: int, reports: Sequence[Report]) -> Latency:
    latencies = sorted(value / 1000 for report in reports for value in report.latencies)
    return Latency(
        variant,
        rate,
        median(len(report.latencies) / report.seconds for report in reports),
        latencies[len(latencies) // 2],
        latencies[len(latencies) * 99 // 100],
        median(report.publisher_cpu / report.seconds for report in reports),
        median(report.consumer_cpu / report.seconds for report in reports),
    )


def table(results: Sequence[Latency]) -> Table:
    """A row for each rate and variant."""
    rows = [
        ("", "messages/s", "p50 µs", "p99 µs", "publisher's CPU", "consumer's CPU"),
        *(_row(result) for result in results),
    ]
    return Table("Two services, messages of 200 B, sampled", rows)


def _row(result: Latency) -> tuple[str, ...]:
    is_paced = result.rate > 0
    return (
        f"{result.rate or 'as many as go'}, {result.variant}",
        number(result.messages_per_second),
        number(result.p50) if is_paced else "",
        number(result.p99) if is_paced else "",
        f"{result.publisher_cpu:.0%}",
        f"{result.consumer_cpu:.0%}",
    )


def part(results: Sequence[Latency]) -> Part:
    """For the page and for JSON."""
    values = [vars(result) for result in results]
    return Part("latency", {"performance-latency": [table(results)]}, values)


if __name__ == "__main__":
    run_alone("latency", __doc__, lambda quick: part(measure(quick=quick)))
