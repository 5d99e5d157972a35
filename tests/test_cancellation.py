"""A task that is cancelled, wherever it waits, leaves no open span and no attached context."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from conftest import Connect, Instrumentation, settle
from every_operation import HAS_PUBLISH_ASYNC
from opentelemetry_instrumentation_nats_payload import (
    process_batch,
    process_span,
    use_message_context,
)

# Every publish waits until it is written. Where that is cancelled, an older nats-py never writes
# again.
_WAITS_TO_WRITE: dict[str, Any] = {"pending_size": 1} if HAS_PUBLISH_ASYNC else {}
_STEPS = 6
"""Turns of the loop after which every one of these calls waits for the server, or for nothing."""


class _OpenSpans(SpanProcessor):
    """The names of the spans that have started and not ended."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        self.names.append(span.name)

    def on_end(self, span: ReadableSpan) -> None:
        self.names.remove(span.name)


class _Client(Client):
    """An application's own, whose writing can be held up: nats-py's swallows a cancellation."""

    async def _send_publish(self, *args: Any, **kwargs: Any) -> None:
        if "cancel.held-up" in (*args, *kwargs.values()):
            await asyncio.Event().wait()
        await super()._send_publish(*args, **kwargs)


class _Surroundings(NamedTuple):
    """What the calls need."""

    nc: Client
    js: Any
    pull: Any
    subscription: Any
    message: Msg
    stored: Msg

    async def publish(self) -> None:
        """Waits until all is written: the pending buffer of this connection holds one byte."""
        await self.nc.publish("cancel.any", b"{}")

    async def held_up(self) -> None:
        await self.nc.publish("cancel.held-up", b"{}")

    async def held_up_reply(self) -> None:
        message = Msg(self.nc, reply="cancel.held-up")
        await message.respond(b"{}")

    async def held_up_request(self) -> None:
        await self.nc.request("cancel.held-up", b"{}", timeout=9)

    async def held_up_js_publish(self) -> None:
        await self.js.publish("cancel.held-up", b"{}", timeout=9)

    async def request(self) -> None:
        await self.nc.request("cancel.silent", b"{}", timeout=9)

    async def js_publish(self) -> None:
        await self.js.publish("cancel.silent", b"{}", timeout=9)

    async def publish_async(self) -> None:
        await (await self.js.publish_async("cancel.silent", b"{}"))

    async def next_msg(self) -> None:
        await self.subscription.next_msg(timeout=9)

    async def messages(self) -> None:
        async for _ in self.subscription.messages:
            raise AssertionError

    async def fetch_one(self) -> None:
        await self.pull.fetch(1, timeout=9)

    async def fetch(self) -> None:
        await self.pull.fetch(3, timeout=9)

    async def respond(self) -> None:
        await self.message.respond(b"{}")

    async def settle(self) -> None:
        await self.stored.in_progress()

    async def span_of_one(self) -> None:
        with process_span(self.message):
            await asyncio.Event().wait()

    async def span_of_several(self) -> None:
        with process_batch([self.message]):
            await asyncio.Event().wait()

    async def use(self) -> None:
        with use_message_context(self.message):
            await self.nc.publish("cancel.any", b"{}")
            await asyncio.Event().wait()


_CALLS: list[Callable[[_Surroundings], Awaitable[None]]] = [
    *(_Surroundings.publish, _Surroundings.request, _Surroundings.js_publish),
    *(_Surroundings.held_up, _Surroundings.held_up_reply),
    *(_Surroundings.held_up_request, _Surroundings.held_up_js_publish),
    *(_Surroundings.next_msg, _Surroundings.messages),
    *(_Surroundings.fetch_one, _Surroundings.fetch),
    *(_Surroundings.respond, _Surroundings.settle),
    *(_Surroundings.span_of_one, _Surroundings.span_of_several, _Surroundings.use),
]
# While nats-py writes, it swallows a cancellation, and these do nothing else. An older one makes
# a timeout of it elsewhere.
_SWALLOWING = (_Surroundings.publish, _Surroundings.respond, _Surroundings.settle)
if HAS_PUBLISH_ASYNC:
    _CALLS.append(_Surroundings.publish_async)


