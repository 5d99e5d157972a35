"""What ``follow_handoff`` must not change: queues, for who looks at them and uses them."""

from __future__ import annotations

import asyncio
import copy
import inspect
import pickle
import sys
from collections.abc import Callable
from types import MethodType
from typing import Any, cast

import pytest
from nats.aio.msg import Msg

from conftest import Connect, Instrumentation
from handoff_services import here, in_task, putting, serve

Queue = asyncio.Queue[Any]


def _pickled(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))


DUPLICATES: list[Callable[[Any], Any]] = [copy.copy, copy.deepcopy, _pickled]
_METHODS = ["get", "get_nowait", "task_done", "_get", "put", "put_nowait", "join", "qsize", "empty"]


def test_put_nowait_looks_as_it_did(instrumentation: Instrumentation) -> None:
    """Its name, documentation and parameters."""
    original: Any = vars(asyncio.Queue)["put_nowait"]
    instrumentation.start(follow_handoff="queue")
    wrapped: Any = vars(asyncio.Queue)["put_nowait"]
    for name in ("__name__", "__qualname__", "__doc__", "__module__"):
        assert getattr(wrapped, name) == getattr(original, name)
    assert inspect.signature(wrapped) == inspect.signature(original)


class _Lazy:
    """A proxy that has to make what it stands for, as soon as its class is asked for."""

    # The class of every object may be set; nobody sets that of a proxy here.
    @property
    def __class__(self) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        raise AssertionError("nobody needs it yet")


class _Pair(tuple[Any, ...]):
    """A tuple of the application's."""

    __slots__ = ()

    def __getitem__(self, index: Any) -> Any:
        raise AssertionError("nobody asks for a part yet")


async def test_what_is_put_is_not_looked_into(
    connect: Connect, instrumentation: Instrumentation, caplog: pytest.LogCaptureFixture
) -> None:
    """A lazy proxy stays lazy, and a tuple is not asked for its parts."""
    instrumentation.start(follow_handoff="all")
    nc = await connect()
    queue: Queue = asyncio.Queue()

    async def callback(message: Msg) -> None:
        for item in (_Lazy(), (_Lazy(), message), _Pair((message, 1))):
            await queue.put(item)

    await nc.subscribe("same.lazy", cb=callback)
    await nc.publish("same.lazy", b"{}")
    for expected in (_Lazy, tuple, _Pair):
        assert type(await queue.get()) is expected
    assert caplog.records == []


class Priorities(asyncio.PriorityQueue[Any]):
    """One of the application's."""

    async def get(self, patience: float = 0) -> Any:
        """Take an item."""
        return await super().get()


async def _followed(connect: Connect, queue: Queue) -> Queue:
    """``queue`` with an item that is followed, and one that was."""
    service = await putting(await connect(), "same.in", queue, (1, "a"), (2, "b"))
    await service.send()
    await service.send()

    async def work() -> tuple[int, int]:
        await queue.get()
        return here()

    assert await in_task(work) == (1, 2)
    return queue


@pytest.mark.parametrize("kind", [asyncio.Queue, asyncio.LifoQueue, Priorities])
async def test_a_queue_that_is_followed_looks_as_it_did(
    connect: Connect, instrumentation: Instrumentation, kind: type[Queue]
) -> None:
    """Types, methods and what ``inspect`` and ``asyncio`` say of them."""
    instrumentation.start(follow_handoff="queue")
    queue, plain = kind(), kind()
    service = await putting(await connect(), "same.in", queue, (1, "a"))
    await service.send()
    plain.put_nowait((1, "a"))
    assert "get" in vars(queue)
    assert (type(queue), isinstance(queue, kind)) == (kind, True)
    assert (repr(queue), str(queue)) == (
        repr(plain).replace(f"{id(plain):#x}", f"{id(queue):#x}"),
        str(plain),
    )
    assert (queue.qsize(), queue.empty(), queue.full(), queue.maxsize) == (1, False, False, 0)
    for name in _METHODS:
        found, expected = getattr(queue, name), getattr(plain, name)
        assert _looks(found) == _looks(expected), name
        assert (found.__self__, found == getattr(queue, name)) == (queue, True)
        assert repr(found) == repr(expected).replace(f"{id(plain):#x}", f"{id(queue):#x}")


def _looks(method: Any) -> tuple[Any, ...]:
    return (
        cast("type[object]", type(method)),
        isinstance(method, MethodType),
        method.__name__,
        method.__qualname__,
        method.__doc__,
        inspect.signature(method),
        inspect.iscoroutinefunction(method),
        _of_asyncio(method),
    )


def _of_asyncio(method: Any) -> bool:
    # Deprecated from Python 3.14 on.
    return sys.version_info < (3, 14) and asyncio.iscoroutinefunction(method)


