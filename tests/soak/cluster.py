"""A replicated stream in a cluster of three, whose leader is killed under load."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error
from nats.errors import TimeoutError as NoReplyError
from nats.js.api import ConsumerConfig
from nats.js.client import JetStreamContext
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from opentelemetry_instrumentation_nats_payload import NATSInstrumentor

from .cluster_nodes import NODES, Cluster, running_cluster
from .cluster_run import Run
from .report import Report, Scale

_STREAM, _SUBJECT = "CLUSTER", "cluster.load"
_RATE = 1000
_AT_ONCE = 500
_SETTLE_SECONDS = 60.0
_BARE, _INSTRUMENTED = "bare nats-py", "everything sampled"


class Application:
    """Publishes to the stream and consumes it, over two connections that begin at its leader."""

    def __init__(self, cluster: Cluster, run: Run, provider: TracerProvider) -> None:
        self._cluster = cluster
        self._run = run
        self._tracer = provider.get_tracer(__name__)
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self.publisher: Client
        self.consumer: Client

    async def connect(self, leader: str, stack: AsyncExitStack) -> None:
        """Connect, and start to consume."""
        self.publisher, self.consumer = [
            await connected(self._cluster, leader, stack) for _ in range(2)
        ]
        config = ConsumerConfig(ack_wait=5)
        js = self.consumer.jetstream()
        await js.subscribe(_SUBJECT, durable="soak", cb=self._on_message, config=config)

    async def publish_for(self, seconds: float) -> None:
        """Publish at the rate, and wait for the acknowledgements."""
        tasks: list[asyncio.Task[None]] = []
        start = time.monotonic()
        while (elapsed := time.monotonic() - start) < seconds:
            while len(tasks) < elapsed * _RATE:
                tasks.append(asyncio.create_task(self._publish(self._run.attempts)))
                self._run.attempts += 1
            await asyncio.sleep(0.001)
        await asyncio.gather(*tasks)

    async def _publish(self, number: int) -> None:
        run, js = self._run, self.publisher.jetstream()
        async with self._slots:
            with self._tracer.start_as_current_span("make") as span:
                run.traces[number] = span.get_span_context().trace_id
                url = self.publisher.connected_url
                if url is not None and url.port is not None:
                    run.used[number] = url.port
                try:
                    await js.publish(_SUBJECT, b'{"n":%d}' % number, timeout=5)
                except (Error, NoReplyError) as error:
                    run.failed[type(error).__name__] += 1
                else:
                    run.acknowledged.add(number)

    async def _on_message(self, message: Msg) -> None:
        number = json.loads(message.data)["n"]
        span: Any = trace.get_current_span()
        self._run.deliveries[number] += 1
        self._run.handled.setdefault(number, set()).add(span.get_span_context().trace_id)
        url = self.consumer.connected_url
        if url is not None and span.is_recording():
            self._run.misnamed += span.attributes["server.port"] != url.port


async def connected(cluster: Cluster, first: str, stack: AsyncExitStack) -> Client:
    """A client of the cluster that begins with the server ``first``."""
    client = await nats.connect(
        cluster.beginning_with(first),
        dont_randomize=True,
        reconnect_time_wait=0.1,
        max_reconnect_attempts=-1,
        error_cb=_ignore,
    )
    stack.push_async_callback(client.close)
    return client


async def _ignore(error: Exception) -> None:
    """Servers that are gone are what this is about."""


async def make_stream(js: JetStreamContext) -> str:
    """Make the stream as soon as the cluster can; the name of its leader."""
    while True:
        try:
            await js.add_stream(name=_STREAM, subjects=[_SUBJECT], num_replicas=len(NODES))
            return await leader_of(js)
        except (Error, NoReplyError):
            await asyncio.sleep(0.2)


async def leader_of(js: JetStreamContext) -> str:
    """The name of the server that leads the stream."""
    cluster = (await js.stream_info(_STREAM)).cluster
    if cluster is None or not cluster.leader:
        raise Error("no leader")
    return cluster.leader


async def _kill_leader(cluster: Cluster, js: JetStreamContext, run: Run) -> None:
    old = await leader_of(js)
    cluster.kill(old)
    start = time.monotonic()
    while True:
        try:
            if await leader_of(js) != old:
                break
        except (Error, NoReplyError):
            pass
        await asyncio.sleep(0.05)
    run.seconds_without_leader = time.monotonic() - start


async def _until(condition: Callable[[], bool]) -> None:
    """Wait for it, or give it up."""
    deadline = time.monotonic() + _SETTLE_SECONDS
    while True:
        if condition() or time.monotonic() > deadline:
            return
        await asyncio.sleep(0.05)


async def _run(cluster: Cluster, run: Run, provider: TracerProvider, seconds: float) -> None:
    async with AsyncExitStack() as stack:
        watcher = (await connected(cluster, NODES[0], stack)).jetstream()
        application = Application(cluster, run, provider)
        await application.connect(await make_stream(watcher), stack)
        load = asyncio.create_task(application.publish_for(seconds))
        await _until(lambda: len(run.acknowledged) >= seconds / 4 * _RATE)
        await _kill_leader(cluster, watcher, run)
        await load
        await _until(lambda: run.lost == 0)
        run.reconnects = application.publisher.stats["reconnects"]


def _measure(is_instrumented: bool, seconds: float) -> Run:
    run = Run()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(run.producers)
    if is_instrumented:
        NATSInstrumentor().instrument(tracer_provider=provider)
    try:
        with running_cluster() as cluster:
            asyncio.run(_run(cluster, run, provider, seconds))
    finally:
        if is_instrumented:
            NATSInstrumentor().uninstrument()
    return run


def survive(scale: Scale) -> Report:
    """Bare and instrumented, one after the other, each with a cluster of its own."""
    seconds = scale.pick(40.0, 20.0)
    runs = {_BARE: _measure(False, seconds), _INSTRUMENTED: _measure(True, seconds)}
    report = Report()
    head = ("", "published", "acknowledged", "lost", "delivered twice", "refused or timed out")
    rows = [
        (
            name,
            f"{run.attempts:,}",
            f"{len(run.acknowledged):,}",
            run.lost,
            run.repeated,
            ", ".join(f"{count} {error}" for error, count in run.failed.items()) or "none",
        )
        for name, run in runs.items()
    ]
    title = f"{_RATE:,} messages a second into a stream of three replicas, its leader killed"
    report.table(title, head, *rows)
    for name, run in runs.items():
        report.claim(f"{name}: every acknowledged message was delivered", run.lost == 0)
        report.claim(f"{name}: publishing went on over another server", run.reconnects > 0)
    run = runs[_INSTRUMENTED]
    report.claim(
        "each was processed in the trace of its producer, and in no other", not run.untraced
    )
    report.claim("publish spans name the server that was connected", not run.misnamed_publishes)
    report.claim("process spans name the server that was connected", not run.misnamed)
    report.claim("before and after the kill, that is two servers", len(set(run.used.values())) > 1)
    report.claim("no span is left open", run.producers.open == 0)
    report.figures["seconds without leader"] = {
        name: run.seconds_without_leader for name, run in runs.items()
    }
    return report
