"""``follow_handoff=message`` and the other settings, hooks, and code that traces by hand."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from nats.aio.msg import Msg
from opentelemetry import propagate
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import NoOpTracerProvider

from conftest import Connect, Inbox, Instrumentation, settle
from handoff_services import here, in_task, own_span, putting, read, serve
from opentelemetry_instrumentation_nats_payload import (
    MessageDetails,
    NATSInstrumentor,
    NATSTracePropagator,
)
from spans import SequentialIds, field

Queue = asyncio.Queue[Any]


@pytest.fixture
def spans(instrumentation: Instrumentation) -> Instrumentation:
    """The instrumentation, started, that follows messages."""
    instrumentation.start(follow_handoff="message")
    return instrumentation


async def test_a_message_that_is_excluded_takes_the_context_away(
    connect: Connect, instrumentation: Instrumentation
) -> None:
    """A worker of both kinds is not left with that of the message before."""
    instrumentation.start(follow_handoff="message", excluded_subjects=["read.quiet"])
    nc, queue = await connect(), Queue()
    for subject in ("read.in", "read.quiet", "read.quiet"):
        await (await putting(nc, subject, queue)).send(reply=f"answer.{queue.qsize()}")

    async def work() -> list[Any]:
        return [await read(queue) for _ in range(queue.qsize())]

    assert (await in_task(work))[:2] == [(1, 2), (0, 0)]


async def test_callbacks_of_excluded_messages_keep_nothing_of_what_they_read(
    connect: Connect, instrumentation: Instrumentation
) -> None:
    """The next one begins without a context, as the first did."""
    instrumentation.start(follow_handoff="message", excluded_subjects=["read.quiet"])
    nc, queue = await connect(), Queue()
    await (await putting(nc, "read.in", queue)).send()
    message, found = await in_task(queue.get), list[Any]()

    async def handle(_: Msg) -> None:
        found.append(here())
        assert message.data

    service = await serve(nc, "read.quiet", handle)
    await service.send()
    await service.send()
    assert found == [(0, 0), (0, 0)]


@pytest.mark.parametrize("how", ["propagate", "no sdk"])
async def test_without_a_span_the_context_passes_through(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation, how: str
) -> None:
    """And a message that carries none leaves nothing of the message before."""
    provider = NoOpTracerProvider() if how == "no sdk" else instrumentation.provider
    subjects = ["read.>"] if how == "propagate" else []
    instrumentation.start(
        follow_handoff="message", tracer_provider=provider, propagate_only_subjects=subjects
    )
    nc, queue = await connect(), Queue()
    service = await putting(nc, "read.in", queue)
    await nc.subscribe("read.out", cb=inbox.callback)
    await service.send(b'{"a":1' + field(7, 8) + b"}")
    await service.send(b'{"a":1}')

    async def work() -> None:
        for _ in range(2):
            assert (await queue.get()).data
            await nc.publish("read.out", b'{"b":2}')

    await in_task(work)
    found = [vars(await inbox.messages.get())["data"] for _ in range(2)]
    assert found == [b'{"b":2' + field(7, 8) + b"}", b'{"b":2}']


async def test_a_trace_that_is_not_sampled_stays_whole(
    connect: Connect, instrumentation: Instrumentation
) -> None:
    """What the worker publishes says that it is not sampled."""
    provider = TracerProvider(ALWAYS_OFF, id_generator=SequentialIds(), shutdown_on_exit=False)
    instrumentation.start(follow_handoff="message", tracer_provider=provider)
    nc, queue = await connect(), Queue()
    service = await putting(nc, "read.in", queue)
    await service.send()
    await service.send()

    async def work() -> list[int]:
        return [(await read(queue))[0] for _ in range(2)]

    assert await in_task(work) == [1, 2]


async def test_what_is_suppressed_is_not_followed(connect: Connect, spans: Instrumentation) -> None:
    """Nor is the application's span linked; the next reading is followed."""
    nc, queue = await connect(), Queue()
    await (await putting(nc, "read.in", queue)).send()

    async def work() -> list[Any]:
        message = await queue.get()
        with spans.tracer.start_as_current_span("work"), suppress_instrumentation():
            assert message.data
        with suppress_instrumentation():
            assert message.data
        return [here(), bool(message.data), here()]

    assert await in_task(work) == [(0, 0), True, (1, 2)]
    assert spans.spans()[2:] == [own_span("work", 2, 3)]


