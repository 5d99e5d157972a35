"""What ``follow_handoff`` holds, and for how long: by counting references, without a collector."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Iterator
from typing import Any
from weakref import ref

import pytest
from nats.aio.msg import Msg

from conftest import Connect, Instrumentation
from handoff_services import MESSAGE_MODES, QUEUE_MODES, here, in_task, putting, serve

Queue = asyncio.Queue[Any]


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Nothing is freed but by the last reference to it."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


class Order:
    """An item that can be watched."""


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("mode", QUEUE_MODES)
@pytest.mark.parametrize("kind", [asyncio.Queue, asyncio.LifoQueue])
async def test_an_item_is_freed_when_its_worker_lets_it_go(
    connect: Connect, instrumentation: Instrumentation, kind: type[Queue], mode: str
) -> None:
    """While the worker still has its context."""
    instrumentation.start(follow_handoff=mode)
    nc, queue = await connect(), kind()
    order = Order()
    watched = ref(order)
    service = await putting(nc, "memory.in", queue, order)
    del order
    await service.send()

    async def work() -> tuple[Any, Any]:
        item = await queue.get()
        held = watched() is item
        del item
        return held, watched(), here()  # type: ignore[return-value]

    assert await in_task(work) == (True, None, (1, 2))


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("mode", MESSAGE_MODES)
async def test_a_message_is_freed_when_its_worker_lets_it_go(
    connect: Connect, instrumentation: Instrumentation, mode: str
) -> None:
    """While the worker still has its context."""
    instrumentation.start(follow_handoff=mode)
    nc, queue = await connect(), Queue()
    service = await putting(nc, "memory.in", queue)
    await service.send()
    await service.send()  # nats-py itself holds the last one

    async def work() -> tuple[Any, Any]:
        message = await queue.get()
        watched = ref(message)
        assert message.data
        del message
        return watched(), here()

    assert await in_task(work) == (None, (1, 2))


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("mode", ["message", "queue", "all"])
async def test_the_context_is_freed_with_the_message(
    connect: Connect, instrumentation: Instrumentation, mode: str
) -> None:
    """Its span, once the worker has ended."""
    spans: list[ref[Any]] = []

    def watch(span: Any, _: Any) -> None:
        spans.append(ref(span))

    instrumentation.start(follow_handoff=mode, process_hook=watch)
    nc, queue = await connect(), Queue()
    service = await putting(nc, "memory.in", queue)
    await service.send()

    async def work() -> bool:
        message = await queue.get()
        return bool(message.data) and spans[0]() is not None

    assert await in_task(work)
    await service.send()
    await in_task(work)
    assert spans[0]() is None


@pytest.mark.usefixtures("no_collector")
async def test_a_queue_that_a_callback_makes_for_itself_is_freed_with_it(
    connect: Connect, instrumentation: Instrumentation
) -> None:
    """Such as one for the answers of the tasks that it starts."""
    instrumentation.start(follow_handoff="queue")
    watched: list[ref[Queue]] = []

    async def handle(_: Msg) -> None:
        answers = Queue()
        watched.append(ref(answers))
        await asyncio.gather(*(answers.put(n) for n in range(3)))
        assert [await answers.get() for _ in range(3)] == [0, 1, 2]

    await (await serve(await connect(), "memory.in", handle)).send()
    assert watched[0]() is None


@pytest.mark.parametrize("is_followed", [False, True])
async def test_a_queue_is_freed_with_its_items(
    connect: Connect, instrumentation: Instrumentation, is_followed: bool
) -> None:
    """One that was thrown away with something in it; the collector may be needed for that."""
    instrumentation.start(follow_handoff="queue")
    queue, orders = Queue(), [Order(), Order()]
    watched: list[ref[Any]] = [ref(queue), *map(ref, orders)]
    service = await putting(await connect(), "memory.in", queue, *orders)
    orders.clear()
    await service.send()
    if is_followed:
        await in_task(queue.get)
    await service.send()
    vars(service).clear()
    del queue
    gc.collect()
    assert [watch() for watch in watched] == [None] * 3


@pytest.mark.usefixtures("no_collector")
@pytest.mark.skipif(sys.version_info < (3, 13), reason="queues cannot be shut down before 3.13")
async def test_items_are_freed_by_an_immediate_shutdown(
    connect: Connect, instrumentation: Instrumentation
) -> None:
    """All of them."""
    instrumentation.start(follow_handoff="queue")
    queue, orders = Queue(), [Order(), Order()]
    watched = [ref(order) for order in orders]
    service = await putting(await connect(), "memory.in", queue, *orders)
    orders.clear()
    await service.send()
    await service.send()
    queue.shutdown(immediate=True)  # type: ignore[attr-defined]
    assert [w() for w in watched] == [None, None]


def _blocks() -> int:
    gc.collect()
    return sys.getallocatedblocks()


@pytest.mark.parametrize("kind", [asyncio.Queue, asyncio.PriorityQueue])
async def test_memory_is_bounded_over_many_items(
    connect: Connect, instrumentation: Instrumentation, kind: type[Queue]
) -> None:
    """Ten thousand, that nobody calls done."""
    instrumentation.start(follow_handoff="queue")
    queue, count = kind(), 0

    async def work() -> None:
        nonlocal count
        while True:
            await queue.get()
            count += 1

    async def handle(_: Msg) -> None:
        for number in range(5_000):
            await queue.put((number, "a"))
            if number % 50 == 0:
                await asyncio.sleep(0)

    worker = asyncio.create_task(work())
    service = await serve(await connect(), "memory.in", handle)
    await service.send()
    before = _blocks()
    await service.send()
    while count < 10_000:  # noqa: ASYNC110
        await asyncio.sleep(0)
    grown = _blocks() - before
    worker.cancel()
    assert (count, grown < 1_000) == (10_000, True)


async def test_memory_is_bounded_for_an_item_that_goes_round(
    connect: Connect, instrumentation: Instrumentation
) -> None:
    """The work on it puts it again, ten thousand times."""
    instrumentation.start(follow_handoff="all")
    first, second = Queue(), Queue()
    await (await putting(await connect(), "memory.in", first)).send()

    async def move(source: Queue, target: Queue, times: int) -> tuple[int, int]:
        for _ in range(times):
            message = await source.get()
            assert message.data
            target.put_nowait(message)
        return here()

    async def round_trips(times: int) -> Any:
        return await asyncio.gather(move(first, second, times), move(second, first, times))

    await round_trips(100)
    before = _blocks()
    assert await round_trips(5_000) == [(1, 2), (1, 2)]
    assert _blocks() - before < 1_000
