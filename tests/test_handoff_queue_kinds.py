"""``follow_handoff=queue`` over queues of other kinds."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections import deque
from typing import Any

import pytest

from conftest import Connect, Instrumentation
from handoff_services import here, in_task, putting

Queue = asyncio.Queue[Any]


@pytest.fixture
def spans(instrumentation: Instrumentation) -> Instrumentation:
    """The instrumentation, started, that follows items."""
    instrumentation.start(follow_handoff="queue")
    return instrumentation


class Numbered(asyncio.Queue[Any]):
    """Wraps items on their way in, and unwraps them."""

    def put_nowait(self, item: Any) -> None:
        super().put_nowait((self.qsize(), item))

    def get_nowait(self) -> Any:
        return super().get_nowait()[1]


class Ordered(asyncio.Queue[Any]):
    """Keeps items in a heap of its own, beside a number."""

    _queue: list[Any]

    def _init(self, maxsize: int) -> None:
        self._queue = []
        self._numbers = itertools.count()

    def _put(self, item: Any) -> None:
        heapq.heappush(self._queue, (next(self._numbers), item))

    def _get(self) -> Any:
        return heapq.heappop(self._queue)[1]


class Patient(asyncio.Queue[Any]):
    """Takes more arguments than a queue does."""

    async def get(self, patience: float = 0, *, retries: int = 0) -> Any:
        return await super().get(), patience, retries

    def get_nowait(self, *names: str) -> Any:
        return super().get_nowait()

    def task_done(self, count: int = 1) -> Any:
        for _ in range(count):
            super().task_done()
        return count


@pytest.mark.parametrize("kind", [asyncio.PriorityQueue, asyncio.LifoQueue, Numbered, Ordered])
async def test_any_kind_of_queue(
    connect: Connect, spans: Instrumentation, kind: type[Queue]
) -> None:
    """In whatever order it gives its items out."""
    nc, queue = await connect(), kind()
    service = await putting(nc, "kind.in", queue, (3, "a"), (1, "b"), (2, "c"))
    await service.send()
    queue.put_nowait((0, "outside"))
    await service.send()
    await service.send()

    async def work() -> dict[str, Any]:
        return {(await queue.get())[1]: here() for _ in range(4)}

    found = {"a": (1, 2), "b": (2, 4), "c": (3, 6), "outside": (0, 0)}
    assert await in_task(work) == found


async def test_the_arguments_and_results_of_a_queue_of_the_application(
    connect: Connect, spans: Instrumentation
) -> None:
    """Are its own."""
    nc, queue = await connect(), Patient()
    service = await putting(nc, "kind.in", queue, "a", "b")
    await service.send()
    await service.send()

    async def work() -> list[Any]:
        found = [await queue.get(1.5, retries=2), here()]
        return [*found, queue.get_nowait("x", "y"), here(), queue.task_done(2), here()]

    assert await in_task(work) == [("a", 1.5, 2), (1, 2), "b", (2, 4), 2, (0, 0)]


async def test_a_queue_whose_method_the_application_has_replaced_is_left_alone(
    connect: Connect, spans: Instrumentation
) -> None:
    """On the queue itself."""
    nc, queue = await connect(), Queue()
    original = queue.get_nowait

    def get_nowait() -> Any:
        return "seen", original()

    queue.get_nowait = get_nowait  # type: ignore[method-assign]
    await (await putting(nc, "kind.in", queue, "a")).send()

    async def work() -> tuple[Any, Any]:
        return await queue.get(), here()

    assert await in_task(work) == (("seen", "a"), (0, 0))
    assert queue.get_nowait is get_nowait


class Latest(asyncio.Queue[Any]):
    """Keeps the last item only."""

    def _put(self, item: Any) -> None:
        self._queue: deque[Any]
        self._queue.clear()
        self._queue.append(item)


class Dropping(asyncio.Queue[Any]):
    """Drops the oldest item where it is full, as is done with prices."""

    def put_nowait(self, item: Any) -> None:
        while self.full():
            super().get_nowait()
        super().put_nowait(item)


@pytest.mark.parametrize("kind", [Latest, Dropping])
async def test_a_queue_that_drops_items(
    connect: Connect, spans: Instrumentation, kind: type[Queue]
) -> None:
    """What is left has its own context, also where an object was put before."""
    nc, queue = await connect(), kind(1)
    price = {"price": 1}
    service = await putting(nc, "kind.in", queue, price, {"price": 2}, price)

    async def put_all() -> None:
        for _ in range(3):
            await asyncio.wait_for(service.send(), timeout=10)

    if kind is Latest:
        queue._maxsize = 0  # type: ignore[attr-defined]
    else:
        queue.put = queue_put(queue)  # type: ignore[method-assign]
    await put_all()

    async def work() -> tuple[Any, Any]:
        return queue.get_nowait(), here()

    assert await in_task(work) == (price, (3, 6))


def queue_put(queue: Queue) -> Any:
    """``put`` that does not wait."""

    async def put(item: Any) -> None:
        queue.put_nowait(item)

    return put


async def test_a_queue_that_somebody_reaches_into(connect: Connect, spans: Instrumentation) -> None:
    """No item gets the context of another one, and later ones are followed again."""
    nc, queue = await connect(), Queue()
    service = await putting(nc, "kind.in", queue, *"abcd")
    for _ in range(3):
        await service.send()
    items: Any = vars(queue)["_queue"]
    items.appendleft("first")
    items.remove("b")

    async def work() -> list[Any]:
        return [(await queue.get(), here()) for _ in range(queue.qsize())]

    found = dict(await in_task(work))
    assert found["first"] == (0, 0)
    assert found["a"] in ((0, 0), (1, 2))
    assert found["c"] in ((0, 0), (3, 6))
    await service.send()
    assert dict(await in_task(work)) == {"d": (4, 8)}


async def test_an_object_that_is_put_again_by_the_work_on_it(
    connect: Connect, spans: Instrumentation
) -> None:
    """A retry goes on in its trace; here of one that nobody calls done."""
    nc, queue = await connect(), Queue()
    service = await putting(nc, "kind.in", queue, {"n": 1}, {"n": 2})
    await service.send()
    await service.send()

    async def work() -> list[Any]:
        found: list[Any] = []
        for _ in range(6):
            item = await queue.get()
            found.append((item["n"], here()))
            await queue.put(item)
        return found

    assert await in_task(work) == [(1, (1, 2)), (2, (2, 4))] * 3
