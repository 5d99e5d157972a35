"""Which callbacks are traced, how they end, and what nats-py keeps of them."""

from __future__ import annotations

import asyncio
import functools
import json
from collections.abc import Callable
from typing import Any
from unittest.mock import AsyncMock

import nats.errors
import pytest
from nats.aio.msg import Msg
from opentelemetry import baggage, context, trace
from opentelemetry.instrumentation.utils import suppress_instrumentation

from conftest import Connect, Expect, Inbox, Instrumentation
from spans import attributes


async def test_an_error_of_the_callback_is_recorded_and_reaches_error_cb(
    connect: Connect, spans: Instrumentation, expected: Expect
) -> None:
    """error_cb gets the very exception; the span has its type, message and stack trace."""
    raised = ValueError("no such symbol")
    errors: asyncio.Queue[Exception] = asyncio.Queue()
    nc = await connect(error_cb=errors.put)

    async def callback(message: Msg) -> None:
        raise raised

    await nc.subscribe("proc.error", cb=callback)
    await nc.publish("proc.error", b"{}")
    assert await errors.get() is raised
    error = attributes({"error.type": "ValueError"})
    assert spans.spans()[1] == expected(nc).process("proc.error", 1, 2, parent=1).but(
        attributes=error, status="ERROR", description="no such symbol", events=("exception",)
    )


async def test_a_cancelled_callback_ends_its_span_without_a_status(
    connect: Connect, spans: Instrumentation, expected: Expect
) -> None:
    """CancelledError passes through: nats-py ends the subscription as it does without us."""
    nc = await connect()
    running = asyncio.Event()

    async def callback(message: Msg) -> None:
        running.set()
        await asyncio.Event().wait()

    subscription = await nc.subscribe("proc.cancel", cb=callback)
    await nc.publish("proc.cancel", b"{}")
    await running.wait()
    task = subscription._wait_for_msgs_task
    await subscription.unsubscribe()
    assert task
    await asyncio.wait([task])
    assert spans.spans()[1] == expected(nc).process("proc.cancel", 1, 2, parent=1)


async def test_one_message_leaves_no_context_to_the_next(
    connect: Connect, inbox: Inbox, spans: Instrumentation
) -> None:
    """Callbacks share a task; each starts with the context of its own message alone."""
    nc = await connect()

    async def callback(message: Msg) -> None:
        context.attach(baggage.set_baggage("left", "over"))
        await inbox.callback(message)

    await nc.subscribe("proc.leak", cb=callback)
    contexts: list[object] = []

    async def look(message: Msg) -> None:
        contexts.append(baggage.get_baggage("left"))
        await callback(message)

    await nc.subscribe("proc.leak.look", cb=look)
    for subject in ("proc.leak", "proc.leak.look", "proc.leak.look"):
        await nc.publish(subject, b"{}")
        await inbox.data()
    assert contexts == [None, None]


async def test_a_subscription_made_under_suppression_is_traced(
    connect: Connect, inbox: Inbox, spans: Instrumentation
) -> None:
    """Suppression belongs to the call of subscribe(), not to the messages that come for ever."""
    nc = await connect()
    with suppress_instrumentation():
        await nc.subscribe("proc.suppressed", cb=inbox.callback)
    await nc.publish("proc.suppressed", b"{}")
    await inbox.data()
    assert [s.name for s in spans.spans()] == ["publish proc.suppressed", "process proc.suppressed"]


class _Service:
    def __init__(self, inbox: Inbox) -> None:
        self.inbox = inbox

    async def bound(self, message: Msg) -> None:
        await self.inbox.callback(message)

    @staticmethod
    async def static(inbox: Inbox, message: Msg) -> None:
        await inbox.callback(message)


@pytest.mark.parametrize("kind", ["bound", "partial", "nested", "mock"])
async def test_every_callback_of_nats_py_is_traced(
    connect: Connect, inbox: Inbox, spans: Instrumentation, kind: str
) -> None:
    """Bound methods, partials of them, partials of partials and AsyncMock run and are traced."""
    partial = functools.partial(_Service.static, inbox)
    callbacks: dict[str, Any] = {
        "bound": _Service(inbox).bound,
        "partial": partial,
        "nested": functools.partial(partial),
        "mock": AsyncMock(side_effect=inbox.callback),
    }
    nc = await connect()
    await nc.subscribe("proc.kinds", "", callbacks[kind])
    await nc.publish("proc.kinds", b"{}")
    await inbox.data()
    assert [s.name for s in spans.spans()] == ["publish proc.kinds", "process proc.kinds"]


def _sync(message: Msg) -> None:
    """No coroutine function."""


class _AsyncCall:
    async def __call__(self, message: Msg) -> None:
        """nats-py does not take an object for its __call__."""


_LAMBDA: Callable[[Msg], None] = lambda message: None  # noqa: E731


@pytest.mark.parametrize("callback", [_sync, _LAMBDA, _AsyncCall(), 7])
async def test_callbacks_that_nats_py_refuses_are_refused_at_subscribe(
    connect: Connect, instrumentation: Instrumentation, callback: Any
) -> None:
    """The error comes at subscribe(), in nats-py's words, and not at every message."""
    nc = await connect()
    with pytest.raises(nats.errors.Error) as bare:
        await nc.subscribe("proc.sync", cb=callback)
    instrumentation.start()
    with pytest.raises(nats.errors.Error) as instrumented:
        await nc.subscribe("proc.sync", cb=callback)
    assert str(instrumented.value) == str(bare.value)


async def test_subscribe_passes_every_form_of_its_arguments(
    connect: Connect, inbox: Inbox, spans: Instrumentation
) -> None:
    """By position and by keyword, a queue of None included; the queue group stays."""
    nc = await connect()
    await nc.subscribe("proc.form.1", "group", inbox.callback)
    await nc.subscribe(subject="proc.form.2", queue="group", cb=inbox.callback)
    await nc.subscribe("proc.form.3", queue=None, cb=inbox.callback)  # type: ignore[arg-type]
    for number in (1, 2, 3):
        await nc.publish(f"proc.form.{number}", b"{}")
        await inbox.data()
    groups = [s.attributes.get("messaging.consumer.group.name") for s in spans.spans()[1::2]]
    assert [group and group.value for group in groups] == ["group", "group", None]


async def test_pending_bytes_return_to_zero(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation
) -> None:
    """Changing the payload never upsets nats-py's count, which would end in dropped messages."""
    nc = await connect()
    instrumentation.start(consumed_field="strip")
    subscription = await nc.subscribe("proc.pending", cb=inbox.callback)
    for _ in range(200):
        await nc.publish("proc.pending", b'{"a":1}')
    for _ in range(200):
        assert await inbox.data() == b'{"a":1}'
    assert subscription.pending_bytes == 0


async def test_the_process_hook_gets_the_span_and_the_message(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation
) -> None:
    """The hook sees the message as the callback will."""
    nc = await connect()

    def hook(span: trace.Span, message: Msg) -> None:
        span.set_attribute("app.symbol", json.loads(message.data)["symbol"])

    instrumentation.start(process_hook=hook)
    await nc.subscribe("proc.hook", cb=inbox.callback)
    await nc.publish("proc.hook", b'{"symbol":"BTCUSDT"}')
    await inbox.data()
    assert instrumentation.spans()[1].attributes["app.symbol"].value == "BTCUSDT"
