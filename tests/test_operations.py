"""Operations that are more than a publish: what is part of them, and what their spans hold."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import MsgAlreadyAckdError
from nats.js.client import JetStreamContext
from opentelemetry.sdk.trace import ReadableSpan

from conftest import Connect, Expect, Inbox, Instrumentation, settle
from expected import settlement
from opentelemetry_instrumentation_nats_payload import NATSInstrumentor
from spans import field


def _is_audited(subject: str) -> bool:
    return not subject.startswith(("$", "_INBOX", "audit"))


class _Auditing(Client):
    """Publishes another message before each of the application's."""

    async def publish(self, subject: str, *args: Any, **kwargs: Any) -> None:
        if _is_audited(subject):
            await super().publish("audit", b"[]")
        await super().publish(subject, *args, **kwargs)


def _audit(publish: Any) -> Any:
    """The same as a wrapper that was put around ours."""

    async def audited(self: Client, subject: str, *args: Any, **kwargs: Any) -> None:
        if _is_audited(subject):
            await self.publish("audit", b"[]")
        await publish(self, subject, *args, **kwargs)

    return audited


@asynccontextmanager
async def _auditing(server: str, how: str) -> AsyncGenerator[Client]:
    """A connection that audits, as a subclass or by a wrapper."""
    client = _Auditing() if how == "subclass" else Client()
    with pytest.MonkeyPatch.context() as patch:
        if how == "wrapper":
            patch.setattr(Client, "publish", _audit(Client.publish))
        await client.connect(server)
        yield client
        await client.close()


@pytest.mark.parametrize("how", ["subclass", "wrapper"])
async def test_a_request_before_which_something_else_is_published(
    server: str, spans: Instrumentation, how: str
) -> None:
    """The other message has its own publish span, the request keeps its own."""

    async def echo(message: Msg) -> None:
        await message.respond(message.data)

    async with _auditing(server, how) as nc:
        await nc.subscribe(f"svc.{how}", cb=echo)
        await settle(nc)
        reply = await nc.request(f"svc.{how}", b'{"q":1}')
        await nc.flush()
    assert reply.data == b'{"q":1' + field(2, 3) + b"}"
    assert [(s.name, s.trace, s.parent) for s in spans.spans()] == [
        ("publish audit", 1, None),
        (f"request svc.{how}", 2, None),
        (f"process svc.{how}", 2, 2),
        ("respond", 2, 3),
    ]


@pytest.mark.parametrize("method", ["publish", "publish_async"])
@pytest.mark.parametrize("how", ["subclass", "wrapper"])
async def test_a_retry_before_which_something_else_is_published(
    server: str, spans: Instrumentation, method: str, how: str
) -> None:
    """The message that was refused for its growth is sent again, under its one span."""
    if not hasattr(JetStreamContext, method):
        pytest.skip(f"this nats-py has no {method}")
    name = f"AUDITED-{method}-{how}"
    payload = b'{"a":"%b"}' % (b"x" * 60)
    async with _auditing(server, how) as nc:
        js = nc.jetstream()
        await js.add_stream(name=name, subjects=[f"{name}.>"], max_msg_size=100)
        ack = await getattr(js, method)(f"{name}.1", payload)
        ack = await ack if method == "publish_async" else ack
        assert ack.seq == 1
        assert (await js.get_msg(name, 1)).data == payload
    found = [(span.name, span.status) for span in spans.spans()]
    audit = ("publish audit", "UNSET")
    assert found == [audit, (f"publish {name}.1", "UNSET"), audit]
    assert spans.spans()[1].attributes["messaging.message.id"].value == f"{name}:1"


