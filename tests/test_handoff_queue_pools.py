"""``follow_handoff=queue``: pools are queues too, and what they lend is nobody's work."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from nats.aio.msg import Msg

from conftest import Connect, Instrumentation
from handoff_services import here, in_task, putting, serve

Queue = asyncio.Queue[Any]


@pytest.fixture
def spans(instrumentation: Instrumentation) -> Instrumentation:
    """The instrumentation, started, that follows items."""
    instrumentation.start(follow_handoff="queue")
    return instrumentation


class Connection:
    """What a pool lends."""


async def _pooled_work(connect: Connect, pool: Queue, *, lazy: bool = False) -> set[Any]:
    """What is current after a worker has taken a connection, and given it back, in rounds."""
    nc, queue = await connect(), Queue()
    service = await putting(nc, "kind.in", queue, *range(10))
    found: set[Any] = set()

    async def work() -> None:
        for _ in range(10):
            number = await queue.get()
            connection = Connection() if lazy and pool.empty() else await pool.get()
            if number > 3:  # by then it is known what it is
                found.add((number, here()))
            await asyncio.sleep(0)
            pool.put_nowait(connection or Connection())

    worker = asyncio.create_task(work())
    for _ in range(10):
        await service.send()
    await worker
    return found


def _filled(pool: Queue, *items: Any) -> Queue:
    for item in items:
        pool.put_nowait(item)
    return pool


def _lifo(*items: Any) -> Queue:
    return _filled(asyncio.LifoQueue(), *items)


def _fifo(*items: Any) -> Queue:
    return _filled(Queue(), *items)


POOLS = [
    pytest.param(_lifo, True, id="lazy"),
    pytest.param(_fifo, True, id="lazy fifo"),
    pytest.param(lambda: _lifo(*(Connection() for _ in range(3))), False, id="filled"),
    pytest.param(lambda: _fifo(*(Connection() for _ in range(3))), False, id="filled fifo"),
    pytest.param(lambda: _lifo(None, None, None), False, id="of None"),
]


@pytest.mark.parametrize(("pool", "lazy"), POOLS)
async def test_a_pool_takes_no_trace_to_who_borrows_from_it(
    connect: Connect, spans: Instrumentation, pool: Any, lazy: bool
) -> None:
    """Work goes on in the context of its own item, whatever it borrows; before it is known that a
    queue is a pool, it may have none.
    """
    found = await _pooled_work(connect, pool(), lazy=lazy)
    assert found == {(n, (n + 1, 2 * n + 2)) for n in range(4, 10)}


async def test_a_pool_that_callbacks_share_has_no_part_in_their_traces(
    connect: Connect, spans: Instrumentation
) -> None:
    """No link, no other parent; nor in that of a timer, which borrows from it later."""
    nc, pool = await connect(), Queue()

    async def handle(_: Msg) -> None:
        connection = Connection() if pool.empty() else await pool.get()
        pool.put_nowait(connection)

    service = await serve(nc, "kind.in", handle)
    for _ in range(4):
        await service.send()
    assert [span.links for span in spans.spans()[1::2]] == [((n, 2 * n - 1),) for n in range(1, 5)]

    async def tick() -> tuple[int, int]:
        await pool.get()
        return here()

    assert await in_task(tick) == (0, 0)
    assert not {"get", "_otel_nats_items"} & vars(pool).keys()


async def test_a_worker_of_two_queues(connect: Connect, spans: Instrumentation) -> None:
    """Those that matter first, without waiting, and then the others: never another's context, and
    its own once it is known that neither is a pool.
    """
    nc, high, low = await connect(), Queue(), Queue()
    first = await putting(nc, "kind.high", high, *range(10))
    second = await putting(nc, "kind.low", low, *range(10))
    found: list[Any] = []

    async def work() -> None:
        while len(found) < 20:
            source = high if len(found) % 2 else low
            item = source.get_nowait() if source.qsize() > 1 else await source.get()
            found.append((item, source is high, here()))

    worker = asyncio.create_task(work())
    for _ in range(10):
        await first.send()
        await second.send()
    await worker
    for number, is_high, current in found:
        own = (2 * number + 1, 4 * number + 2) if is_high else (2 * number + 2, 4 * number + 4)
        assert current == own or (current == (0, 0) and number < 8)
