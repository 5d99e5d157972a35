"""Services under opentelemetry-instrument, one of them replaced while messages go through them."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import pytest_asyncio
from nats.aio.msg import Msg

from conftest import Connect, Instrumentation, settle
from examples.trading_pipeline.receiver import Receiver, running_receiver
from migration_services import BY_HAND

_RELAY = Path(__file__).with_name("migration_relay.py")
_INSTRUMENT = Path(sys.executable).with_name("opentelemetry-instrument")
_SUBJECTS = ("live.new", "live.checked", "live.placed", "live.done")
_BURST = 20
_LINEAGE = (
    "send live.new",
    "process live.new",
    "publish live.checked",
    "process live.checked",
    "publish live.placed",
    "process live.placed",
    "publish live.done",
    "handle",
)
Start = Callable[[int, str], Awaitable[Process]]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """An OTLP receiver."""
    with running_receiver() as receiver:
        yield receiver


@pytest_asyncio.fixture
async def start(server: str, receiver: Receiver) -> AsyncIterator[Start]:
    """Starts the relay of a place in the row, and waits until it is subscribed."""
    processes: list[Process] = []

    async def start(place: int, carrier: str) -> Process:
        settings = {
            "OTEL_TRACES_EXPORTER": "otlp",
            "OTEL_METRICS_EXPORTER": "none",
            "OTEL_LOGS_EXPORTER": "none",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint,
            "OTEL_PYTHON_NATS_CARRIER": carrier,
            "NATS_URL": server,
        }
        command = [str(_INSTRUMENT), sys.executable, str(_RELAY), *_SUBJECTS[place : place + 2]]
        process = await asyncio.create_subprocess_exec(
            *command, env={**os.environ, **settings}, stdout=PIPE
        )
        processes.append(process)
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
        return process

    yield start
    for process in processes:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _stop(*processes: Process) -> None:
    """Each ends when it is through with the messages that it has."""
    for process in processes:
        process.terminate()
    assert [await process.wait() for process in processes] == [0] * len(processes)


def _lineages(instrumentation: Instrumentation, receiver: Receiver) -> list[tuple[str, ...]]:
    """What each span of the last reader descends from, over all processes."""
    spans = {span.span_id: (span.name, span.parent_id) for span in receiver.spans()}
    for own in instrumentation.spans():
        spans[f"{own.span:016x}"] = (own.name, f"{own.parent or 0:016x}")

    def lineage(span_id: str) -> tuple[str, ...]:
        if span_id not in spans:
            return ()
        name, parent = spans[span_id]
        return (*lineage(parent), name)

    return [lineage(span_id) for span_id, (name, _) in spans.items() if name == "handle"]


async def test_a_service_is_replaced_by_one_with_another_carrier(
    connect: Connect, instrumentation: Instrumentation, receiver: Receiver, start: Start
) -> None:
    """Between ends that are written by hand, no message is lost, and no trace is cut."""
    client, tracer = await connect(), instrumentation.tracer
    done: asyncio.Queue[int] = asyncio.Queue()

    async def on_done(message: Msg) -> None:
        with BY_HAND.handling(tracer, message.data) as data:
            order = json.loads(data)["order"]
        done.put_nowait(order)

    async def send(burst: int) -> None:
        for order in range(burst * _BURST, (burst + 1) * _BURST):
            data = b'{"order": %d}' % order
            await BY_HAND.publish(tracer, client.publish, "live.new", data)
        await client.flush()

    await client.subscribe("live.done", cb=on_done)
    await settle(client)
    first, old, last = await asyncio.gather(
        start(0, "payload"), start(1, "payload"), start(2, "both")
    )
    await send(0)
    new = await start(1, "headers")
    await send(1)
    await _stop(old)
    await send(2)
    arrived = [await done.get() for _ in range(3 * _BURST)]
    await _stop(first, new, last)
    assert (sorted(arrived), done.qsize()) == (list(range(3 * _BURST)), 0)
    assert _lineages(instrumentation, receiver) == [_LINEAGE] * len(arrived)