async def test_an_inner_wrapper_that_returns_nothing(
    connect: Connect, instrumentation: Instrumentation, expected: Expect
) -> None:
    """No acknowledgement is no refusal: the message is stored once, and its span ends."""
    original: Any = JetStreamContext.publish

    async def publish(*args: Any, **kwargs: Any) -> None:
        await original(*args, **kwargs)

    nc = await connect()
    js = nc.jetstream()
    await js.add_stream(name="NOTHING", subjects=["NOTHING.>"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JetStreamContext, "publish", publish)
        instrumentation.start()
        ack: object = await js.publish("NOTHING.1", b"{}")
        NATSInstrumentor().uninstrument()
    assert ack is None
    assert (await js.stream_info("NOTHING")).state.messages == 1
    assert instrumentation.spans() == [expected(nc).publish("NOTHING.1", 1, 1)]


_READS: dict[str, Callable[[JetStreamContext, str], Awaitable[Any]]] = {
    "get_msg": lambda js, name: js.get_msg(name, 1),
    "get_msg direct": lambda js, name: js.get_msg(name, 1, direct=True),
    "get_last_msg": lambda js, name: js.get_last_msg(name, f"{name}.1"),
    "get_last_msg direct": lambda js, name: js.get_last_msg(name, f"{name}.1", direct=True),
}


@pytest.mark.parametrize("read", list(_READS))
@pytest.mark.parametrize("consumed_field", ["strip", "refresh", "keep"])
async def test_a_message_that_is_read_out_of_its_stream(
    connect: Connect, instrumentation: Instrumentation, consumed_field: str, read: str
) -> None:
    """With strip it is what the application published, and else what is stored."""
    instrumentation.start(consumed_field=consumed_field)
    nc = await connect()
    js = nc.jetstream()
    name = f"READ-{consumed_field}-{read.replace(' ', '-')}"
    await js.add_stream(name=name, subjects=[f"{name}.>"], allow_direct=True)
    await js.publish(f"{name}.1", b'{"a":1}')
    member = b"" if consumed_field == "strip" else field(1, 1)
    assert (await _READS[read](js, name)).data == b'{"a":1' + member + b"}"


@pytest.mark.parametrize("is_direct", [False, True])
async def test_an_entry_of_a_bucket_is_read_as_it_was_put(
    connect: Connect, instrumentation: Instrumentation, is_direct: bool
) -> None:
    """Also one that holds a field of its own, and with strip."""
    instrumentation.start(consumed_field="strip")
    js = (await connect()).jetstream()
    bucket: Any = await js.create_key_value(bucket=f"READ-{is_direct}", direct=is_direct)
    value = b'{"a":1' + field(7, 8) + b"}"
    await bucket.put("k", value)
    assert (await bucket.get("k")).value == value
    message = await js.get_last_msg(f"KV_READ-{is_direct}", f"$KV.READ-{is_direct}.k")
    assert message.data == value


async def test_a_reply_of_a_worker_is_in_the_trace_of_its_request(
    connect: Connect, inbox: Inbox, spans: Instrumentation, expected: Expect
) -> None:
    """It is a child of the process span, which has ended; nothing else is current."""
    nc = await connect()
    await nc.subscribe("worker.reply", cb=inbox.callback)
    await settle(nc)
    request = asyncio.create_task(nc.request("worker.reply", b"{}"))
    message = await inbox.messages.get()
    await message.respond(b"[]")
    reply = await request
    assert spans.spans()[2] == expected(nc).respond(reply.subject, 1, 3, parent=2)


@pytest.mark.parametrize("operation", ["ack", "ack_sync", "nak", "term", "in_progress"])
async def test_a_settlement_of_a_worker_is_in_the_trace_of_its_message(
    connect: Connect,
    inbox: Inbox,
    instrumentation: Instrumentation,
    expected: Expect,
    operation: str,
) -> None:
    """The same for acknowledgements."""
    instrumentation.start(settle_spans=True)
    nc = await connect()
    js = nc.jetstream()
    name = f"WORKER-{operation}"
    await js.add_stream(name=name, subjects=[f"{name}.>"])
    await js.publish(f"{name}.1", b"{}")
    await js.subscribe(f"{name}.1", cb=inbox.callback, durable="d", manual_ack=True)
    message = await inbox.messages.get()
    await getattr(message, operation)()
    settled = expected(nc).settle(operation.removesuffix("_sync"), f"{name}.1", 1, 3, parent=2)
    found = instrumentation.spans()[2]
    assert found == settled.but(links=((1, 1),), attributes=settlement(name, "d", 1))


def _texts(span: ReadableSpan) -> list[str]:
    """Whatever the span says of an error."""
    events = [str(value) for event in span.events for value in (event.attributes or {}).values()]
    return [span.status.description or "", *events]


@pytest.mark.parametrize("kind", ["ack", "raise", "cause"])
async def test_the_text_of_an_error_is_bounded(
    connect: Connect, spans: Instrumentation, kind: str
) -> None:
    """nats-py's errors hold the whole message, and an application's may, too."""
    errors: asyncio.Queue[Exception] = asyncio.Queue()
    nc = await connect(error_cb=errors.put)
    js = nc.jetstream()
    long = "s3cret" * 80_000

    async def callback(message: Msg) -> None:
        await message.ack()
        if kind == "ack":
            await message.ack()
        if kind == "raise":
            raise ValueError(long)
        raise LookupError("short") from ValueError(long)

    await js.add_stream(name=f"BOUND-{kind}", subjects=[f"BOUND-{kind}.>"])
    await js.subscribe(f"BOUND-{kind}.1", cb=callback, manual_ack=True)
    await js.publish(f"BOUND-{kind}.1", b'{"a":"%b"}' % long.encode())
    error = await errors.get()
    assert isinstance(error, MsgAlreadyAckdError) is (kind == "ack")
    (process,) = (s for s in spans.finished_spans() if s.name.startswith("process"))
    texts = _texts(process)
    assert len(process.events) == 1
    assert max(map(len, texts)) < 10_000
    assert "s3cret" * 1000 not in "".join(texts)