async def test_what_get_returns_is_a_coroutine(
    connect: Connect, instrumentation: Instrumentation
) -> None:
    """That of the queue; it takes nothing until it is awaited."""
    instrumentation.start(follow_handoff="queue")
    queue = await _followed(connect, Queue())
    waiting = queue.get()
    assert inspect.iscoroutine(waiting)
    assert (waiting.__qualname__, queue.qsize()) == ("Queue.get", 1)
    waiting.close()
    assert queue.qsize() == 1


@pytest.mark.parametrize("take", ["get", "get_nowait"])
async def test_a_method_that_outlives_the_names_of_its_queue(
    connect: Connect, instrumentation: Instrumentation, take: str
) -> None:
    """Holds the queue, as a bound method does, and so do its coroutines."""
    instrumentation.start(follow_handoff="queue")
    method: Callable[[], Any] = getattr(await _followed(connect, Queue()), take)
    assert method.__self__.qsize() == 1  # type: ignore[attr-defined]
    result = method()
    del method
    assert (await result if take == "get" else result) == (2, "b")


@pytest.mark.parametrize("duplicate", DUPLICATES)
async def test_a_copy_of_a_queue(
    connect: Connect, instrumentation: Instrumentation, duplicate: Callable[[Queue], Queue]
) -> None:
    """Is a queue of its own, as far as it was: a shallow one shares the items."""
    instrumentation.start(follow_handoff="queue")
    queue = Queue()
    service = await putting(await connect(), "same.in", queue, "a")
    await service.send()
    other = duplicate(queue)
    assert (other.get_nowait(), other.qsize()) == ("a", 0)
    assert queue.qsize() == (0 if duplicate is copy.copy else 1)


async def test_join_and_task_done(connect: Connect, instrumentation: Instrumentation) -> None:
    """``task_done`` once too often is refused as ever."""
    instrumentation.start(follow_handoff="queue")
    queue = await _followed(connect, Queue())
    joining = asyncio.create_task(queue.join())
    queue.get_nowait()
    queue.task_done()
    await asyncio.sleep(0)
    assert not joining.done()
    queue.task_done()
    await joining
    with pytest.raises(ValueError, match=r"task_done\(\) called too many times"):
        queue.task_done()


async def test_full_and_empty_queues(connect: Connect, instrumentation: Instrumentation) -> None:
    """Raise what they raise, also in a callback, and nothing is followed that was not put."""
    instrumentation.start(follow_handoff="queue")
    queue: Queue = Queue(maxsize=1)
    raised: list[Any] = []

    async def handle(_: Msg) -> None:
        for item in "ab":
            try:
                queue.put_nowait(item)
            except asyncio.QueueFull as error:
                raised.append((type(error), error.args))

    await (await serve(await connect(), "same.in", handle)).send()
    assert raised == [(asyncio.QueueFull, ())]
    assert queue.get_nowait() == "a"
    with pytest.raises(asyncio.QueueEmpty):
        queue.get_nowait()
    result: Any = queue.put_nowait("b")
    assert result is None

    async def work() -> tuple[Any, Any]:
        return await queue.get(), here()

    assert await in_task(work) == ("b", (0, 0))


@pytest.mark.skipif(sys.version_info < (3, 13), reason="queues cannot be shut down before 3.13")
@pytest.mark.parametrize("immediate", [False, True])
async def test_a_queue_that_is_shut_down(
    connect: Connect, instrumentation: Instrumentation, immediate: bool
) -> None:
    """Gives out what is left, or nothing, and raises ``QueueShutDown`` as ever."""
    instrumentation.start(follow_handoff="queue")
    queue: Any = await _followed(connect, Queue())
    queue.task_done()
    shut_down: type[Exception] = getattr(asyncio, "QueueShutDown")  # noqa: B009
    before = here()
    queue.shutdown(immediate=immediate)
    assert here() == before
    if immediate:
        assert queue.qsize() == 0
        await queue.join()
    else:
        assert await queue.get() == (2, "b")
        queue.task_done()
    with pytest.raises(shut_down):
        await queue.get()
    with pytest.raises(shut_down):
        queue.get_nowait()
    with pytest.raises(shut_down):
        queue.put_nowait("c")


async def test_what_a_queue_of_the_application_raises(
    connect: Connect, instrumentation: Instrumentation
) -> None:
    """Comes out unchanged, and the next item is followed."""
    instrumentation.start(follow_handoff="queue")
    error = RuntimeError("not now")

    class Moody(asyncio.Queue[Any]):
        is_moody = True

        def _get(self) -> Any:
            if self.is_moody:
                raise error
            return super()._get()  # type: ignore[misc]

    queue = Moody()
    await (await putting(await connect(), "same.in", queue, "a")).send()
    with pytest.raises(RuntimeError) as raised:
        await queue.get()
    assert raised.value is error
    queue.is_moody = False

    async def work() -> tuple[Any, Any]:
        return await queue.get(), here()

    assert await in_task(work) == ("a", (1, 2))
