"""``process_batch``: which messages it is about, and what its span and links say of them."""

from __future__ import annotations

import asyncio
import pickle
from typing import Any

import pytest
from nats.aio.msg import Msg
from opentelemetry.trace import INVALID_SPAN

from conftest import Connect, Expect, Instrumentation
from handoff_batches import batch
from handoff_batches import messages as messages_of
from handoff_services import here
from jetstream import make_stream
from opentelemetry_instrumentation_nats_payload import (
    process_batch,
)
from spans import attributes, field

Queue = asyncio.Queue[Any]


async def test_messages_of_several_subjects(
    connect: Connect, instrumentation: Instrumentation, expected: Expect
) -> None:
    """Have no destination in common, or the pattern that they share."""
    instrumentation.start(subject_templates=["order.*"])
    nc = await connect()
    one, two, other = await messages_of(nc, "order.1", "order.2", "batch.in")
    with process_batch([one, two]):
        pass
    with process_batch([one, other]):
        pass
    template = {"messaging.destination.template": "order.*", "messaging.destination.name": None}
    first = batch(expected(nc), 4, 7, (1, 2), (2, 4), **template).but(name="process order.*")
    second = batch(expected(nc), 5, 8, (1, 2), (3, 6), **{"messaging.destination.name": None})
    assert instrumentation.spans()[6:] == [first, second]


async def test_links_tell_the_messages_apart(
    connect: Connect, instrumentation: Instrumentation
) -> None:
    """Each has the destination of its message, and the id, where there is one."""
    instrumentation.start()
    nc = await connect()
    messages = await messages_of(nc, "batch.in", "batch.more", headers={"Nats-Msg-Id": "m1"})
    with process_batch(messages):
        pass
    links = instrumentation.finished_spans()[-1].links
    assert [dict(link.attributes or {}) for link in links] == [
        {"messaging.destination.name": "batch.in", "messaging.message.id": "m1"},
        {"messaging.destination.name": "batch.more", "messaging.message.id": "m1"},
    ]


async def test_messages_that_were_fetched(
    connect: Connect, instrumentation: Instrumentation
) -> None:
    """Are linked where they were left: at what they carry."""
    instrumentation.start(follow_handoff="message")
    nc = await connect()
    js = await make_stream(nc, "batchpull")
    pulled = await js.pull_subscribe("batchpull.in", "pull")
    for _ in range(2):
        await js.publish("batchpull.in", b"{}")
    with process_batch(await pulled.fetch(2)) as span:
        pass
    assert span.get_span_context().trace_id == instrumentation.spans()[-1].trace
    assert instrumentation.spans()[-1].links == ((1, 1), (2, 2))
    await js.delete_stream("batchpull")


async def test_messages_that_were_never_delivered_through_us(
    connect: Connect, instrumentation: Instrumentation, expected: Expect
) -> None:
    """Are linked to what they carry, pickled ones too; one that carries nothing is counted."""
    instrumentation.start()
    nc = await connect()
    carrying = Msg(nc, subject="batch.in", data=b'{"a":1' + field(7, 8) + b"}")
    with process_batch([carrying, Msg(nc, subject="batch.in", data=b"x")]):
        pass
    pickled = pickle.loads(pickle.dumps(Msg(None, subject="batch.in", data=carrying.data)))  # type: ignore[arg-type]
    with process_batch([pickled]):
        pass
    count = attributes({"messaging.batch.message_count": 2})
    first, second = instrumentation.spans()
    assert first == batch(expected(nc), 1, 1, (7, 8)).but(attributes=count)
    known = set(first.attributes) - {"server.address", "server.port", "messaging.client.id"}
    assert (set(second.attributes), second.links) == (known, ((7, 8),))


@pytest.mark.parametrize("setting", ["excluded_subjects", "propagate_only_subjects"])
async def test_messages_that_are_not_traced_are_left_out(
    connect: Connect, instrumentation: Instrumentation, expected: Expect, setting: str
) -> None:
    """A batch of nothing else has no span."""
    instrumentation.start(**{setting: ["batch.quiet"]})
    nc = await connect()
    quiet = Msg(nc, subject="batch.quiet", data=b"{}")
    messages = [*await messages_of(nc, "batch.in"), quiet]
    with process_batch(messages), process_batch([quiet]) as span:
        assert span is INVALID_SPAN
        assert here() == (2, 3)
    assert instrumentation.spans()[2:] == [batch(expected(nc), 2, 3, (1, 2))]
