"""Replies of which less is known than of others: to untraced requests, and made by hand."""

from __future__ import annotations

import asyncio
import contextvars
import json
import logging
from typing import Any

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from conftest import Connect, Expect, Inbox, Instrumentation, settle
from spans import attributes, field

_UNTRACED = {"excluded_subjects": ["health.>"], "propagate_only_subjects": ["fast.>"]}


async def _micro(nc: Any, **endpoint: Any) -> Any:
    micro = pytest.importorskip("nats.micro", reason="this nats-py has no nats.micro")
    service = await micro.add_service(nc, name="svc", version="1.0.0")
    if endpoint:
        await service.add_endpoint(name="endpoint", **endpoint)
    return service


async def _serve(nc: Client, subject: str, how: str) -> asyncio.Task[None] | None:
    """Answer requests by one of the ways; the task is that of a worker, who answers one."""
    pending: asyncio.Queue[Msg] = asyncio.Queue()

    async def respond(request: Any) -> None:
        await request.respond(b'{"r":1}')

    async def publish(message: Msg) -> None:
        await nc.publish(message.reply, b'{"r":1}')

    async def work() -> None:
        await (await pending.get()).respond(b'{"r":1}')

    if how == "micro":
        await _micro(nc, subject=subject, handler=respond)
    else:
        callbacks = {"respond": respond, "publish": publish, "worker": pending.put}
        await nc.subscribe(subject, cb=callbacks[how])
    await settle(nc)
    return asyncio.create_task(work()) if how == "worker" else None


@pytest.mark.parametrize("carrier", ["payload", "both"])
@pytest.mark.parametrize("how", ["respond", "publish", "worker", "micro"])
@pytest.mark.parametrize(
    ("kind", "propagate_replies"),
    [
        ("health", False),
        ("health", True),
        ("fast", False),
        ("fast", True),
    ],
)
async def test_what_answers_an_untraced_request_is_not_traced(
    connect: Connect,
    instrumentation: Instrumentation,
    kind: str,
    how: str,
    propagate_replies: bool,
    carrier: str,
) -> None:
    """Excluded or propagated only: the reply has no span; only the latter may carry a context."""
    options = {**_UNTRACED, "propagate_replies": propagate_replies, "carrier": carrier}
    instrumentation.start(**options)
    nc = await connect()
    subject = f"{kind}.{how}"
    worker = await _serve(nc, subject, how)
    with instrumentation.tracer.start_as_current_span("work"):
        reply = await nc.request(subject, b'{"q":1}')
    if worker is not None:
        await worker
    await nc.flush()
    assert instrumentation.names() == ["work"]
    is_passed_on = kind == "fast" and propagate_replies
    assert reply.data == b'{"r":1' + (field(1, 1) if is_passed_on else b"") + b"}"
    assert ("traceparent" in (reply.headers or {})) is (is_passed_on and carrier == "both")


async def test_monitoring_of_services_is_not_traced(
    connect: Connect, instrumentation: Instrumentation
) -> None:
    """$SRV: neither the request nor what nats-py answers."""
    instrumentation.start(propagate_replies=True, carrier="both")
    nc = await connect()
    await _micro(nc)
    await settle(nc)
    for verb in ("PING", "INFO", "STATS"):
        reply = await nc.request(f"$SRV.{verb}.svc", b"")
        assert json.loads(reply.data)["name"] == "svc"
        assert b"traceparent" not in reply.data
        assert "traceparent" not in (reply.headers or {})
    await nc.flush()
    assert instrumentation.names() == []


async def test_a_handler_that_answers_an_error_and_then_raises(
    connect: Connect, spans: Instrumentation, expected: Expect
) -> None:
    """The exception says more than the answer, and is on the span."""
    nc = await connect()

    async def handler(request: Any) -> None:
        await request.respond_error("400", description="bad order")
        raise LookupError("no such order")

    service = await _micro(nc, subject="calc.both", handler=handler)
    reply: Any = await nc.request("calc.both", b"{}")
    await service.stop()
    assert reply.headers["Nats-Service-Error"] == "bad order"
    error = attributes({"messaging.consumer.group.name": "q", "error.type": "LookupError"})
    assert spans.spans()[1] == expected(nc).process("calc.both", 1, 2, parent=1).but(
        status="ERROR", description="no such order", events=("exception",), attributes=error
    )


@pytest.mark.parametrize("carrier", ["headers", "both"])
async def test_a_reply_by_hand_with_the_headers_of_its_request(
    connect: Connect, instrumentation: Instrumentation, carrier: str
) -> None:
    """What was added to them on the way to the callback does not go back."""
    instrumentation.start(carrier=carrier)
    nc = await connect()

    async def service(message: Msg) -> None:
        await nc.publish(message.reply, b'{"r":1}', headers=message.headers)

    await nc.subscribe("svc.hand", cb=service)
    await settle(nc)
    reply = await nc.request("svc.hand", b'{"q":1}', headers={"X": "1"})
    assert (reply.data, reply.headers) == (b'{"r":1}', {"X": "1"})


class _Waiting(Client):
    """Waits for ever where a reply goes out."""

    async def publish(self, subject: str, *args: Any, **kwargs: Any) -> None:
        if subject == "my.replies":
            await asyncio.Event().wait()
        await super().publish(subject, *args, **kwargs)


async def test_a_respond_that_is_thrown_away_in_another_context(
    server: str, inbox: Inbox, spans: Instrumentation, caplog: pytest.LogCaptureFixture
) -> None:
    """As the garbage collector does once the loop is closed: nothing is logged."""
    nc = _Waiting()
    await nc.connect(server)
    await nc.subscribe("svc.thrown", cb=inbox.callback)
    await settle(nc)
    await nc.publish("svc.thrown", b"{}", reply="my.replies")
    message = await inbox.messages.get()
    respond: Any = message.respond(b"{}")
    contextvars.copy_context().run(respond.send, None)
    respond.close()
    await nc.close()
    assert [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING] == []
