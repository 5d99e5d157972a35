"""One stream and one durable consumer, while the services on both sides change."""

from __future__ import annotations

import asyncio

import pytest
from nats.aio.client import Client
from nats.js.client import JetStreamContext

from conftest import Connect, Instrumentation
from migration_hops import (
    Handled,
    Work,
    current_span,
    empty_stream,
    produce,
    result,
    with_lineages,
)
from migration_services import BARE, BOTH, BY_HAND, HEADERS, PAYLOAD, TWICE, Service

_THERE = [BARE, BY_HAND, TWICE[0], PAYLOAD, BOTH, HEADERS]
_BACK = _THERE[::-1]
_STORED = 3
Taken = list[tuple[str, Handled]]


def _messages(step: int) -> dict[str, bytes]:
    return {f"walk.{step}.{number}": b'{"id": %d}' % number for number in range(_STORED)}


async def _work(
    pull: JetStreamContext.PullSubscription,
    consumer: Service,
    instrumentation: Instrumentation,
    count: int,
) -> Taken:
    """Take and acknowledge ``count`` messages."""
    taken: Taken = []
    for _ in range(count):
        [message] = await pull.fetch(1, timeout=20)
        delivered = current_span()
        with consumer.handling(instrumentation.tracer, message.data) as data:
            worked = Handled(message.data, data, delivered, current_span())
            taken.append((message.subject, worked))
        await message.ack_sync()
    return taken


async def _live(
    client: Client,
    durable: str,
    consumer: Service,
    instrumentation: Instrumentation,
    count: int,
    is_stopped: bool,
) -> Taken:
    """The life of a process. One that is stopped gives a message back that it has just taken."""
    with consumer.running(instrumentation):
        pull = await client.jetstream().pull_subscribe("walk.>", durable=durable, stream="WALK")
        taken = await _work(pull, consumer, instrumentation, count)
        if is_stopped:
            [message] = await pull.fetch(1, timeout=20)
            await message.nak()
        await client.flush()
    await client.close()
    return taken


def _results(works: dict[str, Work], producer: Service, consumer: Service) -> set[str]:
    return {
        result(producer, consumer, subject, "fetch walk.>", work) for subject, work in works.items()
    }


@pytest.mark.parametrize("steps", [_THERE, _BACK], ids=["there", "back"])
@pytest.mark.parametrize("first", ["producer", "consumer"])
async def test_services_that_restart_with_another_setting_lose_nothing(
    connect: Connect,
    server: str,
    instrumentation: Instrumentation,
    steps: list[Service],
    first: str,
) -> None:
    """What was stored or taken under the old setting is read under the new one, each message once.

    The trace continues in each pair of neighbours on the path, from the first one that has spans.
    """
    client = await connect()
    js = await empty_stream(client, "WALK", "walk.>")
    durable = f"{first}-{steps[0].token}"
    seen: list[str] = []
    for step, new in enumerate(steps):
        old = steps[max(step - 1, 0)]
        producer = new if first == "producer" else old
        await produce(server, producer, instrumentation, _messages(step))
        for consumer, count, is_stopped in ((old, 1, True), (new, _STORED - 1, False)):
            life = _live(await connect(), durable, consumer, instrumentation, count, is_stopped)
            # A task of its own: the context of the last message ends with it.
            works = with_lineages(instrumentation, await asyncio.create_task(life))
            seen += works
            assert {name: works[name].data for name in works}.items() <= _messages(step).items()
            expected = "starts anew" if producer is BARE else "continues"
            assert _results(works, producer, consumer) == {
                "no span" if consumer is BARE else expected
            }
    assert sorted(seen) == [name for step in range(len(steps)) for name in _messages(step)]
    info = await js.consumer_info("WALK", durable)
    assert (info.num_pending, info.num_ack_pending) == (0, 0)
