"""Runs the shapes under one set of settings, on a real server."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
from collections import defaultdict
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from opentelemetry.trace import Tracer

from conftest import Instrumentation, settle
from handoff_shapes import Desk, Service, Shape, payload_of
from handoff_shapes_count import Outcome, Run, count
from opentelemetry_instrumentation_nats_payload import NATSInstrumentor
from spans import recorded

MESSAGES = 20
# A release of it may want another one of opentelemetry-instrumentation than the latest.
HAS_THREADING = importlib.util.find_spec("opentelemetry.instrumentation.threading") is not None
_SECONDS = 20.0


class _Clients(NamedTuple):
    """The connections of the producer, of the service, and of the service further down."""

    producer: Client
    service: Client
    downstream: Client


class _Arrivals:
    """What has come further down, by the first two tokens of the subjects."""

    def __init__(self) -> None:
        self._counts: defaultdict[str, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(0)
        )

    async def callback(self, message: Msg) -> None:
        """The callback."""
        self._counts[".".join(message.subject.split(".")[:2])].release()

    async def wait(self, desk: Desk, kind: str, number: int) -> None:
        """Wait for so many more messages."""
        for _ in range(number):
            await self._counts[f"{desk.name}.{kind}"].acquire()


async def run(
    url: str, instrumentation: Instrumentation, shapes: Sequence[Shape], **settings: Any
) -> dict[str, Outcome]:
    """The outcome of each shape, by its title."""
    before = len(instrumentation.finished_spans())
    runs: list[Run] = []
    instrumentation.start(**settings, metrics=False)
    try:
        for has_threading in (False, True)[: 1 + HAS_THREADING]:
            part = [shape for shape in shapes if shape.has_threading is has_threading]
            runs += await asyncio.wait_for(_run_part(url, instrumentation, part), _SECONDS)
    finally:
        NATSInstrumentor().uninstrument()
    return count(runs, [recorded(span) for span in instrumentation.finished_spans()[before:]])


async def _run_part(url: str, instrumentation: Instrumentation, shapes: list[Shape]) -> list[Run]:
    """All at the same time."""
    threading: Any = None
    if any(shape.has_threading for shape in shapes):
        module = importlib.import_module("opentelemetry.instrumentation.threading")
        threading = module.ThreadingInstrumentor()
    if threading:
        threading.instrument(tracer_provider=instrumentation.provider)
    try:
        async with _connected(url) as clients:
            return await _drive_all(clients, instrumentation.tracer, shapes)
    finally:
        if threading:
            threading.uninstrument()


@asynccontextmanager
async def _connected(url: str) -> AsyncGenerator[_Clients]:
    clients = _Clients(*[await nats.connect(url) for _ in _Clients._fields])
    try:
        yield clients
    finally:
        for client in clients:
            await client.close()


async def _drive_all(clients: _Clients, tracer: Tracer, shapes: list[Shape]) -> list[Run]:
    arrivals = _Arrivals()
    for subject in ("*.out.>", "*.own"):
        await clients.downstream.subscribe(subject, cb=arrivals.callback)
    await settle(clients.downstream)
    kind = "threads" if shapes[0].has_threading else "shape"
    desks = [Desk(f"{kind}{number}", clients.service, tracer) for number in range(len(shapes))]
    return await asyncio.gather(
        *(_drive(clients, shape, desk, arrivals) for shape, desk in zip(shapes, desks, strict=True))
    )


async def _drive(clients: _Clients, shape: Shape, desk: Desk, arrivals: _Arrivals) -> Run:
    """Run one service, until all that its messages lead to has come further down."""
    service: Service = shape.make(desk)
    tasks = [asyncio.create_task(worker) for worker in service.workers()]
    await clients.service.subscribe(f"{desk.name}.in", cb=service.callback)
    await settle(clients.service)
    roots: list[int] = []
    for number in range(MESSAGES):
        roots.append(await _send(clients.producer, desk, number))
        if shape.is_paced:
            await arrivals.wait(desk, "own", shape.owns)
    await arrivals.wait(desk, "out", MESSAGES * shape.results // shape.batch)
    if not shape.is_paced:
        await arrivals.wait(desk, "own", MESSAGES * shape.owns)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return Run(shape, desk, roots)


async def _send(client: Client, desk: Desk, number: int) -> int:
    """Publish a message in a trace of its own, whose id is returned."""
    with desk.tracer.start_as_current_span("root") as root:
        await client.publish(f"{desk.name}.in", payload_of(number))
    return root.get_span_context().trace_id
