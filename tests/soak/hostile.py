"""Messages that are made to cost much, beside plain ones of their size."""

# pyright: reportUnknownMemberType=false
# nats-py's own annotations leave types open.

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.trace import TracerProvider

from benchmarks.hostile_messages import MESSAGES, SIZES, numbered, plain_message
from opentelemetry_instrumentation_nats_payload import NATSInstrumentor

from .active import instrument
from .lines import Line, working
from .monitored import running_broker
from .report import Report, Scale

_MOST = 3.0
"""Times what a plain message costs."""

_MODES = ("refresh", "strip")
_SUBJECT = "soak.hostile"
_BYTES = 4_000_000
"""In a round."""

_FEWEST, _MOST_MESSAGES = 3, 60
_ANSWER_SECONDS = 240.0

Costs = dict[str, list[tuple[float, float]]]
"""By the name of a message, for each size: CPU seconds of it, and of a plain one."""


@dataclass(frozen=True)
class _Task:
    """What a process does."""

    mode: str
    broker: str
    rounds: int
    sizes: tuple[int, ...]


def endure(scale: Scale) -> Report:
    """The whole part."""
    report = Report()
    sizes = scale.pick(SIZES, SIZES[:1])
    with running_broker("max_payload: 2MB") as broker:
        for mode in _MODES:
            task = _Task(mode, broker.url, scale.pick(7, 3), sizes)
            with working(_costs, task) as worker:
                _report(report, mode, sizes, worker.answer(_ANSWER_SECONDS))
    return report


def _report(report: Report, mode: str, sizes: tuple[int, ...], costs: Costs) -> None:
    rows: list[list[Any]] = [["", *(f"about {size:,} bytes" for size in sizes)]]
    for name, pairs in costs.items():
        ratios = [hostile / plain for hostile, plain in pairs]
        rows.append([name, *(f"{ratio:.2f}" for ratio in ratios)])
        claim = f"consumed_field={mode}, {name}: at most {_MOST:g} times a plain message"
        report.claim(claim, max(ratios) <= _MOST)
        report.figures[f"{mode}, {name}"] = [
            {"hostile": hostile, "plain": plain} for hostile, plain in pairs
        ]
    title = f"CPU time with consumed_field={mode}, times that of a plain message of the size"
    report.table(title, *rows)


async def _costs(task: _Task, line: Line) -> Costs:
    provider = TracerProvider(shutdown_on_exit=False)
    instrument(tracer_provider=provider, consumed_field=task.mode)
    client = await nats.connect(task.broker)
    try:
        trip = _Trip(client)
        await client.subscribe(_SUBJECT, cb=trip.receive)
        return {
            name: [await trip.compare(make(size), task.rounds) for size in task.sizes]
            for name, make in MESSAGES.items()
        }
    finally:
        await client.close()
        NATSInstrumentor().uninstrument()


class _Trip:
    """A message on its way from a client without tracing to a callback with it, in one process."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._taken = asyncio.Event()

    async def receive(self, _: Msg) -> None:
        """The callback."""
        self._taken.set()

    async def compare(self, payload: bytes, rounds: int) -> tuple[float, float]:
        """CPU seconds of it and of a plain message, in turns; the least of each counts."""
        plain = plain_message(len(payload))
        pairs = [(await self._seconds(payload), await self._seconds(plain)) for _ in range(rounds)]
        return min(pair[0] for pair in pairs), min(pair[1] for pair in pairs)

    async def _seconds(self, payload: bytes) -> float:
        number = max(min(_BYTES // len(payload), _MOST_MESSAGES), _FEWEST)
        messages = numbered(payload, number)
        start = time.process_time()
        for message in messages:
            self._taken.clear()
            with suppress_instrumentation():
                await self._client.publish(_SUBJECT, message)
            await self._taken.wait()
        return (time.process_time() - start) / number
