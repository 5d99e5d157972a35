"""``follow_handoff=queue``: which context follows an item, and where another one is kept."""

from __future__ import annotations

import asyncio
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
from nats.aio.msg import Msg
from opentelemetry import context

from conftest import Connect, Expect, Instrumentation
from handoff_queues import Queue
from handoff_services import here, in_task, own_span, putting, serve
from opentelemetry_instrumentation_nats_payload import use_message_context


@pytest.fixture
def spans(instrumentation: Instrumentation) -> Instrumentation:
    """The instrumentation, started, that follows items."""
    instrumentation.start(follow_handoff="queue")
    return instrumentation


async def test_one_queue_after_the_other(
    connect: Connect, spans: Instrumentation, expected: Expect
) -> None:
    """The span of a worker between them is the parent of what comes after it."""
    nc, first, second = await connect(), Queue(), Queue()
    service = await putting(nc, "hand.in", first, *"ab")

    async def decode() -> None:
        for _ in range(2):
            item = await first.get()
            with spans.tracer.start_as_current_span("decode"):
                await second.put([item])

    async def store() -> list[Any]:
        return [(await second.get(), here()) for _ in range(2)]

    await service.send()
    await service.send()
    await in_task(decode)
    assert await in_task(store) == [(["a"], (1, 5)), (["b"], (2, 6))]
    assert spans.spans()[4:] == [own_span("decode", 1, 5, 2), own_span("decode", 2, 6, 4)]


async def test_what_is_not_a_child_of_a_span_in_between_goes_on_as_well(
    connect: Connect, spans: Instrumentation
) -> None:
    """Over three queues, and from the callback's own child span."""
    nc, queues = await connect(), [Queue(), Queue(), Queue()]

    async def handle(_: Msg) -> None:
        with spans.tracer.start_as_current_span("decode"):
            queues[0].put_nowait("a")

    await (await serve(nc, "hand.in", handle)).send()

    async def move(source: Queue, target: Queue) -> None:
        target.put_nowait(await source.get())

    for source, target in pairwise(queues):
        await in_task(partial(move, source, target))

    async def work() -> tuple[Any, Any]:
        return await queues[2].get(), here()

    assert await in_task(work) == ("a", (1, 3))


async def test_a_worker_with_a_span_keeps_it_and_gets_a_link_to_each_message(
    connect: Connect, instrumentation: Instrumentation
) -> None:
    """One each, also where the message itself is read: ``all``."""
    instrumentation.start(follow_handoff="all")
    nc, queue = await connect(), Queue()
    service = await putting(nc, "hand.in", queue)
    await service.send()
    await service.send()

    async def work() -> None:
        with instrumentation.tracer.start_as_current_span("work"):
            for _ in range(2):
                message = await queue.get()
                assert (message.data, message.data) == (message.data, message.data)
                assert here() == (3, 5)

    await in_task(work)
    links = ((1, 2), (2, 4))
    assert instrumentation.spans()[4:] == [own_span("work", 3, 5).but(links=links)]


async def test_a_span_that_begins_after_the_get_is_a_child_without_a_link(
    connect: Connect, spans: Instrumentation
) -> None:
    """And the context is the same when it has ended."""
    nc, queue = await connect(), Queue()
    service = await putting(nc, "hand.in", queue, "a")
    await service.send()

    async def work() -> tuple[int, int]:
        await queue.get()
        with spans.tracer.start_as_current_span("work"):
            queue.put_nowait("b")
        return here()

    assert await in_task(work) == (1, 2)
    assert spans.spans()[2:] == [own_span("work", 1, 3, 2)]


async def test_values_of_the_context_follow_too(connect: Connect, spans: Instrumentation) -> None:
    """What the callback has set goes with the item, and no further; the worker's own stays."""
    nc, queue = await connect(), Queue()

    async def handle(_: Msg) -> None:
        token = context.attach(context.set_value("tenant", "t1"))
        queue.put_nowait("a")
        context.detach(token)

    await (await serve(nc, "hand.in", handle)).send()

    async def work() -> list[Any]:
        context.attach(context.set_value("mine", 1))
        await queue.get()
        found = [context.get_value("tenant"), context.get_value("mine")]
        queue.task_done()
        return [*found, context.get_value("tenant"), context.get_value("mine")]

    assert await in_task(work) == ["t1", 1, None, 1]


