"""``next_msg``: a span when the message is handed over, and the context of what follows."""

from __future__ import annotations

import asyncio
import sys

import pytest
from nats.errors import TimeoutError  # noqa: A004
from opentelemetry import context, trace

from conftest import CARRIERS, Connect, Expect, Inbox, Instrumentation, settle
from opentelemetry_instrumentation_nats_payload import use_message_context
from spans import field
from waiting import waiting_messages

_IDLE = 0.02


@pytest.mark.parametrize("carrier", CARRIERS)
async def test_what_follows_continues_the_trace_of_the_message(
    connect: Connect,
    inbox: Inbox,
    instrumentation: Instrumentation,
    expected: Expect,
    carrier: str,
) -> None:
    """Without a span: receive is a child of the publish, what is published next a child of it."""
    instrumentation.start(carrier=carrier)
    nc = await connect()
    subscription = await waiting_messages(nc, "next.in", b"{}")
    await nc.subscribe("next.out", cb=inbox.callback)
    await settle(nc)
    await subscription.next_msg()
    await nc.publish("next.out", b"{}")
    await inbox.data()
    assert instrumentation.spans() == [
        expected(nc).publish("next.in", 1, 1),
        expected(nc).receive("next.in", 1, 2, parent=1),
        expected(nc).publish("next.out", 1, 3, parent=2),
        expected(nc).process("next.out", 1, 4, parent=3),
    ]


async def test_under_a_span_it_is_a_child_with_a_link(
    connect: Connect, spans: Instrumentation, expected: Expect
) -> None:
    """What follows stays under the application's span, and the field is that of the message."""
    nc = await connect()
    subscription = await waiting_messages(nc, "next.ambient", b'{"a":1}')
    with spans.tracer.start_as_current_span("work"):
        message = await subscription.next_msg()
        await nc.publish("next.ambient.out", b"{}")
    assert message.data == b'{"a":1' + field(1, 1) + b"}"
    links = ((1, 1),)
    assert spans.spans()[2:] == [
        expected(nc).receive("next.ambient", 2, 3, parent=2).but(links=links),
        expected(nc).publish("next.ambient.out", 2, 4, parent=2),
    ]


async def test_under_a_span_it_covers_the_wait(connect: Connect, spans: Instrumentation) -> None:
    """It starts with the call; without a span, when the message is handed over."""
    nc = await connect()
    subscription = await waiting_messages(nc, "next.wait")
    with spans.tracer.start_as_current_span("work"):
        waiting = asyncio.create_task(subscription.next_msg())
        await asyncio.sleep(0)
        await nc.publish("next.wait", b"[]")
        await waiting
    waiting = asyncio.create_task(subscription.next_msg())
    await asyncio.sleep(0)
    await nc.publish("next.wait", b"[]")
    await waiting
    started = [s.name for s in sorted(spans.finished_spans(), key=lambda s: s.start_time or 0)]
    assert started == [
        "work",
        "receive next.wait",
        "publish next.wait",
        "publish next.wait",
        "receive next.wait",
    ]


async def test_the_next_message_replaces_the_context(
    connect: Connect, spans: Instrumentation
) -> None:
    """Each message is worked on in its own trace."""
    nc = await connect()
    subscription = await waiting_messages(nc, "next.each", b"{}", b"{}", b"[]")
    seen: list[int] = []
    for _ in range(3):
        await subscription.next_msg()
        seen.append(trace.get_current_span().get_span_context().trace_id)
    assert seen == [1, 2, 4]  # the third carried none, and begins a trace of its own
    assert [s.trace for s in spans.spans() if s.name.startswith("receive")] == seen


async def test_an_idle_poll_has_no_span_and_gives_the_context_back(
    connect: Connect, spans: Instrumentation
) -> None:
    """After a timeout nothing is left of the message before."""
    nc = await connect()
    subscription = await waiting_messages(nc, "next.idle", b"{}")
    before = context.get_current()
    await subscription.next_msg()
    assert context.get_current() != before
    with pytest.raises(TimeoutError):
        await subscription.next_msg(timeout=_IDLE)
    assert context.get_current() == before
    with spans.tracer.start_as_current_span("work"), pytest.raises(TimeoutError):
        await subscription.next_msg(timeout=_IDLE)
    assert spans.names() == ["publish next.idle", "receive next.idle", "work"]


