"""What is done again and again leaves nothing behind: objects by type, tasks, subscriptions.

``python -m tests.soak`` does the same thousands of times, and for minutes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from math import inf
from typing import Any, NamedTuple

import pytest
import pytest_asyncio
from nats.aio.client import Client
from nats.aio.msg import Msg
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider

from conftest import Connect, Instrumentation
from opentelemetry_instrumentation_nats_payload import NATSInstrumentor, _subject_cache
from soak.counts import Holding, grown
from soak.turns import Box, Turn, instrumenting, reconnecting, subscribing, turn_and_count

_TURNS = 200
_FEW = 5
"""Objects of a type, that Python, asyncio or pytest may have made meanwhile."""

_STREAM_SUBJECT = "growth.stream"
_PAYLOAD = b'{"price":50000}'


@pytest.fixture
def options() -> dict[str, Any]:
    """Of ``instrument()``: an SDK that records spans, and metrics, and keeps no span."""
    return {
        "tracer_provider": TracerProvider(shutdown_on_exit=False),
        "meter_provider": MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False),
        "follow_handoff": "all",
    }


@pytest_asyncio.fixture
async def client(
    connect: Connect, instrumentation: Instrumentation, options: dict[str, Any]
) -> AsyncIterator[Client]:
    """Connected, and instrumented."""

    async def on_error(_: Exception) -> None:
        """Of a callback; it is not logged, for pytest keeps what is."""

    instrumentation.start(**options)
    yield await connect(error_cb=on_error)


async def _fill(client: Client) -> None:
    """Publish until what is bounded is full: a task remembers so many traces that it began."""
    for _ in range(1000):
        await client.publish("growth.nobody", _PAYLOAD)


class Left(NamedTuple):
    """What there is more of after the turns."""

    objects: dict[str, int]
    tasks: int
    threads: int
    variables: int
    subscriptions: int


async def _left(client: Client, turn: Turn, blocks: float) -> Left:
    """Of memory there are fewer ``blocks`` more: one for each turn would be too many."""
    await _fill(client)
    before, after = await turn_and_count(client, turn, _TURNS, lambda: None)
    assert after.blocks - before.blocks < blocks
    return _more(before, after)


def _more(before: Holding, after: Holding) -> Left:
    names = Left._fields[1:]
    rest = {name: getattr(after, name) - getattr(before, name) for name in names}
    return Left(grown(before, after, _FEW), **rest)


_NOTHING = Left({}, 0, 0, 0, 0)


async def test_subscribing_leaves_nothing(client: Client) -> None:
    """Neither do messages that were processed."""
    assert await _left(client, subscribing(client, subjects=20), _TURNS * 0.75) == _NOTHING


def _to_another_subject(client: Client, messages: int) -> Turn:
    box = Box()

    async def turn(number: int) -> None:
        subject = f"growth.turns.{number}"
        subscription = await client.subscribe(subject, cb=box.receive)
        for _ in range(messages):
            await box.exchange(client, subject)
        await subscription.unsubscribe()

    return turn


@pytest.mark.parametrize("messages", [1, 2])
async def test_subscribing_to_another_subject_each_time_leaves_nothing(
    client: Client, monkeypatch: pytest.MonkeyPatch, messages: int
) -> None:
    """What is known of subjects is bounded, and as much at any time."""
    # Were they forgotten all at once, there would be eight more or fewer: 200 = 12 * 16 + 8.
    monkeypatch.setattr(_subject_cache, "_MAX_SUBJECTS", 16)
    monkeypatch.setattr(_subject_cache, "_MAX_UNIQUE", 8)
    await _fill(client)
    turn = _to_another_subject(client, messages)
    before, after = await turn_and_count(client, turn, _TURNS, lambda: None)
    more, fewer = _more(before, after), _more(after, before)
    assert more._replace(objects={}) == _NOTHING
    # Counts of each subject are kept, up to 500 of them.
    changed = [*more.objects, *fewer.objects]
    assert not [name for name in changed if "nats" in name and "Series" not in name]


async def test_reconnecting_leaves_nothing(
    server: str, instrumentation: Instrumentation, options: dict[str, Any]
) -> None:
    """The connection is cut by the network each time."""
    instrumentation.start(**options)
    async with reconnecting(server) as (client, turn):
        # Up to a hundred timers that were called off wait to be cleared away.
        assert await _left(client, turn, inf) == _NOTHING


@pytest.mark.usefixtures("instrumentation")
async def test_instrumenting_leaves_nothing(connect: Connect, options: dict[str, Any]) -> None:
    """With the same providers each time."""
    client = await connect()
    NATSInstrumentor().instrument(**options)
    await _fill(client)
    NATSInstrumentor().uninstrument()
    # msgspec 0.18 does not give back all of a class that it has made.
    assert await _left(client, instrumenting(client, options), inf) == _NOTHING


async def _requests(client: Client) -> Turn:
    async def answer(message: Msg) -> None:
        await message.respond(message.data)

    await client.subscribe("growth.requests", cb=answer)

    async def turn(_: int) -> None:
        await client.request("growth.requests", _PAYLOAD, timeout=10)

    return turn


async def _next_messages(client: Client) -> Turn:
    subscription = await client.subscribe("growth.next")

    async def turn(_: int) -> None:
        await client.publish("growth.next", _PAYLOAD)
        await subscription.next_msg(10)

    return turn


async def _fetches(client: Client) -> Turn:
    context = client.jetstream()
    await context.add_stream(name="growth", subjects=[_STREAM_SUBJECT], storage="memory")
    subscription = await context.pull_subscribe(_STREAM_SUBJECT, "growth")

    async def turn(_: int) -> None:
        await context.publish(_STREAM_SUBJECT, _PAYLOAD)
        for message in await subscription.fetch(1, 10):
            await message.ack()

    return turn


async def _queue(client: Client) -> Turn:
    queue: asyncio.Queue[Msg] = asyncio.Queue()
    await client.subscribe("growth.queue", cb=queue.put)

    async def turn(_: int) -> None:
        await client.publish("growth.queue", _PAYLOAD)
        message = await queue.get()
        assert message.data
        queue.task_done()

    return turn


async def _failing(client: Client) -> Turn:
    box = Box()

    async def fail(message: Msg) -> None:
        await box.receive(message)
        raise ValueError

    await client.subscribe("growth.failing", cb=fail)

    async def turn(_: int) -> None:
        await box.exchange(client, "growth.failing")

    return turn


@pytest.mark.parametrize("start", [_requests, _next_messages, _fetches, _queue, _failing])
async def test_messages_leave_nothing(
    client: Client, start: Callable[[Client], Awaitable[Turn]]
) -> None:
    """Whatever way they go."""
    # Lines of source that stand in a traceback are kept by Python for the next one.
    blocks = _TURNS * (2 if start is _failing else 0.75)
    assert await _left(client, await start(client), blocks) == _NOTHING
