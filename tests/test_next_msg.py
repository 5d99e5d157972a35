"""``next_msg``: a span when the message is handed over, and the context of what follows."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import ConnectionClosedError, TimeoutError  # noqa: A004
from opentelemetry import context, trace
from opentelemetry.instrumentation.utils import suppress_instrumentation

from conftest import CARRIERS, Connect, Expect, Inbox, Instrumentation, settle
from opentelemetry_instrumentation_nats_payload import use_message_context
from spans import attributes, field, traceparent

_IDLE = 0.02


async def _published(nc: Any, subject: str, *payloads: bytes) -> Subscription:
    """A subscription to ``subject`` that has ``payloads`` waiting."""
    subscription: Subscription = await nc.subscribe(subject)
    await settle(nc)
    for payload in payloads:
        await nc.publish(subject, payload)
    await settle(nc)
    return subscription


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
    subscription = await _published(nc, "next.in", b"{}")
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
    subscription = await _published(nc, "next.ambient", b'{"a":1}')
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
    subscription = await _published(nc, "next.wait")
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
    subscription = await _published(nc, "next.each", b"{}", b"{}", b"[]")
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
    subscription = await _published(nc, "next.idle", b"{}")
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
    subscription = await _published(nc, "next.main", b"{}")
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
    subscription = await _published(nc, "next.values", b"{}", b"{}")
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
    subscription = await _published(nc, "next.worker", b"{}")
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
    subscription = await _published(nc, "next.token", b"{}")
    before = context.get_current()
    token = context.attach(context.set_value("k", "v"))
    await subscription.next_msg()
    context.detach(token)
    assert context.get_current() == before
    assert "detach" not in caplog.text


async def test_other_tasks_are_not_touched(connect: Connect, spans: Instrumentation) -> None:
    """The context is that of the task which asked; a task made afterwards inherits it."""
    nc = await connect()
    subscription = await _published(nc, "next.tasks", b"{}", b"{}")

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
    subscription = await _published(nc, "next.wait_for", b"{}")
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
    subscription = await _published(nc, "next.off", b"{}")
    before = context.get_current()
    message = await subscription.next_msg()
    assert context.get_current() == before
    assert instrumentation.spans()[1] == expected(nc).receive("next.off", 1, 2, parent=1)
    with use_message_context(message):
        assert trace.get_current_span().get_span_context().span_id == 2


@pytest.mark.parametrize("consumed_field", ["refresh", "keep", "strip"])
async def test_the_field_is_as_the_settings_say(
    connect: Connect, instrumentation: Instrumentation, consumed_field: str
) -> None:
    """As in a callback: the receive span's context, the bytes as they came, or no field."""
    instrumentation.start(consumed_field=consumed_field)
    nc = await connect()
    subscription = await _published(nc, "next.field", b'{"a":1}', b'{"a":1}')
    message = await subscription.next_msg()
    fields = {"refresh": field(1, 3), "keep": field(1, 1), "strip": b""}
    assert message.data == b'{"a":1' + fields[consumed_field] + b"}"
    await subscription.next_msg()
    assert subscription.pending_bytes == 0


async def test_a_new_trace_that_is_linked(
    connect: Connect, instrumentation: Instrumentation, expected: Expect
) -> None:
    """consumer_parent=link: as for callbacks."""
    instrumentation.start(consumer_parent="link")
    nc = await connect()
    subscription = await _published(nc, "next.link", b"{}")
    await subscription.next_msg()
    await nc.publish("next.link", b"{}")
    receive = expected(nc).receive("next.link", 2, 2, parent=1).but(parent=None, links=((1, 1),))
    assert instrumentation.spans()[1:] == [receive, expected(nc).publish("next.link", 2, 3, 2)]


async def test_names_and_queue_of_the_subscription(
    connect: Connect, spans: Instrumentation, expected: Expect
) -> None:
    """A wildcard subscription is the template, its queue group the consumer group."""
    nc = await connect()
    subscription = await nc.subscribe("next.*.new", "workers")
    await settle(nc)
    await nc.publish("next.a.new", b"{}")
    await subscription.next_msg()
    assert spans.spans()[1] == expected(nc).receive("next.a.new", 1, 2, parent=1).but(
        name="receive next.*.new",
        attributes=attributes(
            {
                "messaging.destination.template": "next.*.new",
                "messaging.consumer.group.name": "workers",
            }
        ),
    )


async def test_excluded_and_propagate_only_subjects(
    connect: Connect, instrumentation: Instrumentation
) -> None:
    """No span and nothing that follows; no span, and the context that the message carried."""
    instrumentation.start(excluded_subjects=["no.>"], propagate_only_subjects=["feed.>"])
    nc = await connect()
    excluded = await _published(nc, "no.1")
    feed = await _published(nc, "feed.1")
    for subject in ("no.1", "feed.1"):
        await nc.publish(subject, b"{}", headers={"traceparent": traceparent(7, 8)})
    await nc.flush()
    await excluded.next_msg()
    assert trace.get_current_span().get_span_context().trace_id == 0
    await feed.next_msg()
    assert trace.get_current_span().get_span_context().trace_id == 7
    assert instrumentation.names() == []


