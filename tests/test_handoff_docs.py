"""What docs/handoff.rst says of tasks, threads, executors and queues: what stays in the trace."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, copy_context
from typing import Any

import pytest
from nats.aio.msg import Msg

from conftest import Connect, Inbox, Instrumentation, settle
from opentelemetry_instrumentation_nats_payload import (
    NATSTracePropagator,
    process_span,
    use_message_context,
)

Handle = Callable[[Msg], Awaitable[None]]
Work = Callable[[], None]


async def _deliver(nc: Any, handle: Handle) -> None:
    """Publish one message, and wait until ``handle`` is through with it."""
    done = asyncio.Event()

    async def callback(message: Msg) -> None:
        await handle(message)
        done.set()

    await nc.subscribe("handoff", cb=callback)
    await settle(nc)
    await nc.publish("handoff", b'{"id":1}')
    await done.wait()


def _parents(spans: Instrumentation) -> dict[str, str | None]:
    """The name of each span, and that of its parent."""
    names = {span.span: span.name for span in spans.spans()}
    return {span.name: names[span.parent] if span.parent else None for span in spans.spans()}


def _worker(spans: Instrumentation) -> Work:
    """Work in a thread that makes a span."""

    def work() -> None:
        with spans.tracer.start_as_current_span("work"):
            pass

    return work


async def _create_task(work: Work) -> None:
    async def run() -> None:
        work()

    await asyncio.create_task(run())


async def _call_soon(work: Work) -> None:
    done = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.call_soon(work)
    loop.call_later(0, done.set)
    await done.wait()


async def _loop_of_another_thread(work: Work) -> None:
    async def run() -> None:
        work()

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(run(), loop))
    loop.call_soon_threadsafe(loop.stop)
    await asyncio.to_thread(thread.join)
    loop.close()


async def _context_taken_along(work: Work) -> None:
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(None, copy_context().run, work)


@pytest.mark.parametrize(
    "run",
    [asyncio.to_thread, _create_task, _call_soon, _loop_of_another_thread, _context_taken_along],
)
async def test_what_follows_by_itself(connect: Connect, spans: Instrumentation, run: Any) -> None:
    """Tasks, callbacks of the loop, to_thread, run_coroutine_threadsafe take the context along."""

    async def handle(message: Msg) -> None:
        await run(_worker(spans))

    await _deliver(await connect(), handle)
    assert _parents(spans)["work"] == "process handoff"


async def _executor(work: Work) -> None:
    await asyncio.get_running_loop().run_in_executor(None, work)


async def _submit(work: Work) -> None:
    with ThreadPoolExecutor() as pool:
        await asyncio.wrap_future(pool.submit(work))


async def _thread(work: Work) -> None:
    thread = threading.Thread(target=work)
    thread.start()
    await asyncio.to_thread(thread.join)


@pytest.mark.parametrize("run", [_executor, _submit, _thread])
async def test_what_starts_a_trace_of_its_own(
    connect: Connect, spans: Instrumentation, run: Any
) -> None:
    """A thread has no context; what the callback publishes after the wait is in the trace."""
    nc = await connect()

    async def handle(message: Msg) -> None:
        await run(_worker(spans))
        await nc.publish("result", b"{}")

    await _deliver(nc, handle)
    parents = _parents(spans)
    assert (parents["work"], parents["publish result"]) == (None, "process handoff")


async def test_a_task_that_outlives_its_callback_stays_in_the_trace(
    connect: Connect, spans: Instrumentation
) -> None:
    """As a child of a span that has ended; an empty Context starts a task without it."""
    nc = await connect()
    go = asyncio.Event()
    tasks: list[asyncio.Task[None]] = []

    async def publish(subject: str) -> None:
        await go.wait()
        await nc.publish(subject, b"{}")

    async def handle(message: Msg) -> None:
        tasks.append(asyncio.create_task(publish("late")))
        tasks.append(Context().run(asyncio.create_task, publish("free")))

    await _deliver(nc, handle)
    go.set()
    await asyncio.gather(*tasks)
    parents = _parents(spans)
    assert (parents["publish late"], parents["publish free"]) == ("process handoff", None)


async def _queued(nc: Any, inbox: Inbox) -> Msg:
    await nc.subscribe("handoff", cb=inbox.callback)
    await settle(nc)
    await nc.publish("handoff", b'{"id":1}')
    return await inbox.messages.get()


async def test_a_worker_behind_a_queue_has_no_context(
    connect: Connect, spans: Instrumentation, inbox: Inbox
) -> None:
    """Its spans and publishes are traces of their own, but for a payload with the field in it."""
    nc = await connect()
    message = await _queued(nc, inbox)
    _worker(spans)()
    await nc.publish("new", b'{"id":1}')
    await nc.publish("passed.on", message.data)
    parents = _parents(spans)
    assert (parents["work"], parents["publish new"]) == (None, None)
    assert parents["publish passed.on"] == "process handoff"


async def test_the_ways_of_a_worker_behind_a_queue(
    connect: Connect, spans: Instrumentation, inbox: Inbox
) -> None:
    """A span of its own, the context alone, or the field read by hand."""
    nc = await connect()
    message = await _queued(nc, inbox)
    with process_span(message):
        await nc.publish("by.span", b"{}")
    with use_message_context(message):
        await nc.publish("by.context", b"{}")
    document = json.loads(message.data)
    with NATSTracePropagator.create_span_from_message(spans.tracer, document, "store"):
        await nc.publish("by.hand", b"{}")
    parents = _parents(spans)
    process = [span for span in spans.spans() if span.name == "process handoff"]
    assert [span.parent for span in process] == [1, process[0].span]
    by_span = next(span for span in spans.spans() if span.name == "publish by.span")
    assert by_span.parent == process[1].span
    assert parents["publish by.context"] == "process handoff"
    assert (parents["store"], parents["publish by.hand"]) == ("process handoff", "store")


async def test_a_thread_that_gets_the_message_continues_its_trace(
    connect: Connect, spans: Instrumentation
) -> None:
    """``use_message_context`` works in any thread."""

    async def handle(message: Msg) -> None:
        def work() -> None:
            with use_message_context(message):
                _worker(spans)()

        await _executor(work)

    await _deliver(await connect(), handle)
    assert _parents(spans)["work"] == "process handoff"


async def test_a_thread_that_publishes_through_the_loop_of_the_connection(
    connect: Connect, spans: Instrumentation
) -> None:
    """It has no context: a payload with the field stays in its trace, a new one does not."""
    nc = await connect()
    loop = asyncio.get_running_loop()

    async def handle(message: Msg) -> None:
        def work() -> None:
            for subject, payload in (("passed.on", message.data), ("new", b'{"id":2}')):
                asyncio.run_coroutine_threadsafe(nc.publish(subject, payload), loop).result()

        await _executor(work)

    await _deliver(nc, handle)
    parents = _parents(spans)
    assert parents["publish passed.on"] == "process handoff"
    assert parents["publish new"] is None