async def test_hooks_may_read_the_message(
    connect: Connect, instrumentation: Instrumentation
) -> None:
    """That leaves nothing in the task of the subscription, nor where it was asked for."""
    read: list[bytes] = []

    def hook(_: Any, details: Any) -> None:
        each = (details,) if isinstance(details, MessageDetails) else details.messages
        read.extend(one.message.data for one in each)

    instrumentation.start(
        follow_handoff="message",
        process_hook=hook,
        receive_hook=hook,
        excluded_subjects=["read.quiet"],
        continue_received=False,
    )
    nc, found = await connect(), list[Any]()

    async def handle(message: Msg) -> None:
        found.append((message.subject, here()))

    service = await serve(nc, "read.*", handle)
    service.subject = "read.in"
    subscription = await nc.subscribe("read.in")
    await settle(nc)
    await service.send()
    service.subject = "read.quiet"
    await service.send()
    assert found == [("read.in", (1, 2)), ("read.quiet", (0, 0))]

    async def receive() -> tuple[int, int]:
        await subscription.next_msg()
        return here()

    assert await in_task(receive) == (0, 0)
    assert len(read) == 2


async def test_where_spans_are_linked_the_worker_is_in_the_new_trace(
    connect: Connect, instrumentation: Instrumentation
) -> None:
    """``consumer_parent=link``: that of the process span."""
    instrumentation.start(follow_handoff="message", consumer_parent="link")
    nc, queue = await connect(), Queue()
    await (await putting(nc, "read.in", queue)).send()
    assert await in_task(lambda: read(queue)) == (2, 2)


@pytest.mark.parametrize("consumed_field", ["refresh", "keep", "strip"])
async def test_services_that_extract_by_hand_are_as_they_were(
    connect: Connect, instrumentation: Instrumentation, consumed_field: str
) -> None:
    """Where they find the field; where they do not, they continue the trace."""
    instrumentation.start(follow_handoff="message", consumed_field=consumed_field)
    nc, queue = await connect(), Queue()
    await (await putting(nc, "read.in", queue)).send(b'{"a":1}')

    async def work() -> None:
        payload = json.loads((await queue.get()).data)
        headers = payload.get("_otel_trace_headers")
        carried = propagate.extract(headers) if headers else None
        with instrumentation.tracer.start_as_current_span("by hand", carried):
            pass
        create = NATSTracePropagator.create_span_from_message
        with create(instrumentation.tracer, payload, "by helper"):
            pass

    await in_task(work)
    parent = 1 if consumed_field == "keep" else 2
    found = [(s.name, s.trace, s.parent, s.links) for s in instrumentation.spans()[2:]]
    assert found == [("by hand", 1, parent, ()), ("by helper", 1, parent, ())]


async def test_who_extracts_from_an_empty_carrier_asks_for_a_new_trace(
    connect: Connect, instrumentation: Instrumentation
) -> None:
    """With ``strip``: ``extract({})`` is an empty context, which is given to the span as it is."""
    instrumentation.start(follow_handoff="message", consumed_field="strip")
    nc, queue = await connect(), Queue()
    await (await putting(nc, "read.in", queue)).send(b'{"a":1}')

    async def work() -> None:
        payload = json.loads((await queue.get()).data)
        carried = propagate.extract(payload.get("_otel_trace_headers", {}))
        with instrumentation.tracer.start_as_current_span("by hand", carried):
            pass

    await in_task(work)
    assert instrumentation.spans()[2:] == [own_span("by hand", 2, 3)]


@pytest.mark.parametrize("again", [None, "off", "queue", "message"])
async def test_uninstrumenting_in_the_middle(
    connect: Connect, instrumentation: Instrumentation, again: str | None
) -> None:
    """Messages that are alive can be read; nobody follows them, unless messages are again."""
    instrumentation.start(follow_handoff="message")
    nc, queue = await connect(), Queue()
    service = await putting(nc, "read.in", queue)
    await service.send(b'{"a":1}')
    await service.send(b'{"a":2}')
    NATSInstrumentor().uninstrument()
    if again is not None:
        instrumentation.start(follow_handoff=again)

    async def work() -> list[Any]:
        messages = [await queue.get(), await queue.get()]
        return [(json.loads(message.data)["a"], here()) for message in messages]

    contexts = [(1, 2), (2, 4)] if again == "message" else [(0, 0)] * 2
    assert await in_task(work) == [*zip((1, 2), contexts, strict=True)]
