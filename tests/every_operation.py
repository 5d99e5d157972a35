"""Every operation once and more, done for real, and what was exported of it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any, NamedTuple

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import ConnectionClosedError, MaxPayloadError, NoRespondersError
from nats.js.client import JetStreamContext
from nats.js.errors import APIError, NoStreamResponseError
from opentelemetry.sdk.metrics.export import (
    HistogramDataPoint,
)
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import Tracer
from packaging.version import Version

from conftest import settle
from opentelemetry_instrumentation_nats_payload import _signals, process_span
from spans import field

SPANS = {signal.operation: signal for signal in _signals.SPANS}
METRICS = {signal.metric.name: signal for signal in _signals.METRICS}
OF_THE_MODEL = [s for s in _signals.METRICS if not s.metric.name.startswith("messaging.nats.")]
HAS_MICRO = find_spec("nats.micro") is not None
HAS_PUBLISH_ASYNC = hasattr(JetStreamContext, "publish_async")
# The one before goes on waiting on a closed connection.
NEXT_MSG_FAILS = Version(version("nats-py")) >= Version("2.3")
_TOO_LARGE = b"x" * (1024 * 1024 + 1)
_OUT_OF_SEQUENCE = {"Nats-Expected-Last-Sequence": "7000"}
CHOSEN = (77, 88)
OPERATION, TYPE = "messaging.operation.name", "messaging.operation.type"
NAME, TEMPLATE = "messaging.destination.name", "messaging.destination.template"
GROUP, ERROR = "messaging.consumer.group.name", "error.type"


class Exports(NamedTuple):
    """What a run of all operations exported."""

    spans: Sequence[ReadableSpan]
    scopes: Sequence[Any]

    @property
    def metrics(self) -> list[Any]:
        """The metrics, as the SDK has them."""
        return [metric for scope in self.scopes for metric in scope.metrics]

    def of(self, operation: str) -> list[ReadableSpan]:
        """The spans of an operation."""
        return [span for span in self.spans if value_of(span, OPERATION) == operation]

    def counts(self, name: str, *keys: str) -> Counter[Any]:
        """What was counted, or how often was recorded, by these attributes."""
        counter: Counter[Any] = Counter()
        (points,) = (metric.data.data_points for metric in self.metrics if metric.name == name)
        for point in points:
            attributes: Mapping[str, Any] = point.attributes or {}
            counted = point.count if isinstance(point, HistogramDataPoint) else point.value
            counter[tuple(attributes.get(key) for key in keys)] += counted
        return counter


def value_of(span: ReadableSpan, key: str) -> Any:
    """The value of an attribute, or None."""
    return (span.attributes or {}).get(key)


def destination_of(span: ReadableSpan) -> Any:
    """The template of a span, else its subject."""
    return value_of(span, TEMPLATE) or value_of(span, NAME)


def id_of(context: Any) -> tuple[int, int]:
    """A span context as trace and span."""
    return context.trace_id, context.span_id


def links_of(span: ReadableSpan) -> list[tuple[int, int]]:
    """The links of a span."""
    return [id_of(link.context) for link in span.links]


class Application:
    """Does with NATS whatever can be done, on one connection."""

    def __init__(self, nc: Client, errors: asyncio.Queue[Exception], tracer: Tracer) -> None:
        self.nc = nc
        self.js = nc.jetstream()
        self.errors = errors
        self.tracer = tracer
        self.done: asyncio.Queue[Msg] = asyncio.Queue()

    async def _answer(self, message: Msg) -> None:
        if message.reply:
            foreign = message.subject == "core.foreign"
            await message.respond(b'{"a":1' + field(*CHOSEN) + b"}" if foreign else b"{}")
        await self.done.put(message)

    async def _raise(self, message: Msg) -> None:
        raise ValueError("mine")

    async def core(self) -> None:
        """Publish, request and respond, and process; ``bare`` messages carry no context."""
        nc = self.nc
        patterns = await nc.subscribe("core.*", "workers", cb=self._answer)
        exact = await nc.subscribe("exact", cb=self._answer)
        await settle(nc)
        for subject, payload in {"core.1": b"{}", "core.bare": b"[1]", "exact": b"{}"}.items():
            await nc.publish(subject, payload, headers={"Nats-Msg-Id": "mine"})
            await nc.request(subject, payload)
        await nc.publish("orders.1", b"{}")
        await nc.request("core.foreign", b"{}")
        with self.tracer.start_as_current_span("work"):
            chosen = b'{"a":1' + field(*CHOSEN) + b"}"
            await nc.publish("core.kept", chosen)
            await nc.request("core.kept", chosen)
        for _ in range(9):
            await self.done.get()
        await patterns.unsubscribe()
        await exact.unsubscribe()
        await nc.flush()

    async def core_failures(self) -> None:
        """Too large, answered by nobody, and a callback that raises."""
        nc = self.nc
        for operation in (nc.publish, nc.request):
            with pytest.raises(MaxPayloadError):
                await operation("orders.1", _TOO_LARGE)
        with pytest.raises(NoRespondersError):
            await nc.request("nobody", b"{}")
        await nc.subscribe("raises", cb=self._raise)
        await settle(nc)
        await nc.publish("raises", b"{}")
        await self.errors.get()

    async def receive(self) -> None:
        """next_msg, of a subscription of NATS and of a consumer with a queue group."""
        core = await self.nc.subscribe("received.*", "readers")
        push: Any = await self.js.subscribe("semconv.asked", queue="asking")
        await settle(self.nc)
        for subject, payload in {"received.1": b"{}", "received.bare": b"[1]"}.items():
            await self.nc.publish(subject, payload)
            await core.next_msg()
        for finish in ("ack", "nak", "term"):
            await self.js.publish("semconv.asked", b"{}", headers={"Nats-Msg-Id": finish})
            message = await push.next_msg()
            await message.in_progress()
            await getattr(message, finish)()
        await push.unsubscribe()

    async def push(self) -> None:
        """Callbacks of a consumer, whose messages nats-py acknowledges, or the application."""

        async def callback(message: Msg) -> None:
            if message.subject.endswith("by-hand"):
                await message.ack()
            await self.done.put(message)

        await self.js.subscribe("semconv.push.*", queue="pushed", cb=callback)
        for token, payload in {"1": b"{}", "bare": b"[1]", "by-hand": b"{}"}.items():
            await self.js.publish(f"semconv.push.{token}", payload)
            await self.done.get()
        await self.nc.flush()

    async def fetch(self) -> None:
        """One message, several of one subject, several of more, without a context, at last none."""
        pull = await self.js.pull_subscribe("semconv.pull.>", durable="pull")
        bare = await self.js.pull_subscribe("semconv.bare", durable="bare")
        for token in "1223":
            await self.js.publish(f"semconv.pull.{token}", b"{}")
            await self.js.publish("semconv.bare", b"[1]")
        one, two, more = await pull.fetch(1), await pull.fetch(2), await bare.fetch(4)
        await self.js.publish("semconv.pull.4", b"{}")
        mixed = await pull.fetch(2)
        with pytest.raises(asyncio.TimeoutError):
            await pull.fetch(1, timeout=0.05)
        for message in (*one, *two):
            with process_span(message):
                await message.ack_sync()
        for message in (*more, *mixed):
            await message.term()
        with pytest.raises(ValueError, match="mine"), process_span(more[0]):
            raise ValueError("mine")

    async def jetstream_failures(self) -> None:
        """A stream that refuses, and none."""
        await self.js.publish("semconv.id", b"{}", headers={"Nats-Msg-Id": "mine"})
        with pytest.raises(APIError):
            await self.js.publish("semconv.1", b"", headers=_OUT_OF_SEQUENCE)
        with pytest.raises(NoStreamResponseError):
            await self.js.publish("nowhere", b"{}")

    async def publish_async(self) -> None:
        """With an acknowledgement, and with none to come."""
        js: Any = self.js
        await (await js.publish_async("semconv.async", b"{}"))
        with pytest.raises(NoStreamResponseError):
            await (await js.publish_async("nowhere", b"{}"))

    async def micro(self) -> None:
        """An endpoint that answers, and one that raises."""
        from nats import micro

        async def handler(request: Any) -> None:
            if request.subject == "micro.raises":
                raise ValueError("mine")
            await request.respond(b"{}")

        service = await micro.add_service(self.nc, name="svc", version="1.0.0")
        for name in ("answers", "raises"):
            await service.add_endpoint(name=name, subject=f"micro.{name}", handler=handler)
            await self.nc.request(f"micro.{name}", b"{}")
        await service.stop()

    async def closed(self) -> None:
        """Whatever is asked of a closed connection."""
        nc = self.nc
        pattern, exact = await nc.subscribe("closed.*"), await nc.subscribe("closed")
        await settle(nc)
        await nc.publish("closed", b"{}", reply=nc.new_inbox())
        question = await exact.next_msg()
        pull = await self.js.pull_subscribe("semconv.closed", durable="closed")
        await self.js.publish("semconv.closed", b"{}")
        (message,) = await pull.fetch(1)
        await nc.close()
        calls: list[Callable[[], Awaitable[Any]]] = [
            *(message.in_progress, message.nak, message.term, message.ack, pull.fetch),
            partial(nc.publish, "closed"),
            partial(nc.request, "closed"),
            partial(question.respond, b""),
        ]
        if NEXT_MSG_FAILS:
            calls += [pattern.next_msg, exact.next_msg]
        with self.tracer.start_as_current_span("work"):
            for call in calls:
                with pytest.raises(ConnectionClosedError):
                    await call()

    async def everything(self, other: Client) -> None:
        """All of it, at last with another connection, which is closed."""
        await self.js.add_stream(name="SEMCONV", subjects=["semconv.>"])
        try:
            await self.core()
            await self.core_failures()
            await self.receive()
            await self.push()
            await self.fetch()
            await self.jetstream_failures()
            if HAS_PUBLISH_ASYNC:
                await self.publish_async()
            if HAS_MICRO:
                await self.micro()
            await Application(other, self.errors, self.tracer).closed()
        finally:
            await self.js.delete_stream("SEMCONV")
