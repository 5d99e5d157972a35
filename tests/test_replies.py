"""Requests and replies: the request carries the context, the reply stays as it is."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from nats.aio.msg import Msg

from conftest import CARRIERS, Connect, Expect, Inbox, Instrumentation, settle
from opentelemetry_instrumentation_nats_payload import _client
from opentelemetry_instrumentation_nats_payload._reply import Replies
from spans import field


async def test_a_request_and_its_reply(
    connect: Connect, spans: Instrumentation, expected: Expect
) -> None:
    """The request carries the context; the reply has a span, and comes back as it was sent."""
    nc = await connect()

    async def service(message: Msg) -> None:
        await message.respond(message.data)

    await nc.subscribe("svc.echo", cb=service)
    reply = await nc.request("svc.echo", b'{"q":1}')
    assert reply.data == b'{"q":1' + field(1, 2) + b"}"
    await nc.flush()
    assert spans.spans() == [
        expected(nc).request("svc.echo", 1, 1),
        expected(nc).process("svc.echo", 1, 2, parent=1),
        expected(nc).respond(reply.subject, 1, 3, parent=2),
    ]


async def test_a_callback_on_an_inbox_has_no_span(
    connect: Connect, inbox: Inbox, spans: Instrumentation
) -> None:
    """Scatter and gather: replies that come to an inbox of the application's are not processed."""
    nc = await connect()

    async def service(message: Msg) -> None:
        await nc.publish(message.reply, b'{"r":1}')

    own = nc.new_inbox()
    await nc.subscribe(own, cb=inbox.callback)
    await nc.subscribe("svc.many", cb=service)
    await nc.publish("svc.many", b"{}", reply=own)
    assert await inbox.data() == b'{"r":1}'
    assert spans.names() == ["publish svc.many", "process svc.many", "respond"]


async def test_old_style_requests_work(connect: Connect, spans: Instrumentation) -> None:
    """A request with an inbox of its own gets its reply as it was sent."""
    nc = await connect()

    async def service(message: Msg) -> None:
        await nc.publish(message.reply, b'{"r":1}')

    await nc.subscribe("svc.old", cb=service)
    reply = await nc.request("svc.old", b"{}", old_style=True)
    assert reply.data == b'{"r":1}'
    assert spans.names() == ["request svc.old", "process svc.old", "respond"]


@pytest.mark.parametrize("how", ["respond", "publish", "worker"])
async def test_a_reply_to_any_other_subject_is_known_too(
    connect: Connect, inbox: Inbox, spans: Instrumentation, how: str
) -> None:
    """A requester may name any subject for replies; they are not injected either."""
    nc = await connect()
    pending: asyncio.Queue[Msg] = asyncio.Queue()

    async def service(message: Msg) -> None:
        if how == "respond":
            await message.respond(b'{"r":1}')
        elif how == "publish":
            await nc.publish(message.reply, b'{"r":1}')
        else:
            await pending.put(message)

    async def worker() -> None:
        await (await pending.get()).respond(b'{"r":1}')

    task = asyncio.create_task(worker()) if how == "worker" else None
    await nc.subscribe("my.replies", cb=inbox.callback)
    await nc.subscribe("svc.named", cb=service)
    await nc.publish("svc.named", b"{}", reply="my.replies")
    assert await inbox.data() == b'{"r":1}'
    if task:
        await task
    assert "respond" in spans.names()


@pytest.mark.parametrize("how", ["callback", "worker", "another client"])
async def test_a_custom_inbox_prefix_is_known(
    connect: Connect, inbox: Inbox, spans: Instrumentation, how: str
) -> None:
    """The requester's own inbox prefix, and that of the responder, who only has the message."""
    requester = await connect(inbox_prefix=b"acme.inbox")
    responder = await connect()
    other = await connect() if how == "another client" else responder

    async def respond(message: Msg) -> None:
        await other.publish(message.reply, b'{"r":1}')

    async def work() -> None:
        await respond(await inbox.messages.get())

    worker = asyncio.create_task(work()) if how == "worker" else None
    await responder.subscribe("svc.prefix", cb=inbox.callback if worker else respond)
    await settle(responder)
    reply = await requester.request("svc.prefix", b"{}", timeout=5)
    assert reply.data == b'{"r":1}'
    if worker:
        await worker
    await responder.flush()
    assert "respond" in spans.names()


