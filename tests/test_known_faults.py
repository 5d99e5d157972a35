"""Faults that instrumentations of nats-py are known for: calls, payloads and callbacks."""

from __future__ import annotations

import asyncio
import functools
import gzip
from collections.abc import Callable
from typing import Any

import nats.errors
import pytest
from nats.aio.msg import Msg
from opentelemetry.instrumentation.utils import suppress_instrumentation

from conftest import CARRIERS, Connect, Expect, Inbox, Instrumentation, settle
from spans import traceparent


@pytest.mark.parametrize("carrier", CARRIERS)
async def test_publish_takes_everything_by_position(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation, carrier: str
) -> None:
    """Headers may be the fourth positional argument, the reply subject the third."""
    instrumentation.start(carrier=carrier, consumed_field="strip")
    nc = await connect()
    await nc.subscribe("fault.position", "", inbox.callback)
    await nc.publish("fault.position", b'{"a":1}', "fault.reply", {"A": "b"})
    message = await inbox.messages.get()
    assert message.headers
    assert (message.data, message.reply) == (b'{"a":1}', "fault.reply")
    assert message.headers["A"] == "b"


@pytest.mark.parametrize("carrier", CARRIERS)
async def test_request_takes_everything_by_position(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation, carrier: str
) -> None:
    """Payload, timeout, old_style and headers of a request may come without their names."""
    instrumentation.start(carrier=carrier, consumed_field="strip")
    nc = await connect()

    async def service(message: Msg) -> None:
        await inbox.callback(message)
        await nc.publish(message.reply, b'{"r":1}', "", {"C": "d"})

    await nc.subscribe("fault.request", "", service)
    reply = await nc.request("fault.request", b'{"a":1}', 5, False, {"A": "b"})
    assert (reply.data, reply.headers) == (b'{"r":1}', {"C": "d"})
    message = await inbox.messages.get()
    assert message.headers
    assert (message.data, message.headers["A"]) == (b'{"a":1}', "b")
    reply = await nc.request("fault.request", b'{"a":2}', 5, True)
    assert reply.data == b'{"r":1}'
    assert await inbox.data() == b'{"a":2}'


async def test_a_positional_queue_group_delivers_each_message_once(
    connect: Connect, spans: Instrumentation
) -> None:
    """subscribe("s", "workers", callback) stays in its group, also over two connections."""
    received: list[bytes] = []

    async def callback(message: Msg) -> None:
        received.append(message.data[:2])

    clients = [await connect(), await connect()]
    subscriptions = [await nc.subscribe("fault.queue", "workers", callback) for nc in clients]
    for nc in clients:
        await settle(nc)
    payloads = [b"%02d" % number for number in range(50)]
    for payload in payloads:
        await clients[0].publish("fault.queue", payload)
    await settle(clients[0])
    for subscription in subscriptions:
        await subscription.drain()
    assert sorted(received) == payloads
    groups = {span.attributes.get("messaging.consumer.group.name") for span in spans.spans()[1:]}
    assert {group.value for group in groups if group} == {"workers"}


@pytest.mark.parametrize("raised", [ValueError("no such symbol"), TypeError("wrong call")])
@pytest.mark.parametrize("carrier", CARRIERS)
async def test_a_callback_that_raises_runs_once(
    connect: Connect, instrumentation: Instrumentation, carrier: str, raised: Exception
) -> None:
    """The callback's error is no reason to call it again; error_cb gets that very error, once."""
    instrumentation.start(carrier=carrier)
    errors: list[Exception] = []
    runs: list[bytes] = []

    async def report(error: Exception) -> None:
        errors.append(error)

    async def callback(message: Msg) -> None:
        runs.append(message.subject.encode())
        raise raised

    nc = await connect(error_cb=report)
    subscription = await nc.subscribe("fault.raises", cb=callback)
    await nc.publish("fault.raises", b"{}")
    await settle(nc)
    await subscription.drain()
    assert len(runs) == 1
    assert [error is raised for error in errors] == [True]


_NO_OBJECTS = {
    "empty": b"",
    "blank": b" \n",
    "array": b'[{"a": 1}, 2]',
    "string": b'"text"',
    "number": b"1.50",
    "null": b"null",
    "text": b"price=50000",
    "ndjson": b'{"a":1}\n{"b":2}\n',
    "binary": bytes(range(256)),
    "gzip": gzip.compress(b'{"a":1}', mtime=0),
    "msgpack": b"\x81\xa1a\x01",
}


