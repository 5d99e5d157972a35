"""Tasks of taskiq that go through NATS."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest
from taskiq.receiver import Receiver
from taskiq_nats import NatsBroker, PullBasedJetStreamBroker, PushBasedJetStreamBroker
from taskiq_nats.result_backend import NATSObjectStoreResultBackend

from conftest import Connect, Instrumentation, StartServer, settle

from .conftest import Environment, Launch, Run
from .families import families, recorded_families
from .programs import SpanReceiver

_BROKERS = pytest.mark.parametrize(
    ("make_broker", "operation"),
    [
        (NatsBroker, "receive"),
        (PushBasedJetStreamBroker, "receive"),
        (PullBasedJetStreamBroker, "fetch"),
    ],
)


async def _executed(broker: Any, task: Any) -> Any:
    """What ``task`` returns, executed by a worker in this loop."""
    broker.is_worker_process = True
    finish = asyncio.Event()
    await broker.startup()
    receiver = Receiver(broker, max_async_tasks=4, run_startup=False)
    listening = asyncio.create_task(receiver.listen(finish))
    while not broker.client._subs:
        await broker.client.flush()
    await settle(broker.client)
    result = await (await task.kiq("NATS")).wait_result(timeout=10)
    finish.set()
    await listening
    await broker.shutdown()
    return result.return_value


@_BROKERS
async def test_a_task_is_executed_and_its_message_traced(
    connect: Connect,
    start_server: StartServer,
    spans: Instrumentation,
    make_broker: Any,
    operation: str,
) -> None:
    """The worker's span joins the trace of who asked; the store of results has no spans.

    taskiq reads each message in a task of its own, and hands bytes on: what the task publishes
    begins a trace.
    """
    url = start_server()
    other = await connect(url)
    broker = make_broker(url, queue="workers")
    broker.with_result_backend(NATSObjectStoreResultBackend(url))

    @broker.task
    async def hello(name: str) -> str:
        await other.publish("from.task", b"{}")
        return f"Hello, {name}!"

    assert await _executed(broker, hello) == "Hello, NATS!"
    assert recorded_families(spans.finished_spans()) == [
        ["*publish taskiq_tasks", f"*{operation} taskiq_tasks < *publish taskiq_tasks"],
        ["*publish from.task"],
    ]


def test_its_own_worker_command(
    launch: Launch,
    run: Run,
    receiver: SpanReceiver,
    environment: Environment,
    start_server: StartServer,
) -> None:
    """``opentelemetry-instrument taskiq worker``: its processes are instrumented."""
    environment["NATS_URL"] = start_server()
    # taskiq's own instrumentation gives nats-py a header that is no text, which it refuses.
    environment["OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"] = "nats,taskiq"
    worker = launch("worker", "taskiq", "worker", "tasks:broker", "--workers", "1")
    done = run(sys.executable, "tasks.py")
    assert (done.returncode, done.stdout, done.stderr) == (0, "Hello, NATS!\n", "")
    receiver.wait(lambda spans: len(spans) >= 2)
    worker.stop()
    spans = receiver.spans()
    assert families(spans) == [
        ["publish taskiq_tasks", "fetch taskiq_tasks < publish taskiq_tasks"]
    ]
    assert {span.service for span in spans} == {"program", "worker"}
    assert "rror" not in worker.text()
