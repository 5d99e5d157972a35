"""What fits: max_payload, headers, bounds of a carrier, and the buffer of a reconnect."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import nats.errors
import pytest
from opentelemetry import baggage, context, trace
from opentelemetry.propagators.textmap import default_setter
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceState
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from conftest import CARRIERS, Connect, Inbox, Instrumentation, StartServer
from nats_server import nats_server
from spans import traceparent


def _payload_of(size: int) -> bytes:
    return b'{"a":"' + b"x" * (size - 8) + b'"}'


async def test_a_payload_near_max_payload_is_sent_as_it_is(
    connect: Connect, start_server: StartServer, inbox: Inbox, instrumentation: Instrumentation
) -> None:
    """Up to the last byte that fits the context is in; past it, the message goes without."""
    nc = await connect(start_server("max_payload: 1024"))
    await nc.subscribe("carrier.size", cb=inbox.callback)
    instrumentation.start()
    for size in (1024 - 96, 1024 - 95, 1024):
        await nc.publish("carrier.size", _payload_of(size))
    sizes = [len(await inbox.data()) for _ in range(3)]
    assert sizes == [1024, 1024 - 95, 1024]
    with pytest.raises(nats.errors.MaxPayloadError):
        await nc.publish("carrier.size", _payload_of(1025))
    assert nc.is_connected


@pytest.mark.parametrize("carrier", CARRIERS)
async def test_headers_count_towards_max_payload(
    connect: Connect,
    start_server: StartServer,
    inbox: Inbox,
    instrumentation: Instrumentation,
    carrier: str,
) -> None:
    """nats-py does not count them; the server drops the connection that sends more."""
    nc = await connect(start_server("max_payload: 1024"), allow_reconnect=False)
    await nc.subscribe("carrier.headers", cb=inbox.callback)
    instrumentation.start(carrier=carrier)
    headers = {"A": "b" * 100}
    for size in range(700, 900, 5):
        await nc.publish("carrier.headers", _payload_of(size), headers=headers)
        data = await inbox.data()
        assert json.loads(data)["a"] == "x" * (size - 8)
    await nc.flush()
    assert nc.is_connected


async def test_baggage_then_tracestate_give_way_where_the_payload_is_large(
    connect: Connect, start_server: StartServer, inbox: Inbox, instrumentation: Instrumentation
) -> None:
    """What fits is sent: first everything, then without baggage, without tracestate, nothing."""
    nc = await connect(start_server("max_payload: 1024"))
    await nc.subscribe("carrier.less", cb=inbox.callback)
    instrumentation.start()
    remote = SpanContext(7, 8, True, trace.TraceFlags(1), TraceState([("vendor", "x" * 20)]))
    current = trace.set_span_in_context(NonRecordingSpan(remote))
    token = context.attach(baggage.set_baggage("user", "7" * 30, current))
    kept: list[set[str]] = []
    for size in (800, 860, 920, 960):
        await nc.publish("carrier.less", _payload_of(size))
        kept.append(set(json.loads(await inbox.data()).get("_otel_trace_headers", ())))
    context.detach(token)
    everything = {"traceparent", "tracestate", "baggage"}
    assert kept == [everything, everything - {"baggage"}, {"traceparent"}, set()]


class _Many(TraceContextTextMapPropagator):
    """Writes an entry for each item of baggage, as Jaeger's propagator does."""

    def inject(self, carrier: Any, context: Any = None, setter: Any = default_setter) -> None:
        super().inject(carrier, context, setter)
        for number in range(100):
            setter.set(carrier, f"uberctx-{number}", "x" * 50)


async def test_more_entries_than_a_reader_takes_do_not_cost_the_context(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation
) -> None:
    """Of 101 entries the first 16 are written, the span context among them."""
    instrumentation.start(propagator=_Many())
    nc = await connect()
    await nc.subscribe("carrier.many", cb=inbox.callback)
    await nc.publish("carrier.many", b"{}")
    written = json.loads(await inbox.data())["_otel_trace_headers"]
    assert list(written) == ["traceparent", *(f"uberctx-{number}" for number in range(15))]
    assert instrumentation.spans()[1].parent == 1


async def test_entries_of_others_give_way_to_the_context(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation
) -> None:
    """A field that is full of what others wrote still takes the context."""
    instrumentation.start(consumed_field="keep")
    nc = await connect()
    await nc.subscribe("carrier.full", cb=inbox.callback)
    others = {f"k{number}": "v" for number in range(16)}
    await nc.publish("carrier.full", json.dumps({"_otel_trace_headers": others}).encode())
    written = json.loads(await inbox.data())["_otel_trace_headers"]
    assert written == {"traceparent": traceparent(1, 1)}


async def test_both_takes_one_where_there_is_no_room_for_two(
    connect: Connect, start_server: StartServer, inbox: Inbox, instrumentation: Instrumentation
) -> None:
    """Near max_payload the payload alone carries the context, then the headers alone."""
    nc = await connect(start_server("max_payload: 1024"))
    await nc.subscribe("carrier.room", cb=inbox.callback)
    instrumentation.start(carrier="both")
    found: list[tuple[bool, bool]] = []
    for size in (820, 900, 1000):
        await nc.publish("carrier.room", _payload_of(size))
        message = await inbox.messages.get()
        found.append((b"_otel_trace_headers" in message.data, message.headers is not None))
    assert found == [(True, True), (True, False), (False, False)]


async def test_a_carrier_that_no_reader_would_accept_is_not_written(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation
) -> None:
    """8 KiB of baggage would make the reader ignore the traceparent too."""
    nc = await connect()
    await nc.subscribe("carrier.bag", cb=inbox.callback)
    instrumentation.start()
    current = context.get_current()
    for number in range(3):
        current = baggage.set_baggage(f"k{number}", "v" * 2700, current)
    token = context.attach(current)
    await nc.publish("carrier.bag", b"{}")
    context.detach(token)
    carrier = json.loads(await inbox.data())["_otel_trace_headers"]
    assert carrier == {"traceparent": traceparent(1, 1)}


async def _accepted_while_disconnected(connect: Connect, directory: Path) -> int:
    """How many messages publish() takes after the server is gone."""
    directory.mkdir()
    gone = asyncio.Event()

    async def disconnected() -> None:
        gone.set()

    with nats_server(directory) as url:
        nc = await connect(
            url, pending_size=10_000, reconnect_time_wait=60, disconnected_cb=disconnected
        )
    await gone.wait()
    for count in range(10_000):
        try:
            await nc.publish("carrier.buffer", b'{"n":%d}' % count, headers={"A": "b"})
            await nc.publish("carrier.buffer", b'{"n":%d}' % count)
        except nats.errors.OutboundBufferLimitError:
            return count
    raise AssertionError("the buffer has no limit")


@pytest.mark.parametrize("carrier", ["payload", "headers", "both"])
async def test_the_buffer_of_a_reconnect_takes_as_many_messages_as_without_us(
    connect: Connect, tmp_path: Path, instrumentation: Instrumentation, carrier: str
) -> None:
    """pending_size counts the application's bytes: not one message less is accepted."""
    bare = await _accepted_while_disconnected(connect, tmp_path / "bare")
    instrumentation.start(carrier=carrier)
    assert await _accepted_while_disconnected(connect, tmp_path / "instrumented") == bare