async def test_messages_on_an_inbox_have_no_span(connect: Connect, spans: Instrumentation) -> None:
    """Scatter and gather: replies are the requester's own."""
    nc = await connect()
    subscription = await _published(nc, nc.new_inbox(), b"{}")
    await subscription.next_msg()
    assert spans.names() == ["respond"]
    assert trace.get_current_span().get_span_context().trace_id == 0


async def test_a_failure_under_a_span_is_recorded(
    connect: Connect, spans: Instrumentation, expected: Expect
) -> None:
    """Only there: a loop that polls a closed connection would fill the backend."""
    nc = await connect()
    subscription = await nc.subscribe("next.fail")
    failed = expected(nc).receive("next.fail", 1, 2, parent=1)
    await nc.close()
    with pytest.raises((ConnectionClosedError, TimeoutError)) as error:
        await subscription.next_msg(timeout=_IDLE)
    if not isinstance(error.value, ConnectionClosedError):
        pytest.skip("this nats-py goes on waiting on a closed connection")
    with spans.tracer.start_as_current_span("work"), pytest.raises(ConnectionClosedError):
        await subscription.next_msg()
    (found,) = (s for s in spans.spans() if s.name != "work")
    values = attributes({"error.type": "nats.errors.ConnectionClosedError"})
    assert found == failed.but(
        links=(), status="ERROR", description="nats: connection closed", attributes=values
    )


async def test_wrong_arguments_are_refused_as_ever(
    connect: Connect, spans: Instrumentation
) -> None:
    """With nats-py's own word for them."""
    nc = await connect()
    subscription: Any = await nc.subscribe("next.wrong")
    with pytest.raises(TypeError, match="next_msg"):
        await subscription.next_msg(1, 2)


async def test_under_suppression_messages_come_as_they_are(
    connect: Connect, spans: Instrumentation
) -> None:
    """No span, no context, and the field as it came."""
    nc = await connect()
    subscription = await _published(nc, "next.quiet", b"{}")
    with suppress_instrumentation():
        message = await subscription.next_msg()
        assert trace.get_current_span().get_span_context().trace_id == 0
    assert message.data == b'{"_otel_trace_headers":{"traceparent":"%b"}}' % (
        traceparent(1, 1).encode()
    )


async def test_a_cancelled_wait_leaves_nothing(connect: Connect, spans: Instrumentation) -> None:
    """No span; and the next message comes to the next call."""
    nc = await connect()
    subscription = await _published(nc, "next.cancel")
    waiting = asyncio.create_task(subscription.next_msg(timeout=20))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises((asyncio.CancelledError, TimeoutError)):  # the latter in nats-py 2.2
        await waiting
    await nc.publish("next.cancel", b"[]")
    assert (await subscription.next_msg()).data == b"[]"
    assert spans.names() == ["publish next.cancel", "receive next.cancel"]


async def test_without_an_sdk_the_context_passes_through(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, instrumentation: Instrumentation
) -> None:
    """What the message carried goes out with what is published next."""
    instrumentation.start(tracer_provider=trace.NoOpTracerProvider())
    nc = await connect()
    subscription = await _published(nc, "bare.in")
    out = await _published(nc, "bare.out")
    await nc.publish("bare.in", b'{"a":1' + field(7, 8) + b"}")
    message = await subscription.next_msg()
    assert message.data == b'{"a":1' + field(7, 8) + b"}"
    await nc.publish("bare.out", b'{"b":2}')
    assert (await out.next_msg()).data == b'{"b":2' + field(7, 8) + b"}"


async def test_the_future_of_a_subscription(
    connect: Connect, spans: Instrumentation, expected: Expect
) -> None:
    """subscribe(future=): the span and the field are there when the future is awaited."""
    nc = await connect()
    future: asyncio.Future[Msg] = asyncio.get_running_loop().create_future()
    await nc.subscribe("next.future", future=future)
    await settle(nc)
    await nc.publish("next.future", b'{"a":1}')
    assert (await future).data == b'{"a":1' + field(1, 2) + b"}"
    assert spans.spans()[1] == expected(nc).receive("next.future", 1, 2, parent=1)


async def test_a_future_that_failed_stays_the_application_s(
    connect: Connect, spans: Instrumentation, caplog: pytest.LogCaptureFixture
) -> None:
    """A cancelled one, and one with an exception: asyncio still says that nobody looked at it."""
    nc = await connect()
    loop = asyncio.get_running_loop()
    cancelled: asyncio.Future[Msg] = loop.create_future()
    failed: asyncio.Future[Msg] = loop.create_future()
    for number, future in enumerate((cancelled, failed)):
        await nc.subscribe(f"next.broken.{number}", future=future)
    cancelled.cancel()
    failed.set_exception(ValueError("lost"))
    await asyncio.sleep(0)
    assert failed._log_traceback  # type: ignore[attr-defined]
    assert isinstance(failed.exception(), ValueError)
    assert caplog.records == []
