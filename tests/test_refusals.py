"""Messages that JetStream, or nats-py, refuses: what is sent then, and what is learned from it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import nats.errors
import nats.js.errors
import pytest
from nats.js.client import JetStreamContext
from nats.js.errors import NoStreamResponseError
from opentelemetry.trace import Span

from conftest import Connect, Expect, Inbox, Instrumentation, settle
from opentelemetry_instrumentation_nats_payload import NATSInstrumentor, PublishDetails
from spans import attributes, field

_NEAR_100 = b'{"a":"%b"}' % (b"x" * 60)
"""What a stream with max_msg_size=100 takes without the field only."""


def _publish_async(js: Any) -> Callable[..., Awaitable[asyncio.Future[Any]]]:
    if not hasattr(js, "publish_async"):
        pytest.skip("this nats-py has no publish_async")
    return js.publish_async


async def _until(inbox: Inbox, subject: str) -> list[bytes]:
    """The payloads that came before the message to ``subject``."""
    found: list[bytes] = []
    while (message := await inbox.messages.get()).subject != subject:
        found.append(message.data)
    return found


async def _stored(js: JetStreamContext, stream: str) -> list[bytes | None]:
    """The payloads in a stream of which nothing was deleted, as they are there."""
    count = (await js.stream_info(stream)).state.messages
    return [(await js.get_msg(stream, number)).data for number in range(1, count + 1)]


async def test_the_second_attempt_sends_what_was_handed_over(
    connect: Connect, spans: Instrumentation
) -> None:
    """The caller's header dict and bytearray are others by the time of the refusal."""
    nc = await connect()
    js = nc.jetstream()
    publish = _publish_async(js)
    await js.add_stream(name="REUSED", subjects=["REUSED.>"], max_msg_size=150)
    headers: dict[str, str] = {}
    payload = bytearray(b'{"n":0,"a":"%b"}' % (b"x" * 60))
    written: list[tuple[bytes, dict[str, str]]] = []
    futures: list[asyncio.Future[Any]] = []
    for number in range(5):
        payload[5:6] = b"%d" % number
        headers["Nats-Msg-Id"] = str(number)
        written.append((bytes(payload), dict(headers)))
        futures.append(await publish("REUSED.1", payload, headers=headers))
    payload[:] = b"?" * len(payload)
    headers["Nats-Msg-Id"] = "?"
    acks = await asyncio.gather(*futures)
    assert [ack.duplicate for ack in acks] == [None] * 5
    stored = [await js.get_msg("REUSED", ack.seq) for ack in acks]
    assert [(message.data, message.headers) for message in stored] == written


@pytest.mark.parametrize("kind", [bytearray, memoryview])
async def test_the_second_attempt_of_publish_sends_what_was_handed_over(
    connect: Connect, spans: Instrumentation, kind: type
) -> None:
    """The caller's header dict and buffer are used for something else while it waits."""
    nc = await connect()
    js = nc.jetstream()
    name = f"LENT-{kind.__name__}"
    await js.add_stream(name=name, subjects=[f"{name}.>"], max_msg_size=150)
    buffer = bytearray(b'{"n":0,"a":"%b"}' % (b"x" * 60))
    headers, written = {"Nats-Msg-Id": "1"}, bytes(buffer)
    count = nc.stats["out_msgs"]
    publish = js.publish(f"{name}.1", kind(buffer), headers=headers)
    task = asyncio.ensure_future(publish)
    while nc.stats["out_msgs"] == count:  # noqa: ASYNC110 - the very step after the first attempt
        await asyncio.sleep(0)
    buffer[:] = b"?" * len(buffer)
    headers["Nats-Msg-Id"] = "?"
    ack = await task
    assert nc.stats["out_msgs"] == count + 2
    stored = await js.get_msg(name, ack.seq)
    assert (stored.data, stored.headers) == (written, {"Nats-Msg-Id": "1"})


async def test_a_refusal_while_another_publish_stalls(
    connect: Connect, spans: Instrumentation
) -> None:
    """The subscription to the replies was made by the one that waits; each keeps its own span."""
    nc = await connect(flusher_queue_size=1)
    _publish_async(nc.jetstream())
    js: Any = nc.jetstream(publish_async_max_pending=1)
    publish = js.publish_async
    await js.add_stream(name="STALLS", subjects=["STALLS.>"])
    await js.add_stream(name="REFUSES", subjects=["REFUSES.>"], max_msg_size=100)

    async def first() -> Any:
        await nc.publish("fill", b"")  # its flush is what the subscription waits for
        return await (await publish("STALLS.1", b"{}"))

    async def second() -> Any:
        return await (await publish("REFUSES.1", _NEAR_100))

    acks = await asyncio.gather(first(), second())
    assert [(ack.stream, ack.seq) for ack in acks] == [("STALLS", 1), ("REFUSES", 1)]
    assert await _stored(js, "REFUSES") == [_NEAR_100]
    found = {span.name: span for span in spans.spans()}
    stalled, refused = found["publish STALLS.1"], found["publish REFUSES.1"]
    assert len(found) == len(spans.spans()) == 3
    assert stalled.attributes["messaging.message.id"].value == "STALLS:1"
    assert refused.attributes["messaging.message.id"].value == "REFUSES:1"
    assert (stalled.status, refused.status) == ("UNSET", "UNSET")
    (data,) = await _stored(js, "STALLS")
    assert data == b"{" + field(stalled.trace, stalled.span)[1:] + b"}"


