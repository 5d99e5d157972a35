"""Which messages nats-trace-audit hears, when it ends, and the hops of one trace."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest
from nats.aio.msg import Msg
from opentelemetry.trace import use_span

from audit_cli import (
    ALIAS,
    BARE,
    FIELD,
    MONITORED,
    PARENT,
    SPAN,
    TRACE,
    Monitor,
    Run,
)
from conftest import Connect, Instrumentation, StartServer, settle


@pytest.fixture
def server(start_server: StartServer) -> str:
    """A server of its own that says who is connected."""
    return start_server(MONITORED)


@pytest.fixture
def monitor(server: str, tmp_path: Path) -> Monitor:
    """Asks it."""
    return Monitor(server, tmp_path)


async def test_follow_prints_the_hops_of_one_trace(
    server: str, monitor: Monitor, connect: Connect, spans: Instrumentation
) -> None:
    """Through three services, each hop with the span that sent it, and no other trace."""
    with spans.tracer.start_as_current_span("root") as root:
        trace = f"{root.get_span_context().trace_id:032x}"
    run = Run("--server", server, "--follow", trace, "--messages", "3")
    await monitor.listening()
    nc = await connect()

    async def on_first(message: Msg) -> None:
        await nc.publish("hop.second", b'{"n":2}')

    async def on_second(message: Msg) -> None:
        await nc.publish("hop.third", b'{"n":3}')

    await nc.subscribe("hop.first", cb=on_first)
    await nc.subscribe("hop.second", cb=on_second)
    await nc.publish("hop.first", b'{"n":0}')
    with use_span(root):
        await nc.publish("hop.first", b'{"n":1}')
    done = await run.ended()
    sent = {
        span.name: f"{span.context.span_id:016x}"
        for span in spans.finished_spans()
        if span.context
        and span.name.startswith("publish")
        and f"{span.context.trace_id:032x}" == trace
    }
    assert [" ".join(line.split()[2:]) for line in done.out.splitlines()] == [
        f"hop.{hop} sent by span {sent[f'publish hop.{hop}']} in payload sampled 103 bytes"
        for hop in ("first", "second", "third")
    ]
    assert (done.code, done.err) == (0, "")


async def test_follow_as_json_lines(server: str, monitor: Monitor, connect: Connect) -> None:
    """One object a hop; the trace id may be that of a traceparent."""
    run = Run("--server", server, "--follow", PARENT.upper(), "--json", "--messages", "1")
    nc = await connect()
    await monitor.listening()
    await nc.publish("orders", ALIAS)
    await nc.publish("orders", FIELD)
    done = await run.ended()
    assert json.loads(done.out) == {
        "seconds": 0.0,
        "subject": "orders",
        "source": "payload",
        "trace_id": TRACE,
        "span_id": SPAN,
        "sampled": True,
        "bytes": len(FIELD),
    }


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_gives_the_report(
    server: str, monitor: Monitor, connect: Connect, number: signal.Signals
) -> None:
    """Ctrl-C, and what a container gets, end the listening, and what came is reported."""
    run = Run("--server", server, "--json", "--seconds", "300")
    nc = await connect()
    await monitor.listening()
    for _ in range(5):
        await nc.publish("orders", FIELD)
    await settle(nc)
    run.process.send_signal(number)
    done = await run.ended()
    assert (done.code, done.err) == (0, "")
    assert done.document["total"]["messages"] == 5


async def test_messages_is_exact(server: str, monitor: Monitor, connect: Connect) -> None:
    """Also where patterns overlap and more messages are there already."""
    run = Run("--server", server, "--json", "--messages", "7", "orders.*", "--exclude", "*.no", ">")
    nc = await connect()
    await monitor.listening(2)
    for index in range(50):
        await nc.publish("orders.no" if index % 2 else "orders.yes", FIELD)
    document: Any = (await run.ended()).document
    assert document["total"]["messages"] == 7
    assert [row["subject"] for row in document["subjects"]] == ["orders.yes"]


async def test_what_is_internal_is_counted_apart(
    server: str, monitor: Monitor, connect: Connect
) -> None:
    """A stored message is counted when it is published, not when a consumer gets it or asks."""
    run = Run("--server", server, "--json", "--messages", "3", ">")
    nc = await connect()
    js = nc.jetstream()
    await monitor.listening()
    await js.add_stream(name="ORDERS", subjects=["orders.>"])
    consumer = await js.pull_subscribe("orders.>", "worker")
    await js.publish("orders.new", FIELD)
    [message] = await consumer.fetch(1)
    await message.ack()

    async def on_request(request: Msg) -> None:
        await request.respond(b"{}")

    await nc.subscribe("svc", cb=on_request)
    await nc.request("svc", BARE)
    await nc.publish("end", BARE)
    document = (await run.ended()).document
    assert [(row["subject"], row["messages"]) for row in document["subjects"]] == [
        ("end", 1),
        ("orders.new", 1),
        ("svc", 1),
    ]
    assert document["internal"] > 5


async def test_replies_are_counted_where_they_are_asked_for(
    server: str, monitor: Monitor, connect: Connect
) -> None:
    """A pattern that starts with _INBOX hears them, also behind one that hears all."""
    run = Run("--server", server, "--json", "--messages", "2", ">", "_INBOX.>")
    nc = await connect()

    async def on_request(request: Msg) -> None:
        await request.respond(b"{}")

    await nc.subscribe("svc", cb=on_request)
    await settle(nc)
    await monitor.listening(2)
    await nc.request("svc", BARE)
    document = (await run.ended()).document
    assert [row["subject"].split(".")[0] for row in document["subjects"]] == ["_INBOX", "svc"]
