"""``follow_handoff=queue`` and the other settings; what it leaves when it is switched off."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from nats.aio.msg import Msg
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import NoOpTracerProvider

from conftest import Connect, Inbox, Instrumentation, settle
from handoff_queues import Queue
from handoff_services import here, in_task, own_span, putting, serve
from opentelemetry_instrumentation_nats_payload import NATSInstrumentor
from spans import SequentialIds, field


@pytest.fixture
def spans(instrumentation: Instrumentation) -> Instrumentation:
    """The instrumentation, started, that follows items."""
    instrumentation.start(follow_handoff="queue")
    return instrumentation


@pytest.mark.parametrize("continue_received", [True, False])
async def test_what_a_task_puts_that_asks_for_messages(
    connect: Connect, instrumentation: Instrumentation, continue_received: bool
) -> None:
    """Follows the message it asked for, unless what it does is said to be about none."""
    instrumentation.start(follow_handoff="queue", continue_received=continue_received)
    nc, queue = await connect(), Queue()
    subscription = await nc.subscribe("hand.in")
    await settle(nc)
    await nc.publish("hand.in", b"{}")

    async def receive() -> None:
        await subscription.next_msg()
        queue.put_nowait("a")

    await in_task(receive)

    async def work() -> tuple[Any, Any]:
        return await queue.get(), here()

    assert await in_task(work) == ("a", (1, 2) if continue_received else (0, 0))


async def test_without_an_sdk_the_context_passes_through(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation
) -> None:
    """And a message without one leaves nothing of the message before."""
    instrumentation.start(follow_handoff="queue", tracer_provider=NoOpTracerProvider())
    nc, queue = await connect(), Queue()
    service = await putting(nc, "hand.in", queue, "a", "b")
    await nc.subscribe("hand.out", cb=inbox.callback)
    await service.send(b'{"a":1' + field(7, 8) + b"}")
    await service.send()

    async def work() -> None:
        for _ in range(2):
            await queue.get()
            await nc.publish("hand.out", b'{"b":2}')

    await in_task(work)
    assert [await inbox.data() for _ in range(2)] == [
        b'{"b":2' + field(7, 8) + b"}",
        b'{"b":2}',
    ]


async def test_a_trace_that_is_not_sampled_stays_whole(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation
) -> None:
    """The context follows, and what the worker publishes says that it is not sampled."""
    provider = TracerProvider(ALWAYS_OFF, id_generator=SequentialIds(), shutdown_on_exit=False)
    instrumentation.start(follow_handoff="queue", tracer_provider=provider)
    nc, queue = await connect(), Queue()
    service = await putting(nc, "hand.in", queue, "a", "b")
    await service.send()
    await service.send()

    async def work() -> list[int]:
        traces: list[int] = []
        for _ in range(2):
            await queue.get()
            traces.append(here()[0])
        return traces

    assert await in_task(work) == [1, 2]


@pytest.mark.parametrize("setting", ["excluded_subjects", "propagate_only_subjects"])
async def test_subjects_that_are_not_traced(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation, setting: str
) -> None:
    """Nothing follows what is excluded; the context of what is passed through does."""
    instrumentation.start(follow_handoff="queue", **{setting: ["hand.in"]})
    nc, queue = await connect(), Queue()
    service = await putting(nc, "hand.in", queue, "a")
    await service.send(b'{"a":1' + field(7, 8) + b"}")

    async def work() -> tuple[int, int]:
        await queue.get()
        return here()

    found = await in_task(work)
    assert found == ((7, 8) if setting == "propagate_only_subjects" else (0, 0))


async def test_what_is_suppressed_does_not_follow(connect: Connect, spans: Instrumentation) -> None:
    """Neither what is put nor what is taken; the application's span gets no link."""
    nc, queue = await connect(), Queue()

    async def handle(_: Msg) -> None:
        with suppress_instrumentation():
            queue.put_nowait("a")
        queue.put_nowait("b")

    await (await serve(nc, "hand.in", handle)).send()

    async def work() -> list[Any]:
        await queue.get()
        found = [here()]
        with spans.tracer.start_as_current_span("work"), suppress_instrumentation():
            await queue.get()
        return [*found, here()]

    assert await in_task(work) == [(0, 0), (0, 0)]
    assert spans.spans()[2:] == [own_span("work", 2, 3)]


@pytest.mark.parametrize("again", [None, "off", "message", "queue"])
async def test_uninstrumenting_with_a_worker_at_work(
    connect: Connect, instrumentation: Instrumentation, again: str | None
) -> None:
    """It goes on, as do items that were put before, and the queue is as it was; another
    instrumentation that follows items still knows where they are from.
    """
    instrumentation.start(follow_handoff="queue")
    nc, queue, go_on = await connect(), Queue(), asyncio.Event()
    service = await putting(nc, "hand.in", queue, *"ab")
    await service.send()
    await service.send()

    async def work() -> list[Any]:
        found = [(await queue.get(), here())]
        await go_on.wait()
        return [*found, (await queue.get(), here()), (await queue.get(), here())]

    worker = asyncio.create_task(work())
    await asyncio.sleep(0)
    NATSInstrumentor().uninstrument()
    if again is not None:
        instrumentation.start(follow_handoff=again)
    queue.put_nowait("c")
    go_on.set()
    second = (2, 4) if again == "queue" else (0, 0)
    assert await worker == [("a", (1, 2)), ("b", second), ("c", (0, 0))]
    assert again == "queue" or vars(queue).keys() <= {"_loop", *vars(Queue())}


async def test_uninstrumenting_with_a_worker_that_waits(
    connect: Connect, instrumentation: Instrumentation
) -> None:
    """It gets what is put then, and the queue is as it was."""
    instrumentation.start(follow_handoff="queue")
    nc, queue = await connect(), Queue()
    await (await putting(nc, "hand.in", queue, "a")).send()

    async def work() -> list[Any]:
        return [(await queue.get(), here()) for _ in range(2)]

    worker = asyncio.create_task(work())
    await asyncio.sleep(0)
    NATSInstrumentor().uninstrument()
    queue.put_nowait("b")
    assert await worker == [("a", (1, 2)), ("b", (0, 0))]
    assert vars(queue).keys() <= {"_loop", *vars(Queue())}


async def test_with_off_nothing_is_patched(instrumentation: Instrumentation) -> None:
    """Neither the queue nor the message."""
    before = dict(vars(asyncio.Queue)), dict(vars(Msg))
    instrumentation.start(follow_handoff="off")
    put_nowait, data = vars(asyncio.Queue)["put_nowait"], vars(Msg)["data"]
    assert (put_nowait, data) == (before[0]["put_nowait"], before[1]["data"])
