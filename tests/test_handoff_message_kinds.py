"""``follow_handoff=message`` and messages that were asked for, streams, requests, services."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from nats.aio.msg import Msg

from conftest import Connect, Expect, Instrumentation, settle
from handoff_services import here, in_task, putting, read

Queue = asyncio.Queue[Any]


@pytest.fixture
def spans(instrumentation: Instrumentation) -> Instrumentation:
    """The instrumentation, started, that follows messages."""
    instrumentation.start(follow_handoff="message")
    return instrumentation


@pytest.mark.parametrize("how", ["next_msg", "async for", "future"])
async def test_a_message_that_was_asked_for_and_handed_over(
    connect: Connect, spans: Instrumentation, how: str
) -> None:
    """Follows from its receive span to the task that reads it."""
    nc, queue = await connect(), Queue()
    future: asyncio.Future[Msg] = asyncio.get_running_loop().create_future()
    more = {"future": future} if how == "future" else {}
    subscription = await nc.subscribe("read.in", **more)  # type: ignore[arg-type]
    await settle(nc)
    await nc.publish("read.in", b"{}")

    async def receive() -> Msg:
        if how == "next_msg":
            return await subscription.next_msg()
        if how == "future":
            return await future
        return await anext(subscription.messages)

    async def receiver() -> None:
        queue.put_nowait(await receive())

    await in_task(receiver)
    assert await in_task(lambda: read(queue)) == (1, 2)


async def test_who_asks_for_messages_is_not_followed(
    connect: Connect, instrumentation: Instrumentation
) -> None:
    """``continue_received=false``: reading what one has asked for oneself changes nothing."""
    instrumentation.start(follow_handoff="message", continue_received=False)
    nc = await connect()
    subscription = await nc.subscribe("read.in")
    js_name = "readasks"
    js = nc.jetstream()
    await js.add_stream(name=js_name, subjects=[f"{js_name}.>"])
    pulled = await js.pull_subscribe(f"{js_name}.in", "pull")
    await settle(nc)
    await nc.publish("read.in", b"{}")
    for _ in range(2):
        await js.publish(f"{js_name}.in", b"{}")

    async def ask() -> list[Any]:
        messages = [await subscription.next_msg(), *await pulled.fetch(2)]
        return [(message.data != b"", here()) for message in messages]

    assert await in_task(ask) == [(True, (0, 0))] * 3
    await js.delete_stream(js_name)


async def test_messages_that_were_fetched_and_handed_over(
    connect: Connect, instrumentation: Instrumentation
) -> None:
    """Each continues what it carries."""
    instrumentation.start(follow_handoff="message")
    nc, queue = await connect(), Queue()
    js = nc.jetstream()
    await js.add_stream(name="readpull", subjects=["readpull.>"])
    pulled = await js.pull_subscribe("readpull.in", "pull")
    for _ in range(2):
        await js.publish("readpull.in", b"{}")

    async def fetch() -> None:
        for message in await pulled.fetch(2):
            queue.put_nowait(message)

    async def work() -> list[Any]:
        return [await read(queue) for _ in range(2)]

    await in_task(fetch)
    assert await in_task(work) == [(1, 1), (2, 2)]
    await js.delete_stream("readpull")


@pytest.mark.parametrize("ordered", [False, True])
async def test_messages_of_a_stream_and_their_acknowledgement(
    connect: Connect, instrumentation: Instrumentation, ordered: bool
) -> None:
    """A worker acknowledges them, in the trace of the message."""
    instrumentation.start(follow_handoff="message", settle_spans=True)
    nc, queue = await connect(), Queue()
    js, name = nc.jetstream(), f"readpush{ordered}"
    await js.add_stream(name=name, subjects=[f"{name}.>"])
    more: dict[str, Any] = {"ordered_consumer": True} if ordered else {"manual_ack": True}
    await js.subscribe(f"{name}.in", cb=queue.put, **more)
    await js.publish(f"{name}.in", b"{}")

    async def work() -> tuple[int, int]:
        message = await queue.get()
        assert message.data
        if not ordered:
            await message.ack()
        return here()

    assert await in_task(work) == (1, 2)
    names = [f"publish {name}.in", f"process {name}.in"]
    found = [(span.name, span.parent) for span in instrumentation.spans()]
    assert found == [*zip(names, (None, 1), strict=True)] + [(f"ack {name}.in", 2)] * (not ordered)
    await js.delete_stream(name)


async def test_a_worker_that_answers_a_request(
    connect: Connect, spans: Instrumentation, expected: Expect
) -> None:
    """In the trace of the request; reading the reply leaves the requester where it is."""
    nc, queue = await connect(), Queue()
    await putting(nc, "read.ask", queue)

    async def answer() -> str:
        message = await queue.get()
        assert message.data
        await message.respond(b"{}")
        return str(message.reply)

    answering = asyncio.create_task(answer())
    reply = await nc.request("read.ask", b"{}")
    assert (reply.data, here()) == (b"{}", (0, 0))
    inbox = await answering
    assert spans.spans() == [
        expected(nc).request("read.ask", 1, 1),
        expected(nc).process("read.ask", 1, 2, parent=1),
        expected(nc).respond(inbox, 1, 3, parent=2),
    ]


async def test_a_request_of_a_micro_service(connect: Connect, spans: Instrumentation) -> None:
    """``Request.data`` is that of its message."""
    micro = pytest.importorskip("nats.micro", reason="nats-py 2.2 has no nats.micro")
    nc, queue = await connect(), Queue()
    service = await micro.add_service(nc, name="read", version="1.0.0")
    await service.add_endpoint(name="micro", handler=queue.put)

    async def work() -> tuple[int, int]:
        request = await queue.get()
        assert request.data
        await request.respond(b"{}")
        return here()

    working = asyncio.create_task(work())
    await nc.request("micro", b"{}")
    assert await working == (1, 2)
    await service.stop()


def _pickled(message: Msg) -> Any:
    return pickle.loads(pickle.dumps(message))


COPIES: list[tuple[Callable[[Any], Any], tuple[int, int]]] = [
    (copy.copy, (1, 2)),
    (copy.deepcopy, (1, 2)),
    (dataclasses.replace, (0, 0)),
    (_pickled, (0, 0)),
]


@pytest.mark.parametrize(("duplicate", "current"), COPIES)
async def test_copies_of_a_message(
    connect: Connect,
    spans: Instrumentation,
    duplicate: Callable[[Any], Any],
    current: tuple[int, int],
) -> None:
    """Are followed as it is, unless they are made anew, or were sent somewhere."""
    nc, queue = await connect(), Queue()
    await (await putting(nc, "read.in", queue)).send()
    message = await in_task(queue.get)
    message._client = None  # which can not be copied

    async def duplicated() -> Any:
        return duplicate(message)

    queue.put_nowait(await in_task(duplicated))
    assert await in_task(lambda: read(queue)) == current
