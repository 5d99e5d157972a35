"""``follow_handoff=message``: the context follows a message to the task that reads its data."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import suppress
from typing import Any

import pytest
from nats.aio.msg import Msg
from opentelemetry import context, trace

from conftest import Connect, Expect, Instrumentation
from handoff_services import MESSAGE_MODES, here, in_task, own_span, putting, read, serve
from opentelemetry_instrumentation_nats_payload import (
    process_span,
    use_message_context,
)

Queue = asyncio.Queue[Any]


@pytest.fixture
def spans(instrumentation: Instrumentation) -> Instrumentation:
    """The instrumentation, started, that follows messages."""
    instrumentation.start(follow_handoff="message")
    return instrumentation


@pytest.mark.parametrize("consumed_field", ["refresh", "keep", "strip"])
@pytest.mark.parametrize("mode", MESSAGE_MODES)
async def test_a_worker_goes_on_under_the_process_span(
    connect: Connect,
    instrumentation: Instrumentation,
    expected: Expect,
    mode: str,
    consumed_field: str,
) -> None:
    """That waits as services do, with a timeout, on all versions of Python."""
    instrumentation.start(follow_handoff=mode, consumed_field=consumed_field)
    nc, queue = await connect(), Queue()
    service = await putting(nc, "read.in", queue)
    await service.send(b'{"a":1}')

    async def work() -> None:
        message = await asyncio.wait_for(queue.get(), timeout=10)
        assert json.loads(message.data)["a"] == 1
        await nc.publish("read.out", b"{}")

    await in_task(work)
    assert instrumentation.spans() == [
        expected(nc).publish("read.in", 1, 1),
        expected(nc).process("read.in", 1, 2, parent=1),
        expected(nc).publish("read.out", 1, 3, parent=2),
    ]


async def test_the_next_message_takes_its_place(connect: Connect, spans: Instrumentation) -> None:
    """And one that is read again."""
    nc, queue = await connect(), Queue()
    service = await putting(nc, "read.in", queue)
    await service.send()
    await service.send()

    async def work() -> list[tuple[int, int]]:
        first, second = await queue.get(), await queue.get()
        return [(bool(m.data), here())[1] for m in (first, second, second, first)]

    assert await in_task(work) == [(1, 2), (2, 4), (2, 4), (1, 2)]


async def test_the_end_of_the_task_is_the_end_of_the_context(
    connect: Connect, spans: Instrumentation
) -> None:
    """Who started the task has none of it, nor has the next worker before it reads."""
    nc, queue = await connect(), Queue()
    service = await putting(nc, "read.in", queue)
    await service.send()
    assert await in_task(lambda: read(queue)) == (1, 2)
    assert here() == (0, 0)
    await service.send()

    async def work() -> tuple[Any, Any]:
        message = await queue.get()
        return message.subject, here()

    assert await in_task(work) == ("read.in", (0, 0))


async def test_a_worker_with_a_span_keeps_it_and_gets_one_link_a_message(
    connect: Connect, spans: Instrumentation
) -> None:
    """However often it reads them."""
    nc, queue = await connect(), Queue()
    service = await putting(nc, "read.in", queue)
    await service.send()
    await service.send()

    async def work() -> None:
        with spans.tracer.start_as_current_span("work"):
            messages = [await queue.get(), await queue.get()]
            for message in (*messages, *messages):
                assert (message.data, here()) == (message.data, (3, 5))

    await in_task(work)
    assert spans.spans()[4:] == [own_span("work", 3, 5).but(links=((1, 2), (2, 4)))]


async def test_a_span_that_begins_after_the_reading_is_a_child_without_a_link(
    connect: Connect, spans: Instrumentation
) -> None:
    """Also where the message is read in it once more."""
    nc, queue = await connect(), Queue()
    await (await putting(nc, "read.in", queue)).send()

    async def work() -> tuple[int, int]:
        message = await queue.get()
        assert message.data
        with spans.tracer.start_as_current_span("work"):
            assert message.data
        return here()

    assert await in_task(work) == (1, 2)
    assert spans.spans()[2:] == [own_span("work", 1, 3, 2)]


async def test_the_callback_itself_is_not_followed(
    connect: Connect, spans: Instrumentation, expected: Expect
) -> None:
    """Nor by the messages before, which its task has had: no link, and no other parent."""
    nc, kept = await connect(), list[Msg]()

    async def handle(message: Msg) -> None:
        kept.append(message)
        assert all(m.data for m in kept)
        await nc.publish("read.out", b"{}")

    service = await serve(nc, "read.in", handle)
    await service.send()
    await service.send()
    assert spans.spans()[3:] == [
        expected(nc).publish("read.in", 2, 4),
        expected(nc).process("read.in", 2, 5, parent=4),
        expected(nc).publish("read.out", 2, 6, parent=5),
    ]


async def test_tasks_and_threads_of_a_callback_inherit_its_context(
    connect: Connect, spans: Instrumentation
) -> None:
    """``create_task``, ``gather`` and ``to_thread``, also when they read the message."""
    nc, found = await connect(), list[Any]()
    tasks: list[asyncio.Task[None]] = []

    def look(message: Msg) -> None:
        assert message.data
        found.append(here())

    async def later(message: Msg) -> None:
        await asyncio.sleep(0)
        look(message)

    async def handle(message: Msg) -> None:
        await asyncio.gather(later(message), later(message))
        await asyncio.to_thread(look, message)
        tasks.append(asyncio.create_task(later(message)))

    await (await serve(nc, "read.in", handle)).send()
    await tasks[0]
    assert (found, len(spans.spans())) == ([(1, 2)] * 4, 2)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="TaskGroup is new in Python 3.11")
async def test_a_task_group_of_a_worker_inherits_what_it_follows(
    connect: Connect, spans: Instrumentation
) -> None:
    """And each of its tasks may follow another message, for itself alone."""
    nc, queue = await connect(), Queue()
    service = await putting(nc, "read.in", queue)
    for _ in range(3):
        await service.send()

    async def look() -> tuple[int, int]:
        return here()

    async def work() -> list[Any]:
        first = await read(queue)
        async with asyncio.TaskGroup() as group:  # type: ignore[attr-defined]
            tasks: Any = [group.create_task(t) for t in (look(), read(queue), read(queue))]
        return [first, *(task.result() for task in tasks), here()]

    assert await in_task(work) == [(1, 2), (1, 2), (2, 4), (3, 6), (1, 2)]


async def test_a_thread_that_reads_a_message_gets_no_context(
    connect: Connect, spans: Instrumentation
) -> None:
    """One of a pool would keep it for whatever it does next."""
    nc, queue = await connect(), Queue()
    await (await putting(nc, "read.in", queue)).send()
    message = await in_task(queue.get)

    def look() -> tuple[Any, Any]:
        return message.data != b"", here()

    loop = asyncio.get_running_loop()
    assert await loop.run_in_executor(None, look) == (True, (0, 0))
    assert await loop.run_in_executor(None, here) == (0, 0)


async def test_a_callback_of_the_loop_gets_no_context(
    connect: Connect, spans: Instrumentation
) -> None:
    """``call_soon`` is no task."""
    nc, queue = await connect(), Queue()
    await (await putting(nc, "read.in", queue)).send()
    message = await in_task(queue.get)
    found: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(lambda: found.set_result((message.data, here())))
    assert (await found)[1] == (0, 0)


@pytest.mark.parametrize("enter", [process_span, use_message_context])
async def test_what_the_application_says_is_kept(
    connect: Connect, spans: Instrumentation, enter: Any
) -> None:
    """In ``process_span`` and ``use_message_context``, whatever else is read there."""
    nc, queue = await connect(), Queue()
    service = await putting(nc, "read.in", queue)
    await service.send()
    await service.send()

    async def work() -> list[Any]:
        first, second = await queue.get(), await queue.get()
        with enter(first):
            before = here()
            assert second.data
            found = here()
        return [before[0], found == before, here()]

    assert await in_task(work) == [1, True, (0, 0)]


async def test_values_that_the_application_has_set_stay(
    connect: Connect, spans: Instrumentation
) -> None:
    """Only what comes from a message goes with it."""
    nc, queue = await connect(), Queue()
    service = await putting(nc, "read.in", queue)
    await service.send()
    await service.send()

    async def work() -> list[Any]:
        context.attach(context.set_value("tenant", "t1"))
        found = [await read(queue), await read(queue)]
        return [*found, context.get_value("tenant")]

    assert await in_task(work) == [(1, 2), (2, 4), "t1"]


async def test_a_worker_that_is_cancelled_while_it_works(
    connect: Connect, spans: Instrumentation
) -> None:
    """Nothing of it stays, and nothing is logged."""
    nc, queue = await connect(), Queue()
    await (await putting(nc, "read.in", queue)).send()
    reached = asyncio.Event()

    async def work() -> None:
        await read(queue)
        reached.set()
        await asyncio.Event().wait()

    worker = asyncio.create_task(work())
    await reached.wait()
    worker.cancel()
    with suppress(asyncio.CancelledError):
        await worker
    assert (here(), trace.get_current_span()) == ((0, 0), trace.INVALID_SPAN)
