"""A request is one span, from the message that goes out to the reply that comes in."""

from __future__ import annotations

import asyncio

import pytest
from nats.aio.msg import Msg
from nats.errors import ConnectionClosedError, NoRespondersError, TimeoutError  # noqa: A004
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.trace import SpanKind

from conftest import CARRIERS, Connect, Expect, Inbox, Instrumentation, settle
from spans import attributes, field, traceparent


async def _echo(message: Msg) -> None:
    await message.respond(message.data)


@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize("old_style", [False, True])
async def test_a_round_trip_is_three_spans(
    connect: Connect,
    instrumentation: Instrumentation,
    expected: Expect,
    carrier: str,
    old_style: bool,
) -> None:
    """Request, process and respond, in one trace; no inner publish, and nothing of the inbox."""
    instrumentation.start(carrier=carrier)
    nc = await connect()
    await nc.subscribe("trip", cb=_echo)
    await settle(nc)
    with instrumentation.tracer.start_as_current_span("work"):
        reply = await nc.request("trip", b'{"q":1}', old_style=old_style)
    await nc.flush()
    assert instrumentation.spans()[1:] == [
        expected(nc).request("trip", 1, 2, parent=1),
        expected(nc).process("trip", 1, 3, parent=2),
        expected(nc).respond(reply.subject, 1, 4, parent=3),
    ]


async def test_the_span_covers_the_wait(connect: Connect, spans: Instrumentation) -> None:
    """It ends after the span of the reply has ended."""
    nc = await connect()
    ended: list[str] = []
    await nc.subscribe("wait", cb=_echo)
    await settle(nc)
    await nc.request("wait", b"{}")
    await nc.flush()
    ended = [span.name for span in spans.finished()]
    assert ended.index("respond") < ended.index("request wait")


async def test_a_request_without_responders_fails(
    connect: Connect, spans: Instrumentation, expected: Expect
) -> None:
    """Error type and status, and no stack trace."""
    nc = await connect()
    with pytest.raises(NoRespondersError):
        await nc.request("nobody", b"{}")
    assert spans.spans() == [
        expected(nc)
        .request("nobody", 1, 1)
        .but(
            status="ERROR",
            description="nats: no responders available for request",
            attributes=attributes({"error.type": "nats.errors.NoRespondersError"}),
        )
    ]


@pytest.mark.parametrize("old_style", [False, True])
async def test_a_request_that_times_out_fails(
    connect: Connect, inbox: Inbox, spans: Instrumentation, expected: Expect, old_style: bool
) -> None:
    """The same for a responder that does not answer."""
    nc = await connect()
    await nc.subscribe("slow", cb=inbox.callback)
    await settle(nc)
    with pytest.raises(TimeoutError):
        await nc.request("slow", b"{}", timeout=0.02, old_style=old_style)
    await inbox.data()
    assert spans.spans()[0] == expected(nc).request("slow", 1, 1).but(
        status="ERROR",
        description="nats: timeout",
        attributes=attributes({"error.type": "nats.errors.TimeoutError"}),
    )


async def test_a_request_on_a_closed_connection_fails(
    connect: Connect, spans: Instrumentation
) -> None:
    """It fails before anything is published, and is seen all the same."""
    nc = await connect()
    await nc.close()
    with pytest.raises(ConnectionClosedError):
        await nc.request("closed", b"{}")
    (request,) = spans.spans()
    assert (request.name, request.status) == ("request closed", "ERROR")
    assert request.attributes["error.type"].value == "nats.errors.ConnectionClosedError"


async def test_a_cancelled_request_is_no_error(
    connect: Connect, inbox: Inbox, spans: Instrumentation, expected: Expect
) -> None:
    """The span ends; what comes after it in the task is not part of it."""
    nc = await connect()
    await nc.subscribe("cancel", cb=inbox.callback)
    await settle(nc)
    task = asyncio.create_task(nc.request("cancel", b"{}", timeout=20))
    await inbox.data()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert spans.spans()[0] == expected(nc).request("cancel", 1, 1)


