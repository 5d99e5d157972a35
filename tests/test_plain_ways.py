"""The short way of most messages gives what the long one does: bytes, contexts and spans."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any
from urllib.parse import urlsplit

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from opentelemetry import baggage, context, trace
from opentelemetry.context import Context
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Sampler, SamplingResult
from opentelemetry.trace import (
    NonRecordingSpan,
    NoOpTracerProvider,
    SpanContext,
    TraceFlags,
    TraceState,
    get_current_span,
)

from broken import raise_broken
from conftest import Connect, Inbox, Instrumentation, settle
from opentelemetry_instrumentation_nats_payload import (
    NATSInstrumentor,
    _publish,
    _subscription,
)
from spans import Recorded

_PARENT = "00-0000000000000000000000000000004d-0000000000000063-01"
_FIELD = b'"_otel_trace_headers":{"traceparent":"%b"}' % _PARENT.encode()
_PAYLOADS: list[Any] = [
    b'{"a":1}',
    b"{}",
    b"{ }",
    b'{"a":1}\n',
    b' {"a":1}',
    b'{"a":NaN,"b":"\\ud800"}',
    b'{"a":"\xc3\xa9"}',
    b'{"a":"\xff"}',
    b'{"a":"\\u005fotel"}',
    b"[1]",
    b"",
    b"{",
    b"{name}",
    b'{"a":1}\n{"b":2}',
    b'{"a":"' + b"x" * 20_000 + b'"}',
    b'{"a":1,' + _FIELD + b"}",
    b"{" + _FIELD + b"}",
    b'{"a":1, ' + _FIELD + b" }",
    b"{" + _FIELD + b',"a":1}',
    b'{"a":"' + b"x" * 20_000 + b'",' + _FIELD + b"}",
    b'{"a":1}\n{"b":2,' + _FIELD + b"}",
    b'{"a":1,' + _FIELD.replace(b"-01", b"-00") + b"}",
    b'{"a":1,' + _FIELD.replace(b"00-0", b"01-0") + b"}",
    b'{"a":1,' + _FIELD.replace(b"4d-", b"4g-") + b"}",
    b'{"a":1,' + _FIELD.replace(b"4d-", b"00-") + b"}",
    b'{"a":1,' + _FIELD.replace(b"headers", b"context") + b"}",
    b'{"a":1,' + _FIELD[:-1] + b',"tracestate":"a=b"}}',
    b'{"a":1,' + _FIELD[:-1] + b',"baggage":"a=b"}}',
    b'{"a":1,' + _FIELD + b"," + _FIELD + b"}",
    b'{"_otel_trace_headers":1}',
    bytearray(b'{"a":1}'),
]


class _Tracestate(Sampler):
    """Samples, and adds a tracestate."""

    def should_sample(self, *args: Any, **kwargs: Any) -> SamplingResult:
        result: Any = ALWAYS_ON.should_sample(*args, **kwargs)
        return SamplingResult(result.decision, result.attributes, TraceState([("a", "b")]))

    def get_description(self) -> str:
        return "adds a tracestate"


def _remote(trace_state: TraceState | None = None) -> Context:
    span_context = SpanContext(77, 99, True, TraceFlags(1), trace_state)
    return trace.set_span_in_context(NonRecordingSpan(span_context), Context())


@contextmanager
def _current(values: Context) -> Generator[None]:
    token = context.attach(values)
    yield
    context.detach(token)


def _surroundings() -> list[AbstractContextManager[Any]]:
    return [
        nullcontext(),
        _current(_remote()),
        _current(_remote(TraceState([("a", "b")]))),
        _current(baggage.set_baggage("a", "b", _remote())),
        _current(baggage.set_baggage("a", "b", Context())),
        _current(context.set_value("own", 1, _remote())),
        suppress_instrumentation(),
    ]


class _Seen:
    """What a way gave."""

    def __init__(self) -> None:
        self.published: list[tuple[bytes, bytes]] = []
        self.consumed: list[tuple[bytes, int, int]] = []
        self.spans: list[Recorded] = []


class _Wire:
    """What a subscriber that is not nats-py gets."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def open(cls, url: str) -> _Wire:
        """Subscribe to all that the test publishes."""
        address = urlsplit(url)
        wire = cls(*await asyncio.open_connection(address.hostname, address.port))
        wire._writer.write(b'CONNECT {"verbose":false,"headers":true}\r\nSUB plain.> 1\r\nPING\r\n')
        while await wire._reader.readline() != b"PONG\r\n":
            pass
        return wire

    async def message(self) -> tuple[bytes, bytes]:
        """Command line and content of the next message."""
        while (line := await self._reader.readline()) == b"PING\r\n":
            self._writer.write(b"PONG\r\n")  # the server asks once two seconds have passed
        content = await self._reader.readexactly(int(line.split()[-1]) + 2)
        return line, content

    def close(self) -> None:
        self._writer.close()


