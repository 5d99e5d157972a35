"""A task that is cancelled, wherever it waits, leaves no open span and no attached context."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from nats.aio.msg import Msg
from opentelemetry import context, trace
from opentelemetry.context import Context

from conftest import Connect, Instrumentation, settle
from every_operation import HAS_PUBLISH_ASYNC
from interrupted_calls import (
    CALLS,
    STEPS,
    SWALLOWING,
    Surroundings,
    connected,
    surroundings_of,
)
from side_by_side import OpenSpans


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)
@pytest.mark.parametrize("is_nested", [False, True], ids=["alone", "in a span"])
async def test_a_call_that_is_cancelled_at_any_step_leaves_nothing(
    server: str,
    instrumentation: Instrumentation,
    caplog: pytest.LogCaptureFixture,
    call: Callable[[Surroundings], Awaitable[None]],
    is_nested: bool,
) -> None:
    """The task is cancelled as it is without us; its spans have ended, and not as failed."""
    spans = OpenSpans()
    instrumentation.provider.add_span_processor(spans)
    instrumentation.start(settle_spans=True, follow_handoff="all")
    # A task of its own: what it fetches is no work of ours.
    surroundings = await asyncio.create_task(surroundings_of(await connected(server)))
    for steps in range(STEPS):
        outer = instrumentation.tracer.start_span("outer") if is_nested else None
        came_back, was_cancelled = await _cancel_after(steps, call, surroundings, outer)
        if outer is not None:
            outer.end()
        assert came_back
        assert was_cancelled or call in SWALLOWING or not HAS_PUBLISH_ASYNC
        await surroundings.nc.flush()
        assert spans.left() == {}
    await surroundings.js.delete_stream("CANCEL")
    await surroundings.nc.close()
    assert {span.status for span in instrumentation.spans()} == {"UNSET"}
    assert not any("error.type" in span.attributes for span in instrumentation.spans())
    assert not [r for r in caplog.records if r.levelno >= logging.WARNING]


async def _cancel_after(
    steps: int,
    call: Callable[[Surroundings], Awaitable[None]],
    surroundings: Surroundings,
    outer: Any,
) -> tuple[bool, bool]:
    """Whether the context afterwards was that before, and whether the task was cancelled."""
    contexts: list[Context] = []

    async def work() -> None:
        if outer is not None:
            context.attach(trace.set_span_in_context(outer))
        contexts.append(context.get_current())
        try:
            await call(surroundings)
        finally:
            contexts.append(context.get_current())

    task = asyncio.create_task(work())
    await asyncio.sleep(0)  # it begins: a task cancelled before that does nothing at all
    for _ in range(steps):
        await asyncio.sleep(0)
    await _cancel(task)
    before, after = contexts
    return before == after, task.cancelled()


async def _cancel(task: asyncio.Task[Any]) -> None:
    """Until it ends: nats-py swallows a cancellation while it writes."""
    while not task.done():
        task.cancel()
        await asyncio.sleep(0)
    await asyncio.gather(task, return_exceptions=True)


async def test_a_callback_that_is_cancelled_leaves_nothing(
    server: str, instrumentation: Instrumentation
) -> None:
    """Also what it waits for in turn: a publish, a request, a message."""
    spans = OpenSpans()
    instrumentation.provider.add_span_processor(spans)
    instrumentation.start()
    nc = await connected(server)
    surroundings = await asyncio.create_task(surroundings_of(nc))
    for number, call in enumerate(CALLS):
        running = asyncio.Event()
        tasks: list[asyncio.Task[Any]] = []

        async def callback(
            message: Msg,
            call: Callable[[Surroundings], Awaitable[None]] = call,
            running: asyncio.Event = running,
            tasks: list[asyncio.Task[Any]] = tasks,
        ) -> None:
            task = asyncio.current_task()
            assert task is not None
            tasks.append(task)
            running.set()
            await call(surroundings)
            await asyncio.Event().wait()

        await nc.subscribe(f"cancel.callback.{number}", cb=callback)
        await settle(nc)
        await nc.publish(f"cancel.callback.{number}", b"{}")
        await running.wait()
        await asyncio.sleep(0)
        await _cancel(tasks[0])
        assert spans.left() == {}
    await surroundings.js.delete_stream("CANCEL")
    await surroundings.nc.close()
    processed = [s for s in instrumentation.spans() if s.name.startswith("process cancel.callback")]
    assert len(processed) == len(CALLS)
    assert {span.status for span in processed} == {"UNSET"} or not HAS_PUBLISH_ASYNC


async def test_a_publish_that_is_never_awaited_leaves_nothing(
    connect: Connect, instrumentation: Instrumentation
) -> None:
    """Work happens when the coroutine runs, and there is none to be undone where it is closed."""
    spans = OpenSpans()
    instrumentation.provider.add_span_processor(spans)
    instrumentation.start()
    nc = await connect()
    before = context.get_current()
    for coroutine in (nc.publish("a", b"{}"), nc.request("a", b"{}"), nc.jetstream().publish("a")):
        coroutine.close()
    assert spans.left() == {}
    assert context.get_current() == before
    assert instrumentation.spans() == []
