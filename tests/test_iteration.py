"""``async for message in subscription.messages``: each turn runs in the trace of its message."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error
from opentelemetry import context, trace

from conftest import Connect, Expect, Inbox, Instrumentation, settle
from opentelemetry_instrumentation_nats_payload import NATSInstrumentor


def _trace() -> int:
    return trace.get_current_span().get_span_context().trace_id


async def _published(nc: Any, subject: str, count: int) -> Subscription:
    """A subscription to ``subject`` that has ``count`` messages waiting, and gets no more."""
    subscription: Subscription = await nc.subscribe(subject)
    await settle(nc)
    for _ in range(count):
        await nc.publish(subject, b"{}")
    await settle(nc)
    await subscription.unsubscribe(limit=count)
    return subscription


async def test_each_turn_continues_the_trace_of_its_message(
    connect: Connect, inbox: Inbox, spans: Instrumentation, expected: Expect
) -> None:
    """Receive is a child of the publish, what the body publishes a child of receive."""
    nc = await connect()
    subscription = await _published(nc, "loop.in", 2)
    await nc.subscribe("loop.out", cb=inbox.callback)
    await settle(nc)
    async for _ in subscription.messages:
        await nc.publish("loop.out", b"[]")
        await inbox.data()
    assert spans.spans() == [
        expected(nc).publish("loop.in", 1, 1),
        expected(nc).publish("loop.in", 2, 2),
        expected(nc).receive("loop.in", 1, 3, parent=1),
        expected(nc).publish("loop.out", 1, 4, parent=3),
        expected(nc).process("loop.out", 3, 5, parent=0).but(parent=None, links=()),
        expected(nc).receive("loop.in", 2, 6, parent=2),
        expected(nc).publish("loop.out", 2, 7, parent=6),
        expected(nc).process("loop.out", 4, 8, parent=0).but(parent=None, links=()),
    ]


async def test_the_end_of_the_iteration_gives_the_context_back(
    connect: Connect, spans: Instrumentation
) -> None:
    """After the loop everything is as before it."""
    nc = await connect()
    subscription = await _published(nc, "loop.end", 3)
    before = context.get_current()
    seen = [_trace() async for _ in subscription.messages]
    assert seen == [1, 2, 3]
    assert context.get_current() == before


async def _with_break(subscription: Subscription) -> None:
    async for _ in subscription.messages:
        break


async def _with_return(subscription: Subscription) -> Any:
    async for message in subscription.messages:
        return message
    return None


async def _with_exception(subscription: Subscription) -> None:
    try:
        async for _ in subscription.messages:
            raise ValueError
    except ValueError:
        pass


class _Messages:
    """Those of a subscription, in a class of the application's."""

    def __init__(self, subscription: Subscription) -> None:
        self._subscription = subscription

    def __aiter__(self) -> AsyncIterator[Msg]:
        return aiter(self._subscription.messages)


async def _of_a_class(subscription: Subscription) -> None:
    async for _ in _Messages(subscription):
        break


async def _in_a_comprehension(subscription: Subscription) -> None:
    with contextlib.suppress(ZeroDivisionError):
        _ = [1 / 0 async for _ in subscription.messages]


@pytest.mark.parametrize(
    "leave", [_with_break, _with_return, _with_exception, _of_a_class, _in_a_comprehension]
)
async def test_who_leaves_the_loop_leaves_the_context(
    connect: Connect,
    spans: Instrumentation,
    leave: Callable[[Subscription], Coroutine[Any, Any, Any]],
) -> None:
    """However that is; a second loop goes on where the first one stopped."""
    nc = await connect()
    subscription = await _published(nc, "loop.leave", 2)
    before = context.get_current()
    await leave(subscription)
    gc.collect()  # at once on CPython, where nothing else holds the loop's iterator
    assert context.get_current() == before
    assert [_trace() async for _ in subscription.messages] == [2]


async def test_an_iterator_that_is_kept(connect: Connect, spans: Instrumentation) -> None:
    """It is nats-py's own; each loop over it is left like any other."""
    nc = await connect()
    subscription = await _published(nc, "loop.kept", 2)
    before = context.get_current()
    kept = aiter(subscription.messages)
    assert kept is subscription.messages
    async for _ in kept:
        assert _trace() == 1
        break
    gc.collect()
    assert context.get_current() == before
    assert [_trace() async for _ in kept] == [2]


async def test_an_exception_that_leaves_the_task_is_unchanged(
    connect: Connect, spans: Instrumentation, caplog: pytest.LogCaptureFixture
) -> None:
    """The very object, and no word about contexts."""
    nc = await connect()
    subscription = await _published(nc, "loop.raise", 1)
    error = ValueError("mine")

    async def work() -> None:
        async for _ in subscription.messages:
            raise error

    with pytest.raises(ValueError, match="mine") as caught:
        await asyncio.create_task(work())
    assert caught.value is error
    assert caplog.text == ""


