"""Hooks and captures: the application's own attributes, which can hurt nothing."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from opentelemetry.trace import Span

from conftest import Connect, Inbox, Instrumentation, settle
from opentelemetry_instrumentation_nats_payload import (
    MessageDetails,
    PublishDetails,
    ReceiveDetails,
    process_span,
)
from spans import Typed, field

_HEADERS = {"X-Desk": "fx", "Other": "no"}


async def test_the_process_hook_gets_the_message_and_its_subscription(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation
) -> None:
    """Before the callback, with what the callback will see."""
    seen: list[MessageDetails] = []

    def hook(span: Span, details: MessageDetails) -> None:
        span.set_attribute("mine", details.subject)
        seen.append(details)

    instrumentation.start(process_hook=hook)
    nc = await connect()
    await nc.subscribe("hook.*", "workers", cb=inbox.callback)
    await settle(nc)
    await nc.publish("hook.1", b'{"a":1}', reply="hook.reply", headers=_HEADERS)
    message = await inbox.messages.get()
    await nc.flush()
    assert seen == [
        MessageDetails(
            "hook.1",
            b'{"a":1' + field(1, 2) + b"}",
            "hook.reply",
            _HEADERS,
            "hook.*",
            "workers",
            message,
        )
    ]
    assert instrumentation.spans()[1].attributes["mine"] == Typed("str", "hook.1")


async def test_the_receive_hook_gets_what_is_handed_over(
    connect: Connect, instrumentation: Instrumentation
) -> None:
    """One message of next_msg, all of a fetch; also of process_span, which calls the other one."""
    received: list[ReceiveDetails] = []
    processed: list[MessageDetails] = []

    def receive_hook(span: Span, details: ReceiveDetails) -> None:
        received.append(details)
        span.set_attribute("mine", len(details.messages))

    def process_hook(span: Span, details: MessageDetails) -> None:
        processed.append(details)

    instrumentation.start(receive_hook=receive_hook, process_hook=process_hook)
    nc = await connect()
    js = nc.jetstream()
    await js.add_stream(name="HOOKED", subjects=["hooked"])
    pull = await js.pull_subscribe("hooked", durable="d")
    subscription = await nc.subscribe("hooked")
    await settle(nc)
    for _ in range(3):
        await js.publish("hooked", b"[1]")
    one = await subscription.next_msg()
    with process_span(one):
        pass
    batch = await pull.fetch(3)
    assert [[m.message for m in details.messages] for details in received] == [[one], batch]
    assert [details.message for details in processed] == [one]
    found = {s.name: s.attributes.get("mine") for s in instrumentation.spans()}
    assert (found["receive hooked"], found["fetch hooked"]) == (Typed("int", 1), Typed("int", 3))


async def test_details_cannot_be_changed(
    connect: Connect, instrumentation: Instrumentation
) -> None:
    """They are frozen; a hook has no way to the message on its way out."""
    seen: list[PublishDetails] = []

    def hook(span: Span, details: PublishDetails) -> None:
        seen.append(details)

    instrumentation.start(publish_hook=hook)
    await (await connect()).publish("frozen", b"{}")
    with pytest.raises(AttributeError):
        seen[0].subject = "other"  # type: ignore[misc]
    assert seen == [PublishDetails("frozen", b"{}", "", None)]


async def test_a_receive_hook_that_raises_is_warned_about_once(
    connect: Connect, instrumentation: Instrumentation, caplog: pytest.LogCaptureFixture
) -> None:
    """The messages come, and so do the spans."""

    def hook(span: Span, details: ReceiveDetails) -> None:
        raise ValueError

    instrumentation.start(receive_hook=hook)
    nc = await connect()
    subscription = await nc.subscribe("raises")
    await settle(nc)
    for _ in range(3):
        await nc.publish("raises", b"{}")
        await subscription.next_msg()
    assert instrumentation.names().count("receive raises") == 3
    assert len([r for r in caplog.records if r.levelno >= logging.WARNING]) == 1


async def test_headers_are_captured_by_name(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation
) -> None:
    """Those of the list alone, in any case, on both sides; as lists, like headers of HTTP."""
    instrumentation.start(captured_headers=["x-desk"])
    nc = await connect()
    await nc.subscribe("captured", cb=inbox.callback)
    await settle(nc)
    await nc.publish("captured", b"{}", headers=_HEADERS)
    await inbox.data()
    await nc.flush()
    for span in instrumentation.spans():
        found = {k: v.value for k, v in span.attributes.items() if ".header." in k}
        assert found == {"messaging.nats.message.header.x_desk": ("fx",)}


@pytest.mark.parametrize("consumed_field", ["refresh", "strip"])
async def test_bodies_are_captured_up_to_a_size(
    connect: Connect, instrumentation: Instrumentation, consumed_field: str
) -> None:
    """What the sender's application wrote, without the field; not at all by default."""
    instrumentation.start(captured_body_bytes=8, consumed_field=consumed_field)
    nc = await connect()
    subscription = await nc.subscribe("body")
    await settle(nc)
    for payload in (b'{"a":1}', "ä".encode() * 10, b"\xff"):
        await nc.publish("body", payload)
        await subscription.next_msg()
    bodies = [s.attributes["messaging.nats.message.body"].value for s in instrumentation.spans()]
    assert bodies == ['{"a":1}', '{"a":1}', "ääää", "ääää", "\ufffd", "\ufffd"]


