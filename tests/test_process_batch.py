"""``process_batch``: one span around work on several messages, linked to each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from nats.aio.msg import Msg
from opentelemetry import baggage, context, metrics, trace
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.trace import INVALID_SPAN, NoOpTracerProvider

from conftest import Connect, Expect, Instrumentation
from handoff_batches import batch
from handoff_batches import messages as messages_of
from handoff_services import here, in_task, own_span, putting
from opentelemetry_instrumentation_nats_payload import (
    NATSInstrumentor,
    _guard,
    process_batch,
    process_span,
)
from spans import attributes

Queue = asyncio.Queue[Any]


@pytest.mark.parametrize("mode", ["off", "message", "queue", "all"])
@pytest.mark.parametrize("kind", [list, tuple, iter])
async def test_one_span_with_a_link_to_each_message(
    connect: Connect,
    instrumentation: Instrumentation,
    expected: Expect,
    mode: str,
    kind: Callable[[list[Msg]], Iterable[Msg]],
) -> None:
    """In a trace of its own, around what the block publishes; reading them links nothing twice."""
    instrumentation.start(follow_handoff=mode)
    nc = await connect()
    messages = await messages_of(nc, "batch.in", "batch.in", "batch.in")

    async def flush() -> tuple[int, int]:
        with process_batch(kind(messages)) as span:
            assert span is trace.get_current_span()
            assert all(message.data for message in messages)
            await nc.publish("batch.out", b"{}")
        return here()

    assert await in_task(flush) == (0, 0)
    assert instrumentation.spans()[6:] == [
        batch(expected(nc), 4, 7, (1, 2), (2, 4), (3, 6)),
        expected(nc).publish("batch.out", 4, 8, parent=7),
    ]


async def test_a_worker_that_gathers_messages_before(
    connect: Connect, instrumentation: Instrumentation, expected: Expect
) -> None:
    """And reads them as they come: the batch is no child of the one that was read last."""
    instrumentation.start(follow_handoff="all")
    nc, queue = await connect(), Queue()
    service = await putting(nc, "batch.in", queue)
    await service.send()
    await service.send()

    async def work() -> None:
        messages: list[Msg] = []
        while len(messages) < 2:
            messages.append(await queue.get())
            assert messages[-1].data
        with process_batch(messages):
            await nc.publish("batch.out", b"{}")

    await in_task(work)
    assert instrumentation.spans()[4:] == [
        batch(expected(nc), 3, 5, (1, 2), (2, 4)),
        expected(nc).publish("batch.out", 3, 6, parent=5),
    ]


async def test_under_a_span_of_the_application_it_is_a_child(
    connect: Connect, instrumentation: Instrumentation, expected: Expect
) -> None:
    """That span gets no links of its own; which messages were read before makes no difference."""
    instrumentation.start(follow_handoff="message")
    nc = await connect()
    messages = await messages_of(nc, "batch.in")

    async def work() -> None:
        with instrumentation.tracer.start_as_current_span("work"), process_batch(messages):
            assert messages[0].data

    await in_task(work)
    assert instrumentation.spans()[2:] == [
        own_span("work", 2, 3),
        batch(expected(nc), 2, 4, (1, 2)).but(parent=3),
    ]


async def test_what_the_application_set_stays_and_no_baggage_of_a_message(
    connect: Connect, instrumentation: Instrumentation
) -> None:
    """Values of the worker's context are there in the block, and those of a message are not."""
    instrumentation.start(follow_handoff="message")
    nc = await connect()
    token = context.attach(baggage.set_baggage("tenant", "t1"))
    messages = await messages_of(nc, "batch.in")
    context.detach(token)

    async def work() -> list[Any]:
        context.attach(context.set_value("mine", 1))
        assert messages[0].data
        found = [baggage.get_baggage("tenant")]
        with process_batch(messages):
            found.extend((baggage.get_baggage("tenant"), context.get_value("mine")))
        return [*found, here()]

    assert await in_task(work) == ["t1", None, 1, (1, 2)]


async def test_what_the_block_raises_is_recorded_and_raised(
    connect: Connect, instrumentation: Instrumentation, expected: Expect
) -> None:
    """As it was; a cancellation is no failure."""
    instrumentation.start()
    nc = await connect()
    messages = await messages_of(nc, "batch.in")
    for error in (ValueError("full"), asyncio.CancelledError()):
        with pytest.raises(type(error)) as raised, process_batch(messages):
            raise error
        assert raised.value is error
    failed = {
        "attributes": attributes({"error.type": "ValueError"}),
        "status": "ERROR",
        "description": "full",
        "events": ("exception",),
    }
    assert instrumentation.spans()[2:] == [
        batch(expected(nc), 2, 3, (1, 2)).but(**failed),
        batch(expected(nc), 3, 4, (1, 2)),
    ]
    assert here() == (0, 0)


async def test_process_span_inside_of_it(
    connect: Connect, instrumentation: Instrumentation, expected: Expect
) -> None:
    """Is a child of the batch, with the link to its message's creation."""
    instrumentation.start(follow_handoff="message")
    nc = await connect()
    messages = await messages_of(nc, "batch.in")
    with process_batch(messages), process_span(messages[0]):
        assert messages[0].data
    span = expected(nc).process("batch.in", 2, 4, parent=3).but(links=((1, 1),))
    assert instrumentation.spans()[2:] == [batch(expected(nc), 2, 3, (1, 2)), span]


@pytest.mark.parametrize("how", ["no sdk", "uninstrumented", "suppressed", "empty", "no messages"])
async def test_where_there_is_nothing_to_record_the_block_runs_as_it_is(
    connect: Connect, instrumentation: Instrumentation, how: str
) -> None:
    """In the context around it, whatever it was given."""
    provider = NoOpTracerProvider() if how == "no sdk" else instrumentation.provider
    instrumentation.start(tracer_provider=provider)
    messages: Any = [Msg(await connect(), subject="batch.in", data=b"{}")]
    if how == "uninstrumented":
        NATSInstrumentor().uninstrument()
    elif how == "empty":
        messages = []
    elif how == "no messages":
        messages = [None, 7]
    token = context.attach(context.set_value("mine", 1))
    before = context.get_current()
    if how == "suppressed":
        with suppress_instrumentation(), process_batch(messages) as span:
            assert span is INVALID_SPAN
    else:
        with process_batch(messages) as span:
            assert (span, context.get_current()) == (INVALID_SPAN, before)
    context.detach(token)
    assert instrumentation.spans() == []
    assert bool(_guard._warned) == (how == "no messages")


async def test_its_duration_is_measured(connect: Connect, instrumentation: Instrumentation) -> None:
    """As one process operation."""
    reader = InMemoryMetricReader()
    provider: metrics.MeterProvider = MeterProvider([reader], shutdown_on_exit=False)
    instrumentation.start(meter_provider=provider, metrics=True)
    nc = await connect()
    messages = await messages_of(nc, "batch.in", "batch.in")
    with process_batch(messages):
        pass
    found: Any = reader.get_metrics_data()
    points = {
        metric.name: metric.data.data_points
        for metric in found.resource_metrics[0].scope_metrics[0].metrics
    }
    assert sum(point.count for point in points["messaging.process.duration"]) == 3
