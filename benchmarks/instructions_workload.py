"""A service of which callgrind counts the instructions; :mod:`benchmarks.instructions` runs it.

What counts depends neither on time nor on chance, and the network has no part in it: what was
published is sent afterwards.
"""

# pyright: reportUnknownMemberType=false
# nats-py's own annotations leave types open.

from __future__ import annotations

import asyncio
import gc
import os
import random
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from opentelemetry.trace import get_tracer

from .documents import encode, make_document
from .instrumentations import Plugin
from .limit import Limit
from .modes import NO_SDK, SAMPLED, Mode, make_mode

CALLS = 300
"""Of each operation, between two marks."""

# A task keeps the last thousand traces that it has begun: what a publish costs does not change any
# more after that. Python has long specialised its code by then.
_WARM_UP = 1100
_SIZE = 200
_SENT, _TAKEN = "benchmarks.sent", "benchmarks.taken"
_FIELD = (
    b',"_otel_trace_headers":{"traceparent":'
    b'"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}}'
)
_TIMEOUT = 60  # valgrind is slow

Operation = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Service:
    """What publishes and takes messages, in one process."""

    mode: str = SAMPLED
    plugin: Plugin | None = None
    is_limit: bool = False
    """Whether it is traced by hand, as cheaply as possible."""

    has_spans: bool = False
    """Whether a span is made of each message, and its context is in it."""


SERVICES = {
    "sampled": Service(plugin=Plugin(), has_spans=True),
    "no SDK": Service(NO_SDK, Plugin()),
    "excluded": Service(plugin=Plugin({"excluded_subjects": ("benchmarks.>",)})),
    "limit": Service(is_limit=True, has_spans=True),
    "bare": Service(NO_SDK),
}
OPERATIONS = ("publish", "process")
"""In the order in which they are counted."""


def main() -> None:
    """Count what the service does that the first argument names."""
    random.seed(0)
    name, address = sys.argv[1:]
    asyncio.run(_run(SERVICES[name], address))
    os._exit(0)  # the way out of Python is slow under callgrind, and nothing to count


async def _run(service: Service, address: str) -> None:
    mode = make_mode(service.mode)
    if service.plugin is not None:
        service.plugin.instrument(mode)
    client = await nats.connect(address, connect_timeout=_TIMEOUT, allow_reconnect=False)
    document = make_document(_SIZE)
    limit = Limit(document, get_tracer("benchmarks", tracer_provider=mode.provider))
    payload = encode(document)

    def publish() -> Awaitable[None]:
        return client.publish(_SENT, payload)

    def publish_by_hand() -> Awaitable[None]:
        return limit.publish(client, _SENT)

    await _count(publish_by_hand if service.is_limit else publish)
    await client.flush(_TIMEOUT)
    data = payload[:-1] + _FIELD if service.has_spans else payload
    await _count(await _process(client, limit.process if service.is_limit else _callback, data))
    _check(service, mode)


async def _process(
    client: Client, callback: Callable[[Msg], Awaitable[None]], data: bytes
) -> Operation:
    """Takes a fresh message as nats-py does: by what the plugin made of ``callback``."""
    subscription = await client.subscribe(_TAKEN, cb=callback)
    process = subscription._cb
    assert process is not None
    messages = [Msg(client, _TAKEN, data=data) for _ in range(_WARM_UP + CALLS)]

    def take() -> Awaitable[None]:
        return process(messages.pop())

    return take


async def _callback(message: Msg) -> None:
    """Of an application that does nothing."""


async def _count(operation: Operation) -> None:
    """Calls between two marks, after those that do not count."""
    await _repeat(operation, _WARM_UP)
    gc.collect()
    gc.disable()
    _mark()
    await _repeat(operation, CALLS)
    _mark()
    gc.enable()


async def _repeat(operation: Operation, calls: int) -> None:
    for _ in range(calls):
        await operation()


def _mark() -> None:
    """Callgrind writes down what it has counted, and begins anew: :mod:`benchmarks.callgrind`."""
    os.getpriority(os.PRIO_PROCESS, 0)


def _check(service: Service, mode: Mode) -> None:
    """Figures of something else than what was meant are worse than none."""
    expected = len(OPERATIONS) * (_WARM_UP + CALLS) if service.has_spans else 0
    if mode.spans.count != expected:
        raise RuntimeError(f"{mode.spans.count} spans were made, not {expected}")


if __name__ == "__main__":
    main()