async def test_concurrent_requests_do_not_mix(connect: Connect, spans: Instrumentation) -> None:
    """Each has its own span and its own trace."""
    nc = await connect()
    await nc.subscribe("many", cb=_echo)
    await settle(nc)
    replies = await asyncio.gather(
        *(nc.request("many", b'{"n":%d}' % number, timeout=5) for number in range(20))
    )
    assert [reply.data.partition(b",")[0] for reply in replies] == [
        b'{"n":%d' % number for number in range(20)
    ]
    await nc.flush()
    by_trace: dict[int, list[str]] = {}
    for span in spans.spans():
        by_trace.setdefault(span.trace, []).append(span.name)
    assert list(by_trace.values()) == [["request many", "process many", "respond"]] * 20


async def test_a_publish_after_a_request_has_its_own_span(
    connect: Connect, inbox: Inbox, spans: Instrumentation
) -> None:
    """Also in tasks that nats-py made during the first request."""
    nc = await connect()
    await nc.subscribe("after.reply", cb=_echo)
    await nc.subscribe("after.plain", cb=inbox.callback)
    await settle(nc)
    await nc.request("after.reply", b"[]")
    await nc.publish("after.plain", b"[]")
    await inbox.data()
    names = spans.names()
    assert names[-2:] == ["publish after.plain", "process after.plain"]


@pytest.mark.parametrize("source", ["payload", "headers"])
async def test_a_reply_of_another_trace_is_linked(
    connect: Connect, spans: Instrumentation, expected: Expect, source: str
) -> None:
    """A stored message that comes as a reply never re-parents, and stays as it is."""
    nc = await connect()
    stored = b'{"a":1' + field(77, 88) + b"}" if source == "payload" else b"[]"
    headers = {"Traceparent": traceparent(77, 88)} if source == "headers" else None

    async def service(message: Msg) -> None:
        await nc.publish(message.reply, stored, headers=headers)

    await nc.subscribe("stored", cb=service)
    await settle(nc)
    reply = await nc.request("stored", b"{}")
    assert (reply.data, reply.headers) == (stored, headers)
    await nc.flush()
    assert spans.spans()[0] == expected(nc).request("stored", 1, 1).but(links=((77, 88),))


async def test_strip_takes_the_field_out_of_a_reply(
    connect: Connect, instrumentation: Instrumentation
) -> None:
    """The application sees what the sender's application published."""
    instrumentation.start(consumed_field="strip", propagate_replies=True)
    nc = await connect()
    await nc.subscribe("strip.reply", cb=_echo)
    await settle(nc)
    assert (await nc.request("strip.reply", b'{"q":1}')).data == b'{"q":1}'


@pytest.mark.parametrize("carrier", CARRIERS)
async def test_replies_carry_the_context_where_that_is_wanted(
    connect: Connect, instrumentation: Instrumentation, expected: Expect, carrier: str
) -> None:
    """propagate_replies: the span of the reply is a producer, and its context is in the reply."""
    instrumentation.start(carrier=carrier, propagate_replies=True)
    nc = await connect()

    async def service(message: Msg) -> None:
        await message.respond(b'{"r":1}')

    await nc.subscribe("svc.context", cb=service)
    await settle(nc)
    reply = await nc.request("svc.context", b'{"q":1}')
    await nc.flush()
    in_payload, in_headers = carrier != "headers", carrier in ("headers", "both")
    assert reply.data == b'{"r":1' + (field(1, 3) if in_payload else b"") + b"}"
    assert reply.headers == ({"traceparent": traceparent(1, 3)} if in_headers else None)
    respond = expected(nc).respond(reply.subject, 1, 3, parent=2)
    assert instrumentation.spans()[2] == respond.but(kind=SpanKind.PRODUCER.name)


async def test_a_suppressed_request_goes_out_as_it_is(
    connect: Connect, inbox: Inbox, spans: Instrumentation
) -> None:
    """No span and no field."""
    nc = await connect()

    async def service(message: Msg) -> None:
        await inbox.callback(message)
        with suppress_instrumentation():
            await message.respond(b"{}")

    await nc.subscribe("quiet", cb=service)
    await settle(nc)
    with suppress_instrumentation():
        reply = await nc.request("quiet", b'{"q":1}')
    assert reply.data == b"{}"
    assert await inbox.data() == b'{"q":1}'
    assert spans.names() == ["process quiet"]
