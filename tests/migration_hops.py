"""One hop of a message at a time: a service stores it, ends, and another one reads it.

The instrumentation is one for the process. So the services run one after the other, each with
connections of its own, and the streams keep what is on its way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.client import JetStreamContext
from opentelemetry import trace

from conftest import Instrumentation
from migration_services import Service


class Work(NamedTuple):
    """What a consumer made of one message."""

    raw: bytes
    """The payload as the consumer's code got it."""

    data: bytes
    """What it took for the bytes of the application."""

    delivered: tuple[str, ...]
    """The lineage of the span that was current when the message was handed over."""

    worked: tuple[str, ...]
    """The lineage of the span that was current in the work on it."""


class Handled(NamedTuple):
    """The same, while the spans have not ended."""

    raw: bytes
    data: bytes
    delivered: int
    worked: int


async def empty_stream(client: Client, name: str, *subjects: str) -> JetStreamContext:
    """A context whose stream ``name`` has no messages.

    It is emptied and not deleted: where a stream is made again under its old name, nats-server
    2.15.1 may find messages of the deleted one.
    """
    js = client.jetstream()
    await js.add_stream(name=name, subjects=list(subjects))
    await js.purge_stream(name)
    return js


async def produce(
    url: str, producer: Service, instrumentation: Instrumentation, messages: Mapping[str, bytes]
) -> None:
    """``producer`` stores ``messages``, by subject, in their stream."""
    client = await nats.connect(url)
    with producer.running(instrumentation):
        js = client.jetstream()
        for subject, data in messages.items():
            await producer.publish(instrumentation.tracer, js.publish, subject, data)
    await client.close()


async def consume(
    url: str,
    consumer: Service,
    instrumentation: Instrumentation,
    pattern: str,
    count: int,
    target: Callable[[str], str] | None = None,
) -> dict[str, Work]:
    """``consumer`` works on the ``count`` messages of ``pattern``; the result is by subject.

    Args:
        target: where it publishes the message on to, which came in on this subject.
    """
    client = await nats.connect(url)
    js, tracer = client.jetstream(), instrumentation.tracer
    handled: asyncio.Queue[tuple[str, Handled]] = asyncio.Queue()

    async def work_on(message: Msg) -> None:
        delivered = current_span()
        with consumer.handling(tracer, message.data) as data:
            worked = Handled(message.data, data, delivered, current_span())
            if target:
                await consumer.publish(tracer, js.publish, target(message.subject), data)
        handled.put_nowait((message.subject, worked))

    with consumer.running(instrumentation):
        await js.subscribe(pattern, cb=work_on)
        taken = [await handled.get() for _ in range(count)]
        await client.close()
    works = with_lineages(instrumentation, taken)
    assert (len(works), handled.qsize()) == (count, 0), "a message was delivered twice"
    return works


def with_lineages(
    instrumentation: Instrumentation, handled: Iterable[tuple[str, Handled]]
) -> dict[str, Work]:
    """What was handled, when its spans have ended."""
    spans = {span.span: span for span in instrumentation.spans()}

    def lineage(span_id: int) -> tuple[str, ...]:
        names: list[str] = []
        found = spans.get(span_id)
        while found is not None:
            names.insert(0, found.name)
            parent = None if found.parent is None else spans[found.parent]
            assert parent is None or parent.trace == found.trace
            found = parent
        return tuple(names)

    return {
        subject: Work(raw, data, lineage(delivered), lineage(worked))
        for subject, (raw, data, delivered, worked) in handled
    }


def current_span() -> int:
    """The id of the current span; 0 where there is none."""
    return trace.get_current_span().get_span_context().span_id


def result(producer: Service, consumer: Service, subject: str, process: str, work: Work) -> str:
    """What a pair of services does to the trace of a message."""
    sent, own = producer.sent(subject), consumer.worked(process)
    if work.worked == ():
        return "no span"
    if sent and work.worked == sent + own:
        return "continues"
    if sent and (work.delivered, work.worked) == ((*sent, process), ("handle",)):
        return "splits"
    if work.worked in (own, own[-1:]) and work.delivered in ((), (process,)):
        return "starts anew"
    raise AssertionError(f"{producer.name} to {consumer.name}: {work}")
