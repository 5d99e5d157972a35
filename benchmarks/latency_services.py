"""The two services whose messages are timed, each in a process of its own."""

# pyright: reportUnknownMemberType=false
# nats-py's own annotations leave types open.

from __future__ import annotations

import asyncio
import time
from array import array
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection
from typing import NamedTuple

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg

from .instrumentations import OTHER, Instrumentation, Other, Plugin, instrumented
from .modes import SAMPLED, make_mode
from .variants import PLUGIN

_SUBJECT = "benchmarks.latency"
_START = b'{"sent":'
_DIGITS = 20
_SIZE = 200
_INSTRUMENTATIONS: dict[str, Instrumentation] = {PLUGIN: Plugin(), OTHER: Other()}
_NANOSECONDS = 1_000_000_000


class Order(NamedTuple):
    """How many messages, and how many a second; 0 for as many as there can be."""

    rate: int
    messages: int


class Report(NamedTuple):
    """One turn."""

    latencies: array[int]
    """Nanoseconds."""

    seconds: float
    """From the first message to the last."""

    publisher_cpu: float
    """Seconds."""

    consumer_cpu: float


Work = Callable[[Client, Connection, Order], Awaitable[None]]


def publish(address: str, variant: str, orders: Connection) -> None:
    """Be the publisher until there is no order any more."""
    asyncio.run(_serve(address, variant, orders, _publish))


def consume(address: str, variant: str, orders: Connection) -> None:
    """Be the consumer until there is no order any more."""
    asyncio.run(_serve(address, variant, orders, _consume))


async def _serve(address: str, variant: str, orders: Connection, work: Work) -> None:
    instrumentation, mode = _INSTRUMENTATIONS.get(variant), make_mode(SAMPLED)
    with instrumented(instrumentation, mode):
        client = await nats.connect(address, allow_reconnect=False)
        try:
            while True:
                order: Order | None = await asyncio.to_thread(orders.recv)
                if order is None:
                    return
                spans = mode.spans.count
                await work(client, orders, order)
                spans = mode.spans.count - spans
                if spans != (order.messages if instrumentation else 0):
                    raise RuntimeError(f"{variant} made {spans} spans")
        finally:
            await client.close()


async def _publish(client: Client, orders: Connection, order: Order) -> None:
    """Send each message when it is due, or at once if that is past."""
    used = time.process_time()
    start = time.perf_counter_ns()
    for number in range(order.messages):
        if order.rate:
            due = start + number * _NANOSECONDS // order.rate
            delay = due - time.perf_counter_ns()
            if delay > 0:
                await asyncio.sleep(delay / _NANOSECONDS)
        await client.publish(_SUBJECT, _payload())
    await client.flush()
    orders.send(time.process_time() - used)


def _payload() -> bytes:
    """Its time is that of a clock that all processes of the machine share."""
    start = b"%b%*d," % (_START, _DIGITS, time.perf_counter_ns())
    return start + b'"note":"' + b"n" * (_SIZE - len(start) - 10) + b'"}'


async def _consume(client: Client, orders: Connection, order: Order) -> None:
    latencies = array("q")
    complete = asyncio.Event()
    first = 0

    async def receive(message: Msg) -> None:
        nonlocal first
        now = time.perf_counter_ns()
        sent = int(message.data[len(_START) : len(_START) + _DIGITS])
        first = first or sent
        latencies.append(now - sent)
        if len(latencies) == order.messages:
            complete.set()

    subscription = await client.subscribe(_SUBJECT, cb=receive)
    await client.flush()
    await client.flush()  # the first PING may overtake the SUB
    used = time.process_time()
    orders.send("ready")
    await complete.wait()
    seconds = (time.perf_counter_ns() - first) / _NANOSECONDS
    orders.send(Report(latencies, seconds, 0.0, time.process_time() - used))
    await subscription.unsubscribe()
