"""A publisher and a consumer, each in a process of its own, at a steady rate."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import time
import tracemalloc
from collections import Counter
from typing import Any

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error, SlowConsumerError

from .by_hand import TracedClient, traced
from .exchange import Exchange, Side
from .lines import Line
from .sampling import sampled
from .traffic import Pace, Received, make
from .variants import BY_HAND, Telemetry, instrumented, upstream

WARM_UP_MESSAGES = 500
_WARM_UP_RATE = 1_000
_TICK = 0.001
_BURST = 100
"""Messages before the event loop has its turn."""

_IDLE_SECONDS = 1.0


class _Log(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.seen: Counter[str] = Counter()

    def emit(self, record: logging.LogRecord) -> None:
        """Count."""
        self.seen[f"{record.name}: {str(record.msg)[:120]}"] += 1


class _Process:
    """What publisher and consumer have in common."""

    def __init__(self, exchange: Exchange, telemetry: Telemetry) -> None:
        self.exchange = exchange
        self.telemetry = telemetry
        self.errors: Counter[str] = Counter()
        self._log = _Log()
        logging.getLogger().addHandler(self._log)
        self._cpu = self._start = 0.0
        self._exported = 0
        self.behind = 0.0
        self.pending_at_drop: set[int] = set()

    async def connect(self) -> Client:
        async def on_error(error: Exception) -> None:
            self.errors[type(error).__name__] += 1
            if isinstance(error, SlowConsumerError):
                self.pending_at_drop.add(error.sub.pending_msgs)

        return await nats.connect(self.exchange.broker, error_cb=on_error, allow_reconnect=False)

    def publisher(self, client: Client) -> Client | TracedClient:
        """What publishes."""
        if self.exchange.variant == BY_HAND and self.telemetry.spans:
            return TracedClient(client, self.telemetry.spans.get_tracer("soak"))
        return client

    def start(self) -> None:
        """What came before does not count."""
        self.telemetry.flush()
        gc.collect()
        self.behind = 0.0
        self._exported = self.telemetry.exported
        self._cpu, self._start = time.process_time(), time.monotonic()

    def end(self, count: int, **more: Any) -> Side:
        """What was, since the start."""
        ended_at = time.monotonic()
        self.telemetry.flush()
        cpu = time.process_time() - self._cpu  # with all of the export
        exported = self.telemetry.exported - self._exported
        seen = self._log.seen
        seconds = ended_at - self._start
        return Side(count, seconds, cpu, exported, self.errors, seen, ended_at=ended_at, **more)


async def publish(exchange: Exchange, line: Line) -> Side:
    """The work of a publisher."""
    _trace_memory(exchange)
    with instrumented(exchange.variant, exchange.collector) as telemetry:
        process = _Process(exchange, telemetry)
        client = await process.connect()
        with upstream(exchange.variant):
            pace = Pace(_WARM_UP_RATE, WARM_UP_MESSAGES)
            await _paced(process, client, 0, pace, WARM_UP_MESSAGES)
            line.say("warm")
            await line.hear()
            process.start()
            pace = Pace(exchange.rate, exchange.total)
            async with sampled(exchange.sample_seconds, client, telemetry) as samples:
                sent = await _paced(process, client, exchange.publisher, pace, exchange.total)
        side = process.end(sent, samples=samples, behind_seconds=process.behind)
        with contextlib.suppress(Error):
            await client.close()
    return side


async def _paced(process: _Process, client: Client, number: int, pace: Pace, total: int) -> int:
    """How many were published: fewer where the time was up at twice what it should have taken."""
    sent, subject, publisher = 0, process.exchange.subject, process.publisher(client)
    limit = 2 * process.exchange.seconds + 1
    while sent < total and pace.seconds < limit:
        due = min(pace.due(), sent + _BURST)
        process.behind = max(process.behind, pace.behind(sent))
        for sequence in range(sent, due):
            try:
                await publisher.publish(subject, make(number, sequence))
            except Exception as error:
                process.errors[type(error).__name__] += 1
        sent = due
        await asyncio.sleep(0 if pace.due() > sent else _TICK)
    with contextlib.suppress(Error, asyncio.TimeoutError):
        await client.flush()
    return sent


async def consume(exchange: Exchange, line: Line) -> Side:
    """The work of a consumer, until it has as many as there were, or no more come."""
    _trace_memory(exchange)
    with instrumented(exchange.variant, exchange.collector) as telemetry:
        process = _Process(exchange, telemetry)
        client = await process.connect()
        inbox = _Inbox(exchange)
        callback = inbox.receive
        if exchange.variant == BY_HAND and telemetry.spans:
            callback = traced(callback, telemetry.spans.get_tracer("soak"))
        subscription = await client.subscribe(
            exchange.subject, cb=callback, pending_msgs_limit=exchange.pending_messages
        )
        await client.flush()
        await client.flush()
        line.say("ready")
        await inbox.warm_up(await line.hear())
        process.start()
        line.say("warm")
        async with sampled(exchange.sample_seconds, client, telemetry) as samples:
            total = await line.hear()
            await _until_all(process, subscription, inbox.received, total)
        left = (subscription.pending_msgs, subscription.pending_bytes)
        side = process.end(
            inbox.received.count,
            received=inbox.received,
            samples=samples,
            pending_at_drop=process.pending_at_drop,
            left_pending=left,
        )
        with contextlib.suppress(Error):
            await client.close()
    return side


class _Inbox:
    """The callback of a consumer."""

    def __init__(self, exchange: Exchange) -> None:
        self.received = Received()
        self._exchange = exchange

    async def receive(self, message: Msg) -> None:
        """The callback."""
        self.received.take(message.data)
        if self._exchange.callback_seconds:
            await asyncio.sleep(self._exchange.callback_seconds)

    async def warm_up(self, count: int) -> None:
        """Wait for the messages that do not count."""
        while self.received.count < count:  # noqa: ASYNC110
            await asyncio.sleep(_TICK)
        self.received = Received(latencies=[] if self._exchange.keep_latencies else None)


async def _until_all(
    process: _Process, subscription: Subscription, received: Received, total: int
) -> None:
    dropped = process.errors
    seen, since = -1, time.monotonic()
    while received.count + dropped["SlowConsumerError"] < total:
        if received.count != seen or subscription.pending_msgs:
            seen, since = received.count, time.monotonic()
        elif time.monotonic() - since > _IDLE_SECONDS:
            break
        await asyncio.sleep(_TICK)


def _trace_memory(exchange: Exchange) -> None:
    if exchange.sample_seconds:
        tracemalloc.start()
