"""``follow_handoff=queue``: the context follows any item through an ``asyncio.Queue``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from nats.aio.msg import Msg

from conftest import Connect, Expect, Instrumentation
from handoff_queues import HOW, WAITS_INLINE, Queue, waited
from handoff_services import QUEUE_MODES, here, in_task, putting, serve


@pytest.fixture
def spans(instrumentation: Instrumentation) -> Instrumentation:
    """The instrumentation, started, that follows items."""
    instrumentation.start(follow_handoff="queue")
    return instrumentation


@pytest.mark.parametrize("consumed_field", ["refresh", "keep", "strip"])
@pytest.mark.parametrize("mode", QUEUE_MODES)
@pytest.mark.parametrize("get", HOW)
async def test_work_on_an_item_is_a_child_of_the_process_span(
    connect: Connect,
    instrumentation: Instrumentation,
    expected: Expect,
    mode: str,
    get: Callable[[Queue], Any],
    consumed_field: str,
) -> None:
    """A decoded dict, in a worker that knows nothing of traces."""
    instrumentation.start(follow_handoff=mode, consumed_field=consumed_field)
    nc, queue = await connect(), Queue()
    service = await putting(nc, "hand.in", queue, {"a": 1})
    await service.send()

    async def work() -> None:
        assert await get(queue) == {"a": 1}
        await nc.publish("hand.out", b"{}")

    await in_task(work)
    assert instrumentation.spans() == [
        expected(nc).publish("hand.in", 1, 1),
        expected(nc).process("hand.in", 1, 2, parent=1),
        expected(nc).publish("hand.out", 1, 3, parent=2),
    ]


@pytest.mark.skipif(WAITS_INLINE, reason="asyncio.wait_for runs get() in the task that waits")
async def test_before_python_3_12_wait_for_leaves_the_worker_without_a_context(
    connect: Connect, spans: Instrumentation
) -> None:
    """Of the item that was waited for as of one that was followed before."""
    nc, queue = await connect(), Queue()
    service = await putting(nc, "hand.in", queue, {"a": 1}, {"a": 2})
    await service.send()
    await service.send()

    async def work() -> list[tuple[int, int]]:
        await queue.get()
        found = [here()]
        await waited(queue)
        return [*found, here()]

    assert await in_task(work) == [(1, 2), (0, 0)]


async def test_each_item_has_its_own_context_until_the_next(
    connect: Connect, spans: Instrumentation
) -> None:
    """Also one that was put outside of any message, which has none."""
    nc, queue = await connect(), Queue()
    service = await putting(nc, "hand.in", queue, *"abc")
    await service.send()
    queue.put_nowait("outside")
    await service.send()
    await service.send()

    async def work() -> list[Any]:
        return [(await queue.get(), here()) for _ in range(4)]

    assert await in_task(work) == [
        ("a", (1, 2)),
        ("outside", (0, 0)),
        ("b", (2, 4)),
        ("c", (3, 6)),
    ]


async def test_a_worker_that_waits_has_no_context(connect: Connect, spans: Instrumentation) -> None:
    """What it publishes when the wait has timed out begins a trace, also on Python 3.11."""
    nc, queue = await connect(), Queue()
    service = await putting(nc, "hand.in", queue, {"a": 1})
    await service.send()

    async def work() -> tuple[Any, Any]:
        await queue.get()
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(queue.get(), timeout=0)
        waited = here()
        service_is_done = asyncio.create_task(service.send())
        await queue.get()
        await service_is_done
        with pytest.raises(asyncio.QueueEmpty):
            queue.get_nowait()
        return waited, here()

    assert await in_task(work) == ((0, 0), (0, 0))


async def test_a_worker_that_waits_in_another_task_has_no_context(
    connect: Connect, spans: Instrumentation
) -> None:
    """As in ``asyncio.wait({create_task(queue.get()), stopped})``, on all versions of Python."""
    nc, queue = await connect(), Queue()
    service = await putting(nc, "hand.in", queue, {"a": 1}, {"a": 2})
    await service.send()
    await service.send()

    async def work() -> list[tuple[int, int]]:
        queue.get_nowait()
        found = [here()]
        done, _ = await asyncio.wait({asyncio.create_task(queue.get())})
        assert done.pop().result() == {"a": 2}
        return [*found, here()]

    assert await in_task(work) == [(1, 2), (0, 0)]


async def test_task_done_ends_the_work(connect: Connect, spans: Instrumentation) -> None:
    """And ``join`` goes on."""
    nc, queue = await connect(), Queue()
    service = await putting(nc, "hand.in", queue, {"a": 1})
    await service.send()

    async def work() -> tuple[Any, Any]:
        await queue.get()
        found = here()
        queue.task_done()
        return found, here()

    assert await in_task(work) == ((1, 2), (0, 0))
    await queue.join()


async def test_a_worker_that_waited_before_anything_was_put(
    connect: Connect, instrumentation: Instrumentation
) -> None:
    """On a queue that is older than the instrumentation."""
    queue = Queue()
    found: list[Any] = []

    async def work() -> None:
        while True:
            item = await queue.get()
            found.append((item, here()))
            queue.task_done()

    worker = asyncio.create_task(work())
    await asyncio.sleep(0)
    instrumentation.start(follow_handoff="queue")
    service = await putting(await connect(), "hand.in", queue, "a", "b")
    await service.send()
    queue.put_nowait("outside")
    await service.send()
    await queue.join()
    worker.cancel()
    assert found == [("a", (1, 2)), ("outside", (0, 0)), ("b", (2, 4))]


async def test_a_bounded_queue_whose_put_has_to_wait(
    connect: Connect, spans: Instrumentation
) -> None:
    """The context is that of the callback that waits."""
    nc, queue = await connect(), Queue(maxsize=1)
    service = await putting(nc, "hand.in", queue, *"abc")
    await service.send()
    sending = asyncio.create_task(service.send())

    async def work() -> list[Any]:
        while not vars(queue)["_putters"]:  # noqa: ASYNC110
            await asyncio.sleep(0)
        return [(await queue.get(), here()) for _ in range(2)]

    assert await in_task(work) == [("a", (1, 2)), ("b", (2, 4))]
    await sending


async def test_a_put_that_is_cancelled_leaves_nothing(
    connect: Connect, spans: Instrumentation
) -> None:
    """The next item, put outside of any message, has no context."""
    nc, queue = await connect(), Queue(maxsize=1)
    queue.put_nowait("first")

    async def put(_: Msg) -> None:
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(queue.put("second"), timeout=0)

    await (await serve(nc, "hand.in", put)).send()
    assert await in_task(queue.get) == "first"
    queue.put_nowait("second")

    async def work() -> tuple[Any, Any]:
        return await queue.get(), here()

    assert await in_task(work) == ("second", (0, 0))


async def test_a_get_that_is_cancelled_loses_no_item_and_no_context(
    connect: Connect, spans: Instrumentation
) -> None:
    """The worker that comes next has both."""
    nc, queue = await connect(), Queue()
    service = await putting(nc, "hand.in", queue, "a", "b")
    await service.send()

    async def work() -> tuple[Any, Any]:
        return await queue.get(), here()

    assert await in_task(work) == ("a", (1, 2))
    waiting = asyncio.create_task(work())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await service.send()
    assert await in_task(work) == ("b", (2, 4))


async def test_many_workers_each_have_the_context_of_their_item(
    connect: Connect, spans: Instrumentation
) -> None:
    """Also while the others are at work."""
    nc, queue = await connect(), Queue()
    found: dict[int, Any] = {}

    async def work() -> None:
        while True:
            item = await queue.get()
            await asyncio.sleep(0)
            found[item] = here()
            queue.task_done()

    workers = [asyncio.create_task(work()) for _ in range(4)]
    service = await putting(nc, "hand.in", queue, *range(20))
    for _ in range(20):
        await service.send()
    await queue.join()
    for worker in workers:
        worker.cancel()
    assert found == {n: (n + 1, 2 * n + 2) for n in range(20)}


@pytest.mark.parametrize("item", [None, 7, "tick", True, ()])
async def test_a_value_that_is_put_by_many_has_the_context_of_each(
    connect: Connect, spans: Instrumentation, item: Any
) -> None:
    """None, numbers and the like are the same object everywhere; a timer puts them as well."""
    nc, queue = await connect(), Queue()
    service = await putting(nc, "hand.in", queue, *[item] * 3)
    queue.put_nowait(item)
    await service.send()
    queue.put_nowait(item)
    await service.send()
    await service.send()

    async def work() -> list[Any]:
        return [(await queue.get(), here()) for _ in range(5)]

    contexts = [(0, 0), (1, 2), (0, 0), (2, 4), (3, 6)]
    assert await in_task(work) == [(item, found) for found in contexts]
