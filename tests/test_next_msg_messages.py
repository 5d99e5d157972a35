"""``next_msg``: which messages have a span, what it is called, and what is in their field."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from nats.aio.msg import Msg
from nats.errors import ConnectionClosedError, TimeoutError  # noqa: A004
from opentelemetry import trace
from opentelemetry.instrumentation.utils import suppress_instrumentation

from conftest import Connect, Expect, Instrumentation, settle
from spans import attributes, field, traceparent
from waiting import waiting_messages

_IDLE = 0.02


@pytest.mark.parametrize("consumed_field", ["refresh", "keep", "strip"])
async def test_the_field_is_as_the_settings_say(
    connect: Connect, instrumentation: Instrumentation, consumed_field: str
) -> None:
    """As in a callback: the receive span's context, the bytes as they came, or no field."""
    instrumentation.start(consumed_field=consumed_field)
    nc = await connect()
    subscription = await waiting_messages(nc, "next.field", b'{"a":1}', b'{"a":1}')
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
    subscription = await waiting_messages(nc, "next.link", b"{}")
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
    excluded = await waiting_messages(nc, "no.1")
    feed = await waiting_messages(nc, "feed.1")
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
    subscription = await waiting_messages(nc, nc.new_inbox(), b"{}")
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
    subscription = await waiting_messages(nc, "next.quiet", b"{}")
    with suppress_instrumentation():
        message = await subscription.next_msg()
        assert trace.get_current_span().get_span_context().trace_id == 0
    assert message.data == b'{"_otel_trace_headers":{"traceparent":"%b"}}' % (
        traceparent(1, 1).encode()
    )


async def test_a_cancelled_wait_leaves_nothing(connect: Connect, spans: Instrumentation) -> None:
    """No span; and the next message comes to the next call."""
    nc = await connect()
    subscription = await waiting_messages(nc, "next.cancel")
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
    subscription = await waiting_messages(nc, "bare.in")
    out = await waiting_messages(nc, "bare.out")
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
