"""``follow_handoff=queue`` leaves nats-py's own queues alone, wherever they were made."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from conftest import Connect, Instrumentation, settle
from handoff_services import MESSAGE_MODES, QUEUE_MODES, here, in_task, serve
from jetstream import make_stream
from opentelemetry_instrumentation_nats_payload import _message_data

_ITEMS = "_otel_nats_items"


@pytest.fixture(params=QUEUE_MODES)
def spans(instrumentation: Instrumentation, request: pytest.FixtureRequest) -> Instrumentation:
    """The instrumentation, started, that follows items."""
    instrumentation.start(follow_handoff=request.param)
    return instrumentation


async def _in_callback(
    connect: Connect, subject: str, function: Callable[[Client], Awaitable[Any]]
) -> Any:
    """What ``function`` returns that was called in a callback, with the callback's client."""
    nc = await connect()
    results: list[Any] = []

    async def handle(_: Msg) -> None:
        results.append(await function(nc))

    await (await serve(nc, subject, handle)).send()
    return results[0]


async def _after_next_msg(
    connect: Connect, subject: str, function: Callable[[Client], Awaitable[Any]]
) -> Any:
    """The same, called by a task that has asked for a message."""
    nc = await connect()
    subscription = await nc.subscribe(subject)
    await settle(nc)
    await nc.publish(subject, b"{}")

    async def run() -> Any:
        await subscription.next_msg()
        return await function(nc)

    return await in_task(run)


WHERE = pytest.mark.parametrize("where", [_in_callback, _after_next_msg])


def _plain(queue: Any) -> bool:
    return not vars(queue).keys() & {"get", "get_nowait", "task_done", "_get", _ITEMS}


@WHERE
async def test_a_client_that_was_connected_during_the_work_on_a_message(
    connect: Connect, spans: Instrumentation, where: Any
) -> None:
    """Its flusher, and what is pending for a subscription: nobody follows there."""

    async def subscribed(_: Client) -> tuple[Client, Subscription]:
        client = await connect()
        subscription = await client.subscribe("own.late")
        await settle(client)
        await client.publish("own.late", b"{}")
        await settle(client)
        return client, subscription

    client, subscription = await where(connect, "own.in", subscribed)
    assert subscription.pending_msgs == 1
    assert _plain(vars(client)["_flush_queue"])
    assert _plain(vars(subscription)["_pending_queue"])
    message = await in_task(subscription.next_msg)
    assert message.subject == "own.late"


@WHERE
async def test_a_callback_that_was_subscribed_there_has_its_own_messages(
    connect: Connect, spans: Instrumentation, where: Any
) -> None:
    """And puts what it gets: the queue is the application's, also as ``cb=queue.put``."""
    queue: asyncio.Queue[Msg] = asyncio.Queue()

    async def subscribed(_: Client) -> Client:
        client = await connect()
        await client.subscribe("own.late", cb=queue.put)
        await settle(client)
        return client

    client = await where(connect, "own.in", subscribed)
    await client.publish("own.late", b"{}")

    async def work() -> tuple[str, int]:
        return (await queue.get()).subject, here()[1]

    subject, current = await in_task(work)
    process = next(span for span in spans.spans() if span.name == "process own.late")
    assert (subject, current) == ("own.late", process.span)


async def test_a_jetstream_callback_that_is_put_of_a_queue(
    connect: Connect, spans: Instrumentation
) -> None:
    """nats-py calls it through a function of its own, to acknowledge the message."""
    nc = await connect()
    queue: asyncio.Queue[Msg] = asyncio.Queue()
    js = await make_stream(nc, "ownput")
    await js.subscribe("ownput.in", cb=queue.put)
    await js.publish("ownput.in", b"{}")

    async def work() -> tuple[str, int]:
        return (await queue.get()).subject, here()[1]

    subject, current = await in_task(work)
    process = next(span for span in spans.spans() if span.name == "process ownput.in")
    assert (subject, current) == ("ownput.in", process.span)
    await js.delete_stream("ownput")


@WHERE
async def test_the_watcher_of_a_key_value_store(
    connect: Connect, spans: Instrumentation, where: Any
) -> None:
    """What it gives out is no work on the message during which it was made."""
    bucket = f"own{where.__name__.strip('_')}{len(spans.spans())}"

    async def watched(client: Client) -> Any:
        store = await client.jetstream().create_key_value(bucket=bucket)
        await store.put("a", b"1")
        return await store.watchall(), store

    watcher, store = await where(connect, "own.in", watched)

    async def work() -> tuple[str, Any]:
        entry = None
        while entry is None:  # which says that all that was there has come
            entry = await watcher.updates()
        return entry.key, here()

    assert await in_task(work) == ("a", (0, 0))
    assert _plain(vars(watcher)["_updates"])
    await watcher.stop()
    await store._js.delete_key_value(bucket)


@pytest.mark.parametrize("mode", MESSAGE_MODES)
async def test_what_nats_py_reads_itself_is_followed_by_nobody(
    connect: Connect,
    instrumentation: Instrumentation,
    monkeypatch: pytest.MonkeyPatch,
    mode: str,
) -> None:
    """Of messages for a callback, ``next_msg``, ``async for``, ``fetch`` and a request."""
    followed: list[Any] = []
    monkeypatch.setattr(_message_data, "follow", followed.append)
    instrumentation.start(follow_handoff=mode)
    nc = await connect()

    async def answer(message: Msg) -> None:
        if message.reply:
            await message.respond(b"{}")

    service = await serve(nc, "own.read", answer)
    asked, iterated = [await nc.subscribe("own.read") for _ in range(2)]
    js = await make_stream(nc, "ownread")
    pulled = await js.pull_subscribe("ownread.in", "pull")
    await settle(nc)
    await service.send()
    await nc.request("own.read", b"{}")
    for _ in range(2):
        await js.publish("ownread.in", b"{}")
    await asked.next_msg()
    async for _ in iterated.messages:
        break
    assert len(await pulled.fetch(2)) == 2
    assert followed == []
    await js.delete_stream("ownread")