async def test_another_subscription_that_is_idle_takes_nothing_away(
    connect: Connect, spans: Instrumentation
) -> None:
    """While a message is worked on, polls of others, and of inboxes, leave its context."""
    nc = await connect()
    subscription = await waiting_messages(nc, "next.main", b"{}")
    other = await nc.subscribe("next.other")
    replies = await nc.subscribe(nc.new_inbox())
    await subscription.next_msg()
    working = context.get_current()
    for idle in (other, replies):
        with pytest.raises(TimeoutError):
            await idle.next_msg(timeout=_IDLE)
    assert context.get_current() == working


async def test_values_that_the_application_sets_meanwhile_stay(
    connect: Connect, spans: Instrumentation
) -> None:
    """Only what we added is taken out of the context."""
    nc = await connect()
    subscription = await waiting_messages(nc, "next.values", b"{}", b"{}")
    context.attach(context.set_value("before", 1))
    await subscription.next_msg()
    context.attach(context.set_value("during", 2))
    await subscription.next_msg()
    assert (context.get_value("before"), context.get_value("during")) == (1, 2)
    with pytest.raises(TimeoutError):
        await subscription.next_msg(timeout=_IDLE)
    assert context.get_current() == {"before": 1, "during": 2}


async def test_a_span_that_has_ended_is_not_taken_for_the_current_one(
    connect: Connect, spans: Instrumentation
) -> None:
    """A worker that was started in a span keeps it for ever; its messages have their own traces."""
    nc = await connect()
    subscription = await waiting_messages(nc, "next.worker", b"{}")
    go = asyncio.Event()

    async def work() -> int:
        await go.wait()
        await subscription.next_msg()
        return trace.get_current_span().get_span_context().trace_id

    with spans.tracer.start_as_current_span("start"):
        worker = asyncio.create_task(work())
    go.set()
    assert await worker == 1


async def test_the_caller_s_context_is_given_back_by_its_own_tokens(
    connect: Connect, spans: Instrumentation, caplog: pytest.LogCaptureFixture
) -> None:
    """Attach and detach around the call work as ever; nothing fails to detach."""
    nc = await connect()
    subscription = await waiting_messages(nc, "next.token", b"{}")
    before = context.get_current()
    token = context.attach(context.set_value("k", "v"))
    await subscription.next_msg()
    context.detach(token)
    assert context.get_current() == before
    assert "detach" not in caplog.text


async def test_other_tasks_are_not_touched(connect: Connect, spans: Instrumentation) -> None:
    """The context is that of the task which asked; a task made afterwards inherits it."""
    nc = await connect()
    subscription = await waiting_messages(nc, "next.tasks", b"{}", b"{}")

    async def current() -> int:
        return trace.get_current_span().get_span_context().trace_id

    waiting = asyncio.Event()

    async def other() -> int:
        await waiting.wait()
        return await current()

    before = asyncio.create_task(other())
    await subscription.next_msg()
    after = asyncio.create_task(current())
    waiting.set()
    assert (await before, await after) == (0, 1)
    await asyncio.create_task(subscription.next_msg())
    assert await current() == 1


async def test_wait_for(connect: Connect, spans: Instrumentation) -> None:
    """From Python 3.12 on the context goes through asyncio.wait_for, before that it does not."""
    nc = await connect()
    subscription = await waiting_messages(nc, "next.wait_for", b"{}")
    message = await asyncio.wait_for(subscription.next_msg(), 5)
    followed = trace.get_current_span().get_span_context().trace_id
    assert followed == (1 if sys.version_info >= (3, 12) else 0)
    with use_message_context(message):
        assert trace.get_current_span().get_span_context().trace_id == 1


async def test_nothing_follows_where_it_is_switched_off(
    connect: Connect, instrumentation: Instrumentation, expected: Expect
) -> None:
    """continue_received=False: the span is there, the current context is the caller's."""
    instrumentation.start(continue_received=False)
    nc = await connect()
    subscription = await waiting_messages(nc, "next.off", b"{}")
    before = context.get_current()
    message = await subscription.next_msg()
    assert context.get_current() == before
    assert instrumentation.spans()[1] == expected(nc).receive("next.off", 1, 2, parent=1)
    with use_message_context(message):
        assert trace.get_current_span().get_span_context().span_id == 2