async def test_bodies_are_redacted_before_they_are_captured(
    connect: Connect, instrumentation: Instrumentation, caplog: pytest.LogCaptureFixture
) -> None:
    """By the application's function; where that raises, there is no body."""

    def redact(subject: str, body: bytes) -> bytes:
        if subject == "secret":
            raise ValueError
        return body.replace(b"4711", b"****")

    instrumentation.start(captured_body_bytes=100, redact_body=redact)
    nc = await connect()
    for subject in ("open", "secret", "secret"):
        await nc.publish(subject, b'{"account":4711}')
    bodies = [s.attributes.get("messaging.nats.message.body") for s in instrumentation.spans()]
    assert bodies == [Typed("str", '{"account":****}'), None, None]
    assert len(caplog.records) == 1


async def test_nothing_is_captured_by_default(
    connect: Connect, inbox: Inbox, spans: Instrumentation
) -> None:
    """Neither headers nor bodies."""
    nc = await connect()
    await nc.subscribe("default", cb=inbox.callback)
    await settle(nc)
    await nc.publish("default", b"{}", headers=_HEADERS)
    await inbox.data()
    await nc.flush()
    keys: set[str] = set[str]().union(*(s.attributes for s in spans.spans()))
    assert not [key for key in keys if "header" in key or "body" in key]


@pytest.mark.parametrize("error", [ValueError, asyncio.CancelledError])
async def test_a_hook_that_raises_costs_no_message(
    connect: Connect,
    inbox: Inbox,
    instrumentation: Instrumentation,
    caplog: pytest.LogCaptureFixture,
    error: type[BaseException],
) -> None:
    """Not even with what result() of a cancelled task raises: it would end nats-py's own task."""

    def publish_hook(span: Span, details: PublishDetails) -> None:
        raise error

    def process_hook(span: Span, details: MessageDetails) -> None:
        raise error

    instrumentation.start(publish_hook=publish_hook, process_hook=process_hook)
    nc = await connect()
    await nc.subscribe("contained", cb=inbox.callback)
    await settle(nc)
    for _ in range(3):
        await nc.publish("contained", b"[1]")
        assert await inbox.data() == b"[1]"
    await nc.flush()
    assert len(instrumentation.spans()) == 6
    assert ["publish_hook" in r.getMessage() for r in caplog.records] == [True, False]


async def test_what_a_hook_does_to_its_details_reaches_no_message(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation
) -> None:
    """They are copies: of a buffer that is sent, and of the caller's headers."""

    def hook(span: Span, details: Any) -> None:
        details.headers["x"] = "changed"

    instrumentation.start(publish_hook=hook)
    nc = await connect()
    await nc.subscribe("copies", cb=inbox.callback)
    await settle(nc)
    headers = {"A": "b"}
    await nc.publish("copies", b"[1]", headers=headers)
    assert (await inbox.messages.get()).headers == headers == {"A": "b"}


async def test_an_asynchronous_hook_is_refused(
    connect: Connect, instrumentation: Instrumentation, caplog: pytest.LogCaptureFixture
) -> None:
    """It would be called and never awaited."""

    async def hook(span: Span, details: PublishDetails) -> None:
        """Never runs."""

    instrumentation.start(publish_hook=hook)
    await (await connect()).publish("asynchronous", b"{}")
    assert "publish_hook" in caplog.text
    assert "a function of span and details" in caplog.text


async def test_the_body_is_without_the_field_wherever_it_is_captured(
    connect: Connect, instrumentation: Instrumentation
) -> None:
    """Also of a message that is forwarded with its field, and in process_span."""
    instrumentation.start(captured_body_bytes=100)
    nc = await connect()
    subscription = await nc.subscribe("forwarded")
    await settle(nc)
    await nc.publish("forwarded", b'{"a":1' + field(77, 88) + b"}")
    with process_span(await subscription.next_msg()):
        pass
    bodies = {s.attributes["messaging.nats.message.body"].value for s in instrumentation.spans()}
    assert bodies == {'{"a":1}'}