@pytest.mark.parametrize("payload", _NO_OBJECTS.values(), ids=_NO_OBJECTS.keys())
@pytest.mark.parametrize("carrier", CARRIERS)
async def test_what_is_no_object_is_not_wrapped_into_one(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation, carrier: str, payload: bytes
) -> None:
    """Byte for byte: on the wire, in the callback, as a request and as its reply."""
    instrumentation.start(carrier=carrier, propagate_replies=True)
    nc = await connect()

    async def echo(message: Msg) -> None:
        await inbox.callback(message)
        if message.reply:
            await message.respond(message.data)

    wire = await nc.subscribe("fault.bytes")
    await nc.subscribe("fault.bytes", cb=echo)
    await nc.publish("fault.bytes", payload)
    assert (await wire.next_msg(timeout=5)).data == payload
    assert await inbox.data() == payload
    assert (await nc.request("fault.bytes", payload, timeout=5)).data == payload
    assert (await wire.next_msg(timeout=5)).data == payload
    assert await inbox.data() == payload


@pytest.mark.parametrize("payload", [b'{"a":1}', b"[1]"], ids=["object", "array"])
@pytest.mark.parametrize("carrier", CARRIERS)
async def test_header_dicts_stay_the_caller_s(
    connect: Connect, instrumentation: Instrumentation, carrier: str, payload: bytes
) -> None:
    """A dict of headers, shared by many messages, is after each call what it was before."""
    instrumentation.start(carrier=carrier)
    nc = await connect()
    js = nc.jetstream()
    subject = f"fault.dict.{carrier}.{len(payload)}"
    await js.add_stream(name=f"FAULT-DICT-{carrier}-{len(payload)}", subjects=[f"{subject}.js"])

    async def service(message: Msg) -> None:
        await message.respond(b"")

    await nc.subscribe(f"{subject}.service", cb=service)
    for before in ({}, {"A": "b"}, {"A": "b", "traceparent": traceparent(7, 8)}):
        headers = dict(before)
        await nc.publish(subject, payload, headers=headers)
        assert headers == before
        await nc.request(f"{subject}.service", payload, timeout=5, headers=headers)
        assert headers == before
        await js.publish(f"{subject}.js", payload, headers=headers)
        assert headers == before


def _sync(message: Msg) -> None:
    """No coroutine function."""


class _AsyncCall:
    async def __call__(self, message: Msg) -> None:
        """nats-py does not look at ``__call__``."""


_LAMBDA: Callable[[Msg], None] = lambda message: None  # noqa: E731
_REFUSED = {
    "function": _sync,
    "lambda": _LAMBDA,
    "partial": functools.partial(_sync),
    "object": _AsyncCall(),
}


@pytest.mark.parametrize("callback", _REFUSED.values(), ids=_REFUSED.keys())
async def test_a_callback_that_is_no_coroutine_function_is_refused_at_once(
    connect: Connect, spans: Instrumentation, callback: Any
) -> None:
    """subscribe() says it, by position and by keyword, and not the first message."""
    nc = await connect()
    with pytest.raises(nats.errors.Error, match="must use coroutine"):
        await nc.subscribe("fault.sync", cb=callback)
    with pytest.raises(nats.errors.Error, match="must use coroutine"):
        await nc.subscribe("fault.sync", "workers", callback)
    await nc.publish("fault.sync", b"{}")
    await settle(nc)
    assert spans.names() == ["publish fault.sync"]


@pytest.mark.parametrize("payload", [b"{}", b"[1]"], ids=["object", "array"])
async def test_a_subscription_made_under_suppression_is_traced_afterwards(
    connect: Connect, spans: Instrumentation, expected: Expect, payload: bytes
) -> None:
    """Its messages have their spans, with a context or without, and so has what it publishes."""
    nc = await connect()
    done = asyncio.Event()

    async def callback(message: Msg) -> None:
        await nc.publish("fault.next", b"{}")
        done.set()

    with suppress_instrumentation():
        subscription = await nc.subscribe("fault.suppressed", cb=callback)
    await nc.publish("fault.suppressed", payload)
    await done.wait()
    await subscription.drain()
    process = expected(nc).process("fault.suppressed", 1, 2, parent=1)
    if payload == b"[1]":
        process = process.but(trace=2, parent=None, links=())
    assert spans.spans() == [
        expected(nc).publish("fault.suppressed", 1, 1),
        process,
        expected(nc).publish("fault.next", process.trace, 3, parent=2),
    ]