@pytest.mark.parametrize("is_earlier", [True, False], ids=["an earlier one", "none"])
async def test_publish_async_that_was_used_before_the_instrumentation(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation, is_earlier: bool
) -> None:
    """Refusals come to a subscription of before: of an earlier instrumentation's, it is ours."""
    nc = await connect()
    js: Any = nc.jetstream()
    _publish_async(js)
    name = f"BEFORE-{is_earlier}"
    await js.add_stream(name=name, subjects=[f"{name}.>"], max_msg_size=100)
    if is_earlier:
        instrumentation.start()
    await (await js.publish_async(f"{name}.1", b"[]"))
    if is_earlier:
        NATSInstrumentor().uninstrument()
    instrumentation.start(consumed_field="keep")
    await nc.subscribe(f"{name}.>", cb=inbox.callback)
    await settle(nc)
    assert (await (await js.publish_async(f"{name}.1", _NEAR_100))).seq == 2
    await nc.publish(f"{name}.end", b"")
    span = next(span for span in reversed(instrumentation.spans()) if span.name.endswith(".1"))
    sent = [_NEAR_100[:-1] + field(span.trace, span.span) + b"}"] if is_earlier else []
    assert span.status == "UNSET"
    assert await _until(inbox, f"{name}.end") == [*sent, _NEAR_100]
    assert (await js.get_msg(name, 2)).data == _NEAR_100


async def test_publish_async_without_a_stream_logs_nothing(
    connect: Connect, spans: Instrumentation, caplog: pytest.LogCaptureFixture
) -> None:
    """Its error is for the application alone."""
    publish: Any = _publish_async((await connect()).jetstream())
    with pytest.raises(NoStreamResponseError):
        await (await publish("NOBODY-LISTENS", b"{}"))
    assert [span.status for span in spans.spans()] == ["ERROR"]
    assert [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING] == []


async def test_a_publish_async_that_stalled_too_long(
    connect: Connect, instrumentation: Instrumentation, expected: Expect
) -> None:
    """An error span; nothing went out, so no hook is called, and no reply is waited for."""
    published: list[bytes] = []

    def hook(span: Span, details: PublishDetails) -> None:
        published.append(details.payload)

    instrumentation.start(publish_hook=hook)
    nc = await connect()
    _publish_async(nc.jetstream())
    js: Any = nc.jetstream(publish_async_max_pending=1)
    await nc.subscribe("stalled")  # it does not answer
    await settle(nc)
    future = await js.publish_async("stalled", b"[1]")
    with pytest.raises(nats.js.errors.TooManyStalledMsgsError) as error:
        await js.publish_async("stalled", b"[2]", wait_stall=0.01)
    assert instrumentation.spans() == [
        expected(nc)
        .publish("stalled", 2, 2)
        .but(
            status="ERROR",
            description=str(error.value),
            attributes=attributes({"error.type": "nats.js.errors.TooManyStalledMsgsError"}),
        )
    ]
    assert published == [b"[1]"]
    pending: dict[str, Any] = js.__dict__["_otel_nats_pending"]
    assert [operation.message.payload for operation in pending.values()] == [b"[1]"]
    future.cancel()
    await asyncio.wait([future])
    assert pending == {}


async def test_a_publish_async_that_nats_py_refuses(
    connect: Connect, spans: Instrumentation
) -> None:
    """A message past max_payload: an error span, and no reply is waited for."""
    nc = await connect()
    js: Any = nc.jetstream()
    publish = _publish_async(js)
    with pytest.raises(nats.errors.MaxPayloadError):
        await publish("refused", b"x" * (nc.max_payload + 1))
    (span,) = spans.spans()
    assert (span.name, span.status) == ("publish refused", "ERROR")
    assert js.__dict__["_otel_nats_pending"] == {}


async def test_a_refusal_costs_smaller_messages_nothing(
    connect: Connect, spans: Instrumentation
) -> None:
    """What stays below the size that was refused still carries its context."""
    nc = await connect()
    js = nc.jetstream()
    await js.add_stream(name="SMALLER", subjects=["SMALLER.>"], max_msg_size=130)
    for payload in (b'{"n":1}', _NEAR_100, b'{"n":1}', b"{}"):
        await js.publish("SMALLER.1", payload)
    assert await _stored(js, "SMALLER") == [
        b'{"n":1' + field(1, 1) + b"}",
        _NEAR_100,
        b'{"n":1' + field(3, 3) + b"}",
        b"{" + field(4, 4)[1:] + b"}",
    ]


async def test_subjects_with_an_id_each_share_what_was_learned(
    connect: Connect, inbox: Inbox, spans: Instrumentation
) -> None:
    """Three refusals speak for the subjects under a parent: further ones are sent once."""
    nc = await connect()
    js = nc.jetstream()
    await js.add_stream(name="SHARED", subjects=["SHARED.>"], max_msg_size=100)
    await nc.subscribe("SHARED.>", cb=inbox.callback)
    await settle(nc)
    for number in range(10):
        await js.publish(f"SHARED.orders.{number}", _NEAR_100)
    await nc.publish("SHARED.end", b"")
    assert len(await _until(inbox, "SHARED.end")) == 10 + 3
    assert (await _stored(js, "SHARED"))[:10] == [_NEAR_100] * 10
