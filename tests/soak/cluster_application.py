"""What publishes to a replicated stream and consumes it while its leader is killed."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, TypeVar

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error
from nats.errors import TimeoutError as NoReplyError
from nats.js.api import ConsumerConfig
from nats.js.client import JetStreamContext
from opentelemetry import trace
from opentelemetry.trace import Tracer

from .by_hand import TracedClient, traced
from .cluster_nodes import NODES, Cluster
from .cluster_run import Run
from .traffic import Pace

_STREAM, _CONSUMER, _SUBJECT = "CLUSTER", "soak", "cluster.load"
_ACK_SECONDS = 5.0
_ASK_SECONDS = 1.0
_SETTLE_SECONDS = 60.0
_T = TypeVar("_T")


class Application:
    """Publishes to the stream and consumes it, over two connections that begin at its leader.

    Attributes:
        is_by_hand: whether it starts spans and writes the field itself.
    """

    def __init__(self, cluster: Cluster, run: Run, tracer: Tracer, *, is_by_hand: bool) -> None:
        self._cluster = cluster
        self._run = run
        self._tracer = tracer
        self._is_by_hand = is_by_hand
        self._publish_to: Any = None
        self.publisher: Client
        self.consumer: Client

    async def connect(self, leader: str, stack: AsyncExitStack) -> None:
        """Connect, and start to consume."""
        self.publisher, self.consumer = [
            await connected(self._cluster, leader, stack) for _ in range(2)
        ]
        config = ConsumerConfig(ack_wait=_ACK_SECONDS)
        publisher: Any = self.publisher.jetstream()
        callback = self._on_message
        if self._is_by_hand:
            publisher = TracedClient(publisher, self._tracer)
            callback = traced(callback, self._tracer)
        self._publish_to = publisher
        js = self.consumer.jetstream()
        await js.subscribe(_SUBJECT, durable=_CONSUMER, cb=callback, config=config)

    async def publish(self, rate: int) -> None:
        """Publish ``run.total`` messages at the rate, and wait for the acknowledgements."""
        run, tasks, pace = self._run, list[asyncio.Task[None]](), Pace(rate, self._run.total)
        while run.attempts < run.total:
            for _ in range(pace.due() - run.attempts):
                tasks.append(asyncio.create_task(self._publish(run.attempts)))
                run.attempts += 1
            await asyncio.sleep(0.001)
        run.seconds = pace.seconds
        await asyncio.gather(*tasks)

    async def _publish(self, number: int) -> None:
        run = self._run
        with self._tracer.start_as_current_span("make") as span:
            run.traces[number] = span.get_span_context().trace_id
            url = self.publisher.connected_url
            if url is not None and url.port is not None:
                run.used[number] = url.port
            try:
                await self._publish_to.publish(_SUBJECT, b'{"n":%d}' % number, timeout=_ACK_SECONDS)
            except (Error, NoReplyError) as error:
                run.failed[type(error).__name__] += 1
            else:
                run.acknowledged.add(number)

    async def _on_message(self, message: Msg) -> None:
        run, number = self._run, json.loads(message.data)["n"]
        span: Any = trace.get_current_span()
        run.deliveries[number] += 1
        run.redelivered += message.metadata.num_delivered != 1
        run.stored.setdefault(number, set()).add(message.metadata.sequence.stream)
        run.handled.setdefault(number, set()).add(span.get_span_context().trace_id)
        url = self.consumer.connected_url
        if url is not None and span.is_recording():
            run.misnamed += span.attributes.get("server.port") != url.port


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


async def _answered(ask: Callable[[], Awaitable[_T]]) -> _T:
    """What the cluster answers, as soon as it does."""
    deadline = time.monotonic() + _SETTLE_SECONDS
    while True:
        try:
            return await ask()
        except (Error, NoReplyError):
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(0.05)


async def _make_stream(js: JetStreamContext) -> None:
    await js.add_stream(name=_STREAM, subjects=[_SUBJECT], num_replicas=len(NODES))


async def _leader_of(js: JetStreamContext, but: str = "") -> str:
    """The name of the server that leads the stream, if it is not ``but``."""
    cluster = (await js.stream_info(_STREAM)).cluster
    if cluster is None or cluster.leader in (None, "", but):
        raise Error("no leader")
    return str(cluster.leader)


async def _kill_leader(cluster: Cluster, js: JetStreamContext, run: Run) -> None:
    old = await _answered(lambda: _leader_of(js))
    consumer = await _answered(lambda: js.consumer_info(_STREAM, _CONSUMER))
    cluster.kill(old)
    start = time.monotonic()
    run.unacknowledged = consumer.num_ack_pending or 0
    await _answered(lambda: _leader_of(js, but=old))
    run.seconds_without_leader = time.monotonic() - start


async def _until(condition: Callable[[], bool]) -> None:
    """Wait for it, or give it up."""
    deadline = time.monotonic() + _SETTLE_SECONDS
    while not condition() and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.05)


async def run_under_load(
    cluster: Cluster, run: Run, tracer: Tracer, rate: int, *, is_by_hand: bool
) -> None:
    """Publish and consume, and kill the leader after a quarter of the messages."""
    async with AsyncExitStack() as stack:
        watcher = (await connected(cluster, NODES[0], stack)).jetstream(timeout=_ASK_SECONDS)
        application = Application(cluster, run, tracer, is_by_hand=is_by_hand)
        await _answered(lambda: _make_stream(watcher))
        leader = await _answered(lambda: _leader_of(watcher))
        await application.connect(leader, stack)
        load = asyncio.create_task(application.publish(rate))
        await _until(lambda: len(run.acknowledged) >= run.total / 4)
        await _kill_leader(cluster, watcher, run)
        await load
        run.in_stream = (await _answered(lambda: watcher.stream_info(_STREAM))).state.messages
        await _until(lambda: run.is_read_whole)
        # An acknowledgement that was lost shows itself when its time is over.
        await asyncio.sleep(_ACK_SECONDS + 1)
        run.reconnects = application.publisher.stats["reconnects"]