async def _connected(server: str) -> Client:
    nc = _Client()
    await nc.connect(server, **_WAITS_TO_WRITE)
    return nc


async def _surroundings(nc: Client) -> _Surroundings:
    """A stream without messages, a service that never answers, and a message to reply to."""
    js: Any = nc.jetstream()
    await js.add_stream(name="CANCEL", subjects=["cancel.stored"])
    pull = await js.pull_subscribe("cancel.stored", durable="cancel", stream="CANCEL")
    held: asyncio.Queue[Msg] = asyncio.Queue()

    async def silent(message: Msg) -> None:
        """Never answers."""

    await nc.subscribe("cancel.silent", cb=silent)
    await nc.subscribe("cancel.held", cb=held.put)
    subscription = await nc.subscribe("cancel.asked")
    await settle(nc)
    await nc.publish("cancel.held", b"{}", reply="cancel.reply")
    await js.publish("cancel.stored", b"{}")
    (stored,) = await pull.fetch(1)
    return _Surroundings(nc, js, pull, subscription, await held.get(), stored)


@pytest.mark.parametrize("call", _CALLS, ids=lambda call: call.__name__)
@pytest.mark.parametrize("is_nested", [False, True], ids=["alone", "in a span"])
async def test_a_call_that_is_cancelled_at_any_step_leaves_nothing(
    server: str,
    instrumentation: Instrumentation,
    caplog: pytest.LogCaptureFixture,
    call: Callable[[_Surroundings], Awaitable[None]],
    is_nested: bool,
) -> None:
    """The task is cancelled as it is without us; its spans have ended, and not as failed."""
    spans = _OpenSpans()
    instrumentation.provider.add_span_processor(spans)
    instrumentation.start(settle_spans=True, follow_handoff="all")
    # A task of its own: what it fetches is no work of ours.
    surroundings = await asyncio.create_task(_surroundings(await _connected(server)))
    for steps in range(_STEPS):
        outer = instrumentation.tracer.start_span("outer") if is_nested else None
        came_back, was_cancelled = await _cancel_after(steps, call, surroundings, outer)
        if outer is not None:
            outer.end()
        assert came_back
        assert was_cancelled or call in _SWALLOWING or not HAS_PUBLISH_ASYNC
        await surroundings.nc.flush()
        assert spans.names == []
    await surroundings.js.delete_stream("CANCEL")
    await surroundings.nc.close()
    assert {span.status for span in instrumentation.spans()} == {"UNSET"}
    assert not any("error.type" in span.attributes for span in instrumentation.spans())
    assert not [r for r in caplog.records if r.levelno >= logging.WARNING]


async def _cancel_after(
    steps: int,
    call: Callable[[_Surroundings], Awaitable[None]],
    surroundings: _Surroundings,
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
    spans = _OpenSpans()
    instrumentation.provider.add_span_processor(spans)
    instrumentation.start()
    nc = await _connected(server)
    surroundings = await asyncio.create_task(_surroundings(nc))
    for number, call in enumerate(_CALLS):
        running = asyncio.Event()
        tasks: list[asyncio.Task[Any]] = []

        async def callback(
            message: Msg,
            call: Callable[[_Surroundings], Awaitable[None]] = call,
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
        assert spans.names == []
    await surroundings.js.delete_stream("CANCEL")
    await surroundings.nc.close()
    processed = [s for s in instrumentation.spans() if s.name.startswith("process cancel.callback")]
    assert len(processed) == len(_CALLS)
    assert {span.status for span in processed} == {"UNSET"} or not HAS_PUBLISH_ASYNC


async def test_a_publish_that_is_never_awaited_leaves_nothing(
    connect: Connect, instrumentation: Instrumentation
) -> None:
    """Work happens when the coroutine runs, and there is none to be undone where it is closed."""
    spans = _OpenSpans()
    instrumentation.provider.add_span_processor(spans)
    instrumentation.start()
    nc = await connect()
    before = context.get_current()
    for coroutine in (nc.publish("a", b"{}"), nc.request("a", b"{}"), nc.jetstream().publish("a")):
        coroutine.close()
    assert spans.names == []
    assert context.get_current() == before
    assert instrumentation.spans() == []