async def test_what_a_task_of_the_callback_puts_later_follows(
    connect: Connect, spans: Instrumentation
) -> None:
    """After the end of the process span."""
    nc, queue, go_on = await connect(), Queue(), asyncio.Event()
    tasks: list[asyncio.Task[None]] = []

    async def later() -> None:
        await go_on.wait()
        await queue.put("a")

    async def handle(_: Msg) -> None:
        tasks.append(asyncio.create_task(later()))

    await (await serve(nc, "hand.in", handle)).send()
    go_on.set()
    await tasks[0]

    async def work() -> tuple[Any, Any]:
        return await queue.get(), here()

    assert await in_task(work) == ("a", (1, 2))


async def test_a_worker_that_was_started_in_a_callback_has_the_context_of_each_item(
    connect: Connect, spans: Instrumentation
) -> None:
    """The first message is no span of its own."""
    nc, queue = await connect(), Queue()
    found: list[Any] = []
    workers: list[asyncio.Task[None]] = []

    async def work() -> None:
        while True:
            found.append((await queue.get(), here()))
            queue.task_done()

    async def handle(_: Msg) -> None:
        if not workers:
            workers.append(asyncio.create_task(work()))
        queue.put_nowait(len(found))

    service = await serve(nc, "hand.in", handle)
    for _ in range(3):
        await service.send()
        await queue.join()
    workers[0].cancel()
    assert found == [(0, (1, 2)), (1, (2, 4)), (2, (3, 6))]


async def test_a_callback_that_takes_an_item_keeps_its_own_span(
    connect: Connect, spans: Instrumentation, expected: Expect
) -> None:
    """Such as a connection, or an answer: it is no work of its own."""
    nc, queue = await connect(), Queue()
    await (await putting(nc, "hand.in", queue, "a")).send()

    async def handle(_: Msg) -> None:
        assert await queue.get() == "a"
        await nc.publish("hand.out", b"{}")

    await (await serve(nc, "hand.second", handle)).send()
    assert spans.spans()[2:] == [
        expected(nc).publish("hand.second", 2, 3),
        expected(nc).process("hand.second", 2, 4, parent=3),
        expected(nc).publish("hand.out", 2, 5, parent=4),
    ]


async def test_use_message_context_is_kept_when_an_item_is_taken(
    connect: Connect, spans: Instrumentation
) -> None:
    """The application has said what it works on; after the block there is nothing left over."""
    nc, queue, other = await connect(), Queue(), Queue()
    await (await putting(nc, "hand.in", queue)).send()
    await (await putting(nc, "hand.other", other, "b")).send()
    message = await in_task(queue.get)

    async def work() -> list[Any]:
        with use_message_context(message):
            other.get_nowait()
            found = here()
        return [found, here()]

    assert await in_task(work) == [(1, 2), (0, 0)]


async def test_a_reply_that_is_put_follows_as_any_item(
    connect: Connect, spans: Instrumentation
) -> None:
    """A ``Msg`` that no callback has seen, and one that the application has made."""
    nc, queue = await connect(), Queue()

    async def answer(message: Msg) -> None:
        await message.respond(b"{}")

    async def handle(_: Msg) -> None:
        await queue.put(await nc.request("hand.ask", b"{}"))
        await queue.put(Msg(nc, subject="made", data=b"x"))

    await serve(nc, "hand.ask", answer)
    await (await serve(nc, "hand.in", handle)).send()

    async def work() -> list[Any]:
        return [(type(await queue.get()), here()) for _ in range(2)]

    assert await in_task(work) == [(Msg, (1, 2)), (Msg, (1, 2))]


async def test_a_thread_that_hands_over_through_the_loop(
    connect: Connect, spans: Instrumentation
) -> None:
    """``call_soon_threadsafe`` takes the context of ``asyncio.to_thread`` along."""
    nc, queue = await connect(), Queue()
    loop = asyncio.get_running_loop()

    async def handle(_: Msg) -> None:
        await asyncio.to_thread(loop.call_soon_threadsafe, queue.put_nowait, "a")

    await (await serve(nc, "hand.in", handle)).send()

    async def work() -> tuple[Any, Any]:
        return await queue.get(), here()

    assert await in_task(work) == ("a", (1, 2))


async def test_a_callback_of_the_loop_gets_no_context(
    connect: Connect, spans: Instrumentation
) -> None:
    """``call_soon`` is no task: what takes an item there has no end that could be seen."""
    nc, queue = await connect(), Queue()
    await (await putting(nc, "hand.in", queue, "a")).send()
    found: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(lambda: found.set_result((queue.get_nowait(), here())))
    assert await found == ("a", (0, 0))
