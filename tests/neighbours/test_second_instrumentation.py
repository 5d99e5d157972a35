"""otel-instrumentation-nats, which writes headers, active at the same time."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from otel_instrumentation_nats import NatsInstrumentor

from conftest import Connect, Inbox, Instrumentation, settle
from opentelemetry_instrumentation_nats_payload import NATSInstrumentor

from .conftest import Run
from .families import OURS, families, recorded_families
from .programs import SpanReceiver

_INBOX = "_INBOX."
_orders = pytest.mark.parametrize("both", ["ours first", "theirs first"], indirect=True)


@pytest.fixture
def both(request: pytest.FixtureRequest, instrumentation: Instrumentation) -> Iterator[Any]:
    """Starts both, in either order; ends them the other way round."""
    theirs = NatsInstrumentor()

    def start(**options: Any) -> Instrumentation:
        if request.param == "ours first":
            instrumentation.start(**options)
        theirs.instrument(tracer_provider=instrumentation.provider)
        if request.param == "theirs first":
            instrumentation.start(**options)
        return instrumentation

    yield start
    if request.param == "theirs first":
        NATSInstrumentor().uninstrument()
    theirs.uninstrument()


def _traces(instrumentation: Instrumentation) -> list[list[str]]:
    """The traces, without what the other package makes of the replies in inboxes."""
    spans = instrumentation.finished_spans()
    return recorded_families([span for span in spans if not span.name.startswith(_INBOX)])


def _names(trace: list[str]) -> list[str]:
    return [line.partition(" < ")[0] for line in trace]


@_orders
@pytest.mark.parametrize("carrier", ["payload", "headers", "both", "auto"])
@pytest.mark.parametrize("payload", [b'{"order":1}', b"[1]"])
async def test_a_message_is_one_trace_with_two_spans_on_each_side(
    connect: Connect, inbox: Inbox, both: Any, carrier: str, payload: bytes
) -> None:
    """Whichever was there first, and wherever the context travels."""
    instrumentation: Instrumentation = both(carrier=carrier)
    nc = await connect()
    await nc.subscribe("doubled", cb=inbox.callback)
    await nc.publish("doubled", payload)
    assert (await inbox.data()).startswith(payload[:-1])
    await settle(nc)
    [trace] = _traces(instrumentation)
    assert sorted(_names(trace)) == [
        "*process doubled",
        "*publish doubled",
        "doubled receive",
        "doubled send",
    ]


@_orders
async def test_a_request_is_answered_in_one_trace(connect: Connect, both: Any) -> None:
    """Request, its processing, and the reply."""
    instrumentation: Instrumentation = both()
    nc = await connect()

    async def answer(message: Any) -> None:
        await message.respond(b'{"price":1}')

    await nc.subscribe("quotes", cb=answer)
    reply = await nc.request("quotes", b'{"symbol":"BTC"}', timeout=10)
    assert reply.data == b'{"price":1}'
    [trace] = _traces(instrumentation)
    assert {"*request quotes", "*process quotes", "*respond"} <= set(_names(trace))


@_orders
async def test_nothing_is_lost(connect: Connect, inbox: Inbox, both: Any) -> None:
    """A hundred messages arrive once each, in their order, each in a trace of its own."""
    instrumentation: Instrumentation = both(consumed_field="strip")
    nc = await connect()
    await nc.subscribe("counted", cb=inbox.callback)
    sent = [b'{"n":%d}' % number for number in range(100)]
    for payload in sent:
        await nc.publish("counted", payload)
    assert [await inbox.data() for _ in sent] == sent
    await settle(nc)
    assert inbox.messages.empty()
    assert [len(trace) for trace in _traces(instrumentation)] == [4] * len(sent)


@_orders
async def test_jetstream_is_one_trace(connect: Connect, both: Any) -> None:
    """A message through a stream, its fetch and what follows."""
    instrumentation: Instrumentation = both()
    nc = await connect()
    js = nc.jetstream()
    await js.add_stream(name="SECOND", subjects=["second.>"])
    try:
        await js.publish("second.a", b'{"a":1}')
        pull = await js.pull_subscribe("second.a", "worker")
        [message] = await pull.fetch(1, timeout=10)
        await nc.publish("followed", b"{}")
        await message.ack_sync()
    finally:
        await js.delete_stream("SECOND")
    [trace] = [names for names in map(_names, _traces(instrumentation)) if "second.a send" in names]
    assert {"*publish second.a", "*fetch second.a", "*publish followed"} <= set(trace)


def test_the_command_loads_both_and_says_so(run: Run, receiver: SpanReceiver) -> None:
    """One warning that names the other; each message in one trace."""
    done = run(sys.executable, "plain.py", OTEL_PYTHON_DISABLED_INSTRUMENTATIONS="logging")
    assert done.returncode == 0
    assert done.stdout == "done\n"
    assert done.stderr.count("nats-py is also wrapped by otel_instrumentation_nats") == 1
    assert len(done.stderr.splitlines()) == 1
    spans = [span for span in receiver.spans() if "plain.orders" in span.name]
    assert [len(trace) for trace in families(spans)] == [4]


def test_disabled_by_name_the_other_is_gone(run: Run, receiver: SpanReceiver) -> None:
    """What the warning says works."""
    done = run(sys.executable, "plain.py", OTEL_PYTHON_DISABLED_INSTRUMENTATIONS="nats")
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")
    spans = receiver.spans()
    assert {span.scope.split()[0] for span in spans} == {OURS}
    assert families(spans) == [
        ["publish plain.orders", "process plain.orders < publish plain.orders"]
    ]
