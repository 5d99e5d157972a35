"""What is left of thousands of turns, bare and sampled, each in a process of its own."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import nats
from nats.aio.client import Client

from .collector import running_collector
from .counts import Holding, grown, resident_bytes
from .lines import Line, working
from .monitored import running_broker
from .report import Report, Scale
from .turns import Turn, asking, instrumenting, reconnecting, subscribing, turn_and_count
from .variants import BARE, SAMPLED, Telemetry, instrumented, make_telemetry

_SUBSCRIBE = "subscribe, unsubscribe"
_ASK = "subscribe, next_msg, unsubscribe"
_RECONNECT = "reconnect"
_INSTRUMENT = "instrument, uninstrument"
# Tens: of ten subscriptions that have ended a task keeps what their last messages had.
_TURNS = {
    _SUBSCRIBE: (10_000, 500),
    _ASK: (10_000, 500),
    _RECONNECT: (1_000, 100),
    _INSTRUMENT: (1_000, 50),
}
_ANSWER_SECONDS = 240.0
# Of hundreds and thousands of turns: one object left by each would be as many.
_FEW = 20


@dataclass(frozen=True)
class _Task:
    """What a process does."""

    kind: str
    variant: str
    turns: int
    """Counted ones; as many go before."""

    subjects: int
    """How many there are to subscribe to, in turn."""

    broker: str
    collector: str


@dataclass(frozen=True)
class _Left:
    """What it says."""

    before: Holding
    after: Holding
    resident: int
    """By how much RSS grew over all turns, the first ones as well."""

    exported: int
    """Spans of all turns."""


def turn(scale: Scale) -> Report:
    """The whole part."""
    report = Report()
    head = ("", "turns", "objects", "blocks", "tasks", "variables", "subscriptions")
    rows: list[list[Any]] = [[*head, "of the server", "spans"]]
    with running_broker() as broker, running_collector() as collector:
        for kind, turns in _TURNS.items():
            count = scale.pick(*turns)
            subjects = scale.pick(2 * count, 100)
            for variant in (BARE, SAMPLED) if kind != _INSTRUMENT else (SAMPLED,):
                known = broker.subscriptions()
                task = _Task(kind, variant, count, subjects, broker.url, collector)
                with working(_work, task) as worker:
                    left: _Left = worker.answer(_ANSWER_SECONDS)
                    on_server = broker.subscriptions() - known
                    worker.tell("end")
                    worker.answer()
                name = f"{kind}: {variant}"
                rows.append(_row(report, name, count, left, on_server))
                if variant == SAMPLED:
                    # The first turns, which are not counted, are as many.
                    report.claim(f"{name}: each turn had its two spans", left.exported == 4 * count)
    report.table("What is left after the turns, more than before them", *rows)
    return report


def _row(report: Report, name: str, turns: int, left: _Left, on_server: int) -> list[Any]:
    before, after = left.before, left.after
    objects = after.objects.total() - before.objects.total()
    blocks = after.blocks - before.blocks
    same = ("tasks", "threads", "variables", "subscriptions")
    changes = {key: getattr(after, key) - getattr(before, key) for key in same}
    report.figures[name] = {
        "turns": turns,
        "objects": objects,
        "blocks": blocks,
        "types": grown(before, after, 2),
        "resident": left.resident,
        **changes,
    }
    is_clean = not any(changes.values()) and on_server == after.subscriptions
    text = (
        f"{name}: fewer than {_FEW} objects are left, and no task, thread, variable, subscription"
    )
    report.claim(text, objects < _FEW and is_clean)
    cells = (changes[key] for key in ("tasks", "variables", "subscriptions"))
    server = on_server - before.subscriptions
    return [name, f"{turns:,}", objects, blocks, *cells, server, f"{left.exported:,}"]


async def _work(task: _Task, line: Line) -> str:
    start = resident_bytes()
    with _prepared(task) as telemetry:
        async with _turning(task, telemetry) as (client, one):
            before, after = await turn_and_count(client, one, task.turns, telemetry.flush)
            await client.flush()
            grown_by = resident_bytes() - start
            line.say(_Left(before, after, grown_by, telemetry.exported))
            await line.hear()
    return "ended"


@contextmanager
def _prepared(task: _Task) -> Generator[Telemetry]:
    """Instrumented, save where the turns are what instruments."""
    if task.kind != _INSTRUMENT:
        with instrumented(task.variant, task.collector) as telemetry:
            yield telemetry
        return
    telemetry = make_telemetry(task.variant, task.collector)
    yield telemetry
    telemetry.shutdown()


@asynccontextmanager
async def _turning(task: _Task, telemetry: Telemetry) -> AsyncGenerator[tuple[Client, Turn], None]:
    if task.kind == _RECONNECT:
        async with reconnecting(task.broker) as both:
            yield both
        return
    client = await nats.connect(task.broker, allow_reconnect=False)
    try:
        if task.kind == _INSTRUMENT:
            yield client, instrumenting(client, telemetry.options())
        elif task.kind == _ASK:
            yield client, asking(client, task.subjects)
        else:
            yield client, subscribing(client, task.subjects)
    finally:
        await client.close()