def _ignore(*_: object) -> None:
    """A hook, with which no message takes the short way."""


_LONG = {"publish_hook": _ignore, "process_hook": _ignore}


async def _run(url: str, nc: Client, options: dict[str, Any], sampler: Sampler) -> _Seen:
    seen, instrumentation = _Seen(), Instrumentation()
    instrumentation.provider.sampler = sampler
    instrumentation.start(**options)
    arrived: asyncio.Queue[None] = asyncio.Queue()

    async def callback(message: Msg) -> None:
        current = get_current_span().get_span_context()
        seen.consumed.append((message.data, current.trace_id, current.span_id))
        await nc.publish("plain.next", b'{"next":1}')
        arrived.put_nowait(None)

    subscription = await nc.subscribe("plain.*.in", "group", cb=callback)
    await settle(nc)
    wire = await _Wire.open(url)
    for number, payload in enumerate(_PAYLOADS):
        for surroundings in _surroundings():
            with surroundings:
                await nc.publish(f"plain.{number % 3}.in", payload, "plain.reply" * (number % 2))
            await arrived.get()
            seen.published += [await wire.message(), await wire.message()]
    wire.close()
    await subscription.unsubscribe()
    NATSInstrumentor().uninstrument()
    seen.spans = instrumentation.spans()
    return seen


@pytest.mark.parametrize("field", ["refresh", "keep", "strip"])
@pytest.mark.parametrize("sampler", [ALWAYS_ON, ALWAYS_OFF, _Tracestate()])
async def test_both_ways_give_the_same(
    server: str, connect: Connect, field: str, sampler: Sampler
) -> None:
    """The same bytes go out and come in, under the same spans, in the same contexts."""
    nc = await connect()
    options = {"consumed_field": field, "subject_templates": ("plain.1.*",)}
    # Each in a task of its own: a message that comes back is followed.
    short = await asyncio.create_task(_run(server, nc, options, sampler))
    long = await asyncio.create_task(_run(server, nc, {**options, **_LONG}, sampler))
    assert len(short.consumed) == len(_PAYLOADS) * len(_surroundings())
    assert short.published == long.published
    assert short.consumed == long.consumed
    assert short.spans == long.spans
    assert bool(short.spans) == (sampler is not ALWAYS_OFF)


@pytest.mark.parametrize("field", ["refresh", "strip"])
@pytest.mark.parametrize(
    "options",
    [{"propagate_only_subjects": ("plain.>",)}, {"tracer_provider": NoOpTracerProvider()}],
)
async def test_both_ways_pass_the_same_on(
    server: str, connect: Connect, field: str, options: dict[str, Any]
) -> None:
    """Without spans: the same bytes go out and come in, in the same contexts."""
    nc = await connect()
    options = {"consumed_field": field, **options}
    short = await asyncio.create_task(_run(server, nc, options, ALWAYS_ON))
    long = await asyncio.create_task(_run(server, nc, {**options, **_LONG}, ALWAYS_ON))
    assert short.published == long.published
    assert short.consumed == long.consumed
    assert short.spans == long.spans == []
    assert any(b"_otel_trace_headers" in content for _, content in short.published)


@pytest.mark.parametrize("payload", [b'{"a":1}', b"[1]"])
async def test_most_messages_take_the_short_way(
    connect: Connect,
    inbox: Inbox,
    spans: Instrumentation,
    monkeypatch: pytest.MonkeyPatch,
    payload: bytes,
) -> None:
    """A publish from a callback as well as one from nowhere, and what comes in of them."""
    for module, name in ((_publish, "start_publish"), (_subscription, "start_process")):
        monkeypatch.setattr(module, name, raise_broken)
    nc = await connect()

    async def forward(message: Msg) -> None:
        await nc.publish("plain.second", payload)

    await nc.subscribe("plain.first", cb=forward)
    await nc.subscribe("plain.second", cb=inbox.callback)
    await nc.publish("plain.first", payload)
    await inbox.data()
    assert [span.name for span in spans.spans()][:3] == [
        "publish plain.first",
        "process plain.first",
        "publish plain.second",
    ]