@pytest.mark.parametrize("reply", ["trading.execution_confirmations", "orders.done"])
async def test_a_subject_is_no_inbox_for_having_been_a_reply_once(
    connect: Connect, inbox: Inbox, spans: Instrumentation, reply: str
) -> None:
    """What has no unique token stays an ordinary subject outside of the callback."""
    nc = await connect()
    requests = Inbox()
    await nc.subscribe("svc.once", cb=requests.callback)
    await nc.subscribe(reply, cb=inbox.callback)
    await nc.publish("svc.once", b"{}", reply=reply)
    await requests.data()
    await nc.publish(reply, b"{}")
    assert b"_otel_trace_headers" in await inbox.data()


@pytest.mark.parametrize(
    ("subject", "is_unique"),
    [
        ("my.box.0Fr5cJvCbaWkzTVVkVbyHP", True),
        ("my.box.0Fr5cJvCbaWkzTVVkVbyHP.gyQXZGBo", True),
        ("my.box.550e8400-e29b-41d4-a716-446655440000", True),
        ("trading.execution_confirmations", False),
        ("trading.averylongbutordinarytokenofwords", False),
        ("_INBOX.0Fr5cJvCbaWkzTVVkVbyHP", False),
        ("$JS.ACK.0Fr5cJvCbaWkzTVVkVbyHP", False),
    ],
)
def test_an_inbox_of_another_prefix_has_a_unique_token(subject: str, is_unique: bool) -> None:
    """A NUID or a UUID; known prefixes need not be remembered."""
    replies = Replies()
    replies.add(subject)
    assert (subject in replies) is is_unique


async def test_a_reply_survives_an_insight_that_fails(
    connect: Connect, spans: Instrumentation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If nats-py moves what we read of a message, replies still go out."""

    def broken(*_: Any) -> Any:
        raise AttributeError("_msg")

    monkeypatch.setattr(_client, "with_reply", broken)
    nc = await connect()

    async def service(message: Msg) -> None:
        await message.respond(b'{"r":1}')

    await nc.subscribe("svc.broken", cb=service)
    assert (await nc.request("svc.broken", b"{}")).data == b'{"r":1}'


@pytest.mark.parametrize("carrier", CARRIERS)
async def test_micro_services_work(
    connect: Connect, instrumentation: Instrumentation, carrier: str
) -> None:
    """Endpoints, their replies and the $SRV subjects work; replies are not injected."""
    micro = pytest.importorskip("nats.micro")
    instrumentation.start(carrier=carrier)
    nc = await connect()

    async def handler(request: Any) -> None:
        await request.respond(b'{"r":%d}' % json.loads(request.data)["q"])

    service = await micro.add_service(nc, name="calc", version="1.0.0")
    await service.add_endpoint(name="add", handler=handler, subject=f"calc.{carrier}")
    reply = await nc.request(f"calc.{carrier}", b'{"q":1}')
    assert reply.data == b'{"r":1}'
    ping = json.loads((await nc.request("$SRV.PING.calc", b"")).data)
    assert ping["name"] == "calc"
    assert "_otel_trace_headers" not in ping
    await service.stop()
    spans = [s for s in instrumentation.spans() if f"calc.{carrier}" in s.name]
    assert [s.name for s in spans] == [f"request calc.{carrier}", f"process calc.{carrier}"]
    assert (spans[1].trace, spans[1].parent) == (spans[0].trace, spans[0].span)


@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize("outside", [False, True])
async def test_headers_of_a_request_are_echoed_without_its_context(
    connect: Connect, instrumentation: Instrumentation, carrier: str, outside: bool
) -> None:
    """respond() sends the request's headers back; its traceparent would be stale in a reply."""
    instrumentation.start(carrier=carrier)
    nc = await connect()
    pending: asyncio.Queue[Msg] = asyncio.Queue()

    async def service(message: Msg) -> None:
        if outside:
            await pending.put(message)
        else:
            await message.respond(b"[]")

    async def work() -> None:
        await (await pending.get()).respond(b"[]")

    task = asyncio.create_task(work())
    await nc.subscribe("svc.headers", cb=service)
    plain = await nc.request("svc.headers", b"[]", headers={"A": "b"})
    assert (plain.data, plain.headers) == (b"[]", {"A": "b"})
    task.cancel()