async def test_a_cancelled_loop_leaves_nothing(
    connect: Connect, spans: Instrumentation, caplog: pytest.LogCaptureFixture
) -> None:
    """Cancelled while it waits, and while the body runs."""
    nc = await connect()
    subscription = await nc.subscribe("loop.cancel")
    await settle(nc)
    in_body = asyncio.Event()

    async def work() -> None:
        async for _ in subscription.messages:
            in_body.set()
            await asyncio.Event().wait()

    for is_published in (True, False):  # in nats-py 2.2 a cancelled wait costs a message
        task = asyncio.create_task(work())
        await asyncio.sleep(0)
        if is_published:
            await nc.publish("loop.cancel", b"[]")
            await in_body.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert (caplog.text, _trace()) == ("", 0)


async def test_two_loops_in_two_tasks(connect: Connect, spans: Instrumentation) -> None:
    """Each task has the context of its own message."""
    nc = await connect()
    subscriptions = [await _published(nc, f"loop.two.{n}", 2) for n in range(2)]

    async def work(subscription: Subscription) -> list[int]:
        found: list[int] = []
        async for _ in subscription.messages:
            await asyncio.sleep(0)
            found.append(_trace())
        return found

    assert await asyncio.gather(*map(work, subscriptions)) == [[1, 2], [3, 4]]


async def test_an_async_generator_of_messages(connect: Connect, spans: Instrumentation) -> None:
    """The body of whoever iterates over it is in the trace of the message as well."""
    nc = await connect()
    subscription = await _published(nc, "loop.generator", 2)

    async def messages() -> AsyncIterator[Msg]:
        async for message in subscription.messages:
            yield message

    assert [_trace() async for _ in messages()] == [1, 2]


async def test_a_span_around_the_loop(
    connect: Connect, spans: Instrumentation, expected: Expect
) -> None:
    """The receive spans are its children, with links; the body stays under it."""
    nc = await connect()
    subscription = await _published(nc, "loop.span", 2)
    with spans.tracer.start_as_current_span("work"):
        assert [_trace() async for _ in subscription.messages] == [3, 3]
    assert spans.spans()[3:] == [
        expected(nc).receive("loop.span", 3, 4, parent=3).but(links=((1, 1),)),
        expected(nc).receive("loop.span", 3, 5, parent=3).but(links=((2, 2),)),
    ]


async def test_a_span_in_the_body(connect: Connect, spans: Instrumentation) -> None:
    """It is a child of receive, and ends without a word."""
    nc = await connect()
    subscription = await _published(nc, "loop.body", 2)
    async for _ in subscription.messages:
        with spans.tracer.start_as_current_span("work"):
            await asyncio.sleep(0)
    assert [(s.name, s.trace, s.parent) for s in spans.spans()[2:]] == [
        ("receive loop.body", 1, 1),
        ("work", 1, 3),
        ("receive loop.body", 2, 2),
        ("work", 2, 5),
    ]


async def test_one_message_by_anext(connect: Connect, spans: Instrumentation) -> None:
    """Without a loop, as with next_msg."""
    nc = await connect()
    subscription = await _published(nc, "loop.anext", 2)
    await anext(subscription.messages)
    assert _trace() == 1
    await anext(aiter(subscription.messages))
    assert spans.names()[2:] == ["receive loop.anext"] * 2


async def test_the_iterator_is_nats_py_s(
    connect: Connect, inbox: Inbox, spans: Instrumentation
) -> None:
    """The attribute is the same object every time; a subscription with a callback has none."""
    nc = await connect()
    subscription = await nc.subscribe("loop.same")
    assert subscription.messages is subscription.messages
    assert type(subscription.messages).__module__ == "nats.aio.subscription"
    with pytest.raises(Error, match="cannot iterate"):
        _ = (await nc.subscribe("loop.callback", cb=inbox.callback)).messages


async def test_prefetched_messages_have_no_span_yet(
    connect: Connect, spans: Instrumentation
) -> None:
    """Not before they are handed over."""
    nc = await connect()
    subscription = await _published(nc, "loop.prefetch", 3)
    assert subscription.pending_msgs == 3
    async for _ in subscription.messages:
        break
    assert spans.names()[3:] == ["receive loop.prefetch"]


async def test_a_loop_that_outlives_the_instrumentation(
    connect: Connect, spans: Instrumentation
) -> None:
    """It goes on, without spans, and leaves nothing behind."""
    nc = await connect()
    subscription = await _published(nc, "loop.stop", 3)
    before = context.get_current()
    seen: list[int] = []
    async for _ in subscription.messages:
        seen.append(_trace())
        if len(seen) == 1:
            NATSInstrumentor().uninstrument()
    assert seen == [1, 0, 0]
    assert spans.names()[3:] == ["receive loop.stop"]
    assert context.get_current() == before
