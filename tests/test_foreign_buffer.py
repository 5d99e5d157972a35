"""What another wrapper below ours does with a message leaves nothing stuck in the buffer."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from typing import Any

import pytest
import wrapt
from nats.aio.client import Client

from conftest import Connect, Inbox, Instrumentation
from opentelemetry_instrumentation_nats_payload import NATSInstrumentor
from sent_smaller import SENT, send_smaller

_PAYLOAD = b'{"a":1}'


def _dropping(original: Any, _: asyncio.Event) -> Any:
    async def publish(self: Any, subject: str, *args: Any, **kwargs: Any) -> None:
        if subject != "buffer.dropped":
            await original(self, subject, *args, **kwargs)

    return publish


def _dropping_alike(original: Any, _: asyncio.Event) -> Any:
    # The very signature of nats-py.
    async def publish(
        self: Any, subject: str, payload: bytes = b"", reply: str = "", headers: Any = None
    ) -> None:
        if subject != "buffer.dropped":
            await original(self, subject, payload, reply, headers)

    return publish


def _shrinking(original: Any, _: asyncio.Event) -> Any:
    async def publish(self: Any, subject: str, payload: bytes = b"", *args: Any) -> None:
        await original(self, subject, b"-" if subject == "buffer.dropped" else payload, *args)

    return publish


def _waiting(original: Any, may_go_on: asyncio.Event) -> Any:
    async def publish(self: Any, subject: str, *args: Any, **kwargs: Any) -> None:
        if subject == "buffer.dropped":
            await may_go_on.wait()
        await original(self, subject, *args, **kwargs)

    return publish


def _dropping_by_wrapt(original: Any, _: asyncio.Event) -> Any:
    # It has the attributes of what it wraps, __globals__ among them.
    async def publish(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> None:
        if args[0] != "buffer.dropped":
            await wrapped(*args, **kwargs)

    return wrapt.FunctionWrapper(original, publish)


_WRAPPERS = [_dropping, _dropping_alike, _dropping_by_wrapt, _shrinking, _waiting]


@pytest.mark.parametrize("make", _WRAPPERS)
async def test_the_next_message_goes_out(
    connect: Connect,
    inbox: Inbox,
    instrumentation: Instrumentation,
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[[Any, asyncio.Event], Any],
) -> None:
    """At once: nats-py writes only while it believes that something waits."""
    may_go_on = asyncio.Event()
    nc = await connect()
    await nc.subscribe("buffer.sent", cb=inbox.callback)
    original: Any = Client.__dict__["publish"]
    wrapper: Any = make(original, may_go_on)
    if make is not _dropping_by_wrapt:
        wrapper = functools.wraps(original)(wrapper)
    monkeypatch.setattr(Client, "publish", wrapper)
    instrumentation.start()
    foreign = [asyncio.create_task(nc.publish("buffer.dropped", _PAYLOAD)) for _ in range(50)]
    await asyncio.sleep(0)
    await nc.publish("buffer.sent", _PAYLOAD)
    assert (await inbox.data()).startswith(b'{"a":1')
    may_go_on.set()
    await asyncio.gather(*foreign)
    await nc.flush()
    assert nc.pending_data_size == 0
    NATSInstrumentor().uninstrument()
    monkeypatch.undo()


async def test_a_subclass_that_sends_something_smaller_leaves_nothing_stuck(
    connect: Connect, inbox: Inbox, spans: Instrumentation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Below nats-py's publish, where no wrapper is seen."""
    nc = await connect()
    await nc.subscribe("buffer.smaller", cb=inbox.callback)
    send_smaller(monkeypatch)
    for _ in range(3):
        await nc.publish("buffer.smaller", _PAYLOAD)
    for _ in range(3):
        assert await inbox.data() == SENT
    monkeypatch.undo()
