"""The blocks of ``process_span`` and ``use_message_context``: what is current in and after them."""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import pickle
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractContextManager, aclosing
from typing import Any

import pytest
from nats.aio.msg import Msg
from opentelemetry import context, trace
from opentelemetry.instrumentation.utils import (
    is_instrumentation_enabled,
    suppress_instrumentation,
)

from conftest import Connect, Expect, Inbox, Instrumentation, settle
from opentelemetry_instrumentation_nats_payload import process_span, use_message_context
from spans import field

Enter = Callable[[Msg], AbstractContextManager[Any]]
WITH = pytest.mark.parametrize("enter", [process_span, use_message_context])


def _trace() -> int:
    return trace.get_current_span().get_span_context().trace_id


def _message(nc: Any, subject: str = "block", number: int = 7) -> Msg:
    """A message that nobody has received through us."""
    return Msg(nc, subject=subject, data=b'{"a":1' + field(number, 8) + b"}")


async def _send(nc: Any, subject: str, payload: bytes, **more: Any) -> None:
    with suppress_instrumentation():
        await nc.publish(subject, payload, **more)
        await settle(nc)


def _each(enter: Enter, messages: list[Msg]) -> Generator[Msg]:
    for message in messages:
        with enter(message):
            yield message


async def _async_each(enter: Enter, messages: list[Msg]) -> AsyncGenerator[Msg, None]:
    for message in messages:
        with enter(message):
            yield message


@WITH
async def test_a_generator_that_is_closed_gives_the_context_back(
    connect: Connect, spans: Instrumentation, enter: Enter
) -> None:
    """A plain one by break, an asynchronous one by aclosing."""
    messages = [_message(await connect(), number=n) for n in (7, 9)]
    before = context.get_current()
    for _ in _each(enter, messages):
        assert _trace() == 7
        break
    assert context.get_current() == before
    async with aclosing(_async_each(enter, messages)) as generator:
        async for _ in generator:
            assert _trace() == 7
            break
    assert context.get_current() == before


@WITH
async def test_a_generator_that_ends_in_another_task_logs_nothing(
    connect: Connect, spans: Instrumentation, caplog: pytest.LogCaptureFixture, enter: Enter
) -> None:
    """One that is abandoned, which the loop closes in a task of its own, and one of two tasks."""
    messages = [_message(await connect(), number=n) for n in (7, 9)]
    before = context.get_current()

    async def abandon() -> None:
        async for _ in _async_each(enter, messages):
            break

    await asyncio.create_task(abandon())
    gc.collect()
    generator = _async_each(enter, messages)

    async def advance() -> int:
        await anext(generator)
        return _trace()

    assert [await asyncio.create_task(advance()) for _ in messages] == [7, 9]
    await generator.aclose()
    assert (context.get_current(), caplog.text) == (before, "")


async def test_a_message_that_carries_nothing_leaves_the_current_context(
    connect: Connect, spans: Instrumentation
) -> None:
    """use_message_context: the very context, whose span goes on."""
    nc = await connect()
    subscription = await nc.subscribe("block.plain")
    await settle(nc)
    await _send(nc, "block.plain", b"x")
    with spans.tracer.start_as_current_span("work"):
        for message in (await subscription.next_msg(), Msg(nc, subject="block", data=b"x")):
            before = context.get_current()
            with use_message_context(message) as current:
                assert (current, context.get_current()) == (before, before)


@pytest.mark.parametrize(
    "more", [{"reply": "replies.mine"}, {"reply": "_INBOX.mine", "headers": {"k": "v"}}]
)
async def test_a_message_that_carries_nothing_and_asks_for_a_reply_leaves_the_span(
    connect: Connect, spans: Instrumentation, more: dict[str, Any]
) -> None:
    """Such as any JetStream message with headers: the span goes on in use_message_context."""
    nc = await connect()
    subscription = await nc.subscribe("block.asks")
    await settle(nc)
    await _send(nc, "block.asks", b"x", **more)
    with spans.tracer.start_as_current_span("work"):
        with use_message_context(await subscription.next_msg()):
            assert _trace() == 1


@WITH
async def test_what_is_suppressed_stays_suppressed(
    connect: Connect, spans: Instrumentation, enter: Enter
) -> None:
    """The context of the message does not switch anything on."""
    nc = await connect()
    with suppress_instrumentation(), enter(_message(nc)):
        assert not is_instrumentation_enabled()
        await nc.publish("block.quiet", b"{}")
    assert spans.names() == []


@pytest.mark.parametrize("how", ["propagate", "no sdk"])
async def test_without_a_span_processing_passes_the_context_on_also_where_spans_are_linked(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation, how: str
) -> None:
    """consumer_parent=link wants a new trace for a span alone."""
    provider = trace.NoOpTracerProvider() if how == "no sdk" else instrumentation.provider
    instrumentation.start(
        tracer_provider=provider, consumer_parent="link", propagate_only_subjects=["block.>"]
    )
    nc = await connect()
    await nc.subscribe("block.out", cb=inbox.callback)
    await settle(nc)
    with process_span(_message(nc, "block.in")):
        await nc.publish("block.out", b'{"b":2}')
    assert await inbox.data() == b'{"b":2' + field(7, 8) + b"}"


async def test_process_span_keeps_what_the_application_set(
    connect: Connect, spans: Instrumentation
) -> None:
    """Without a span around it as well: values, such as a tenant, of the current context."""
    token = context.attach(context.set_value("tenant", "t1"))
    with process_span(_message(await connect())):
        found = (context.get_value("tenant"), _trace())
    context.detach(token)
    assert found == ("t1", 7)


async def test_a_pickled_message_without_a_client_has_a_span(
    connect: Connect, spans: Instrumentation, expected: Expect
) -> None:
    """With all that the message itself tells."""
    nc = await connect()
    message = pickle.loads(pickle.dumps(_message(None)))
    with process_span(message):
        pass
    span = expected(nc).process("block", 7, 1, parent=8)
    unknown = ("server.address", "server.port", "messaging.client.id")
    values = {k: v for k, v in span.attributes.items() if k not in unknown}
    assert spans.spans() == [dataclasses.replace(span, attributes=values)]
