"""nats-trace-audit against a real server: what it counts, prints and returns."""

from __future__ import annotations

from pathlib import Path

import nats
import pytest

from audit_cli import (
    ALIAS,
    BARE,
    FIELD,
    INVALID,
    MONITORED,
    UNSAMPLED,
    Monitor,
    Run,
    executable,
)
from conftest import Connect, Instrumentation, StartServer, settle
from opentelemetry_instrumentation_nats_payload import NATSInstrumentor

_ZEROS = {
    "messages": 0,
    "payload": 0,
    "alias": 0,
    "headers": 0,
    "none": 0,
    "invalid": 0,
    "not_eligible": 0,
    "both": 0,
    "sampled": 0,
    "traces": 0,
    "bytes_added": 0,
}
_MESSAGES = 13


@pytest.fixture
def server(start_server: StartServer) -> str:
    """A server of its own that says who is connected."""
    return start_server(MONITORED)


@pytest.fixture
def monitor(server: str, tmp_path: Path) -> Monitor:
    """Asks it."""
    return Monitor(server, tmp_path)


async def _traffic(connect: Connect, instrumentation: Instrumentation) -> None:
    """Thirteen messages of services that are instrumented in three ways, by hand and not at all."""
    nc = await connect()
    with instrumentation.tracer.start_as_current_span("one trace"):
        for carrier, subject, payload in (
            ("payload", "orders.1.new", BARE),
            ("payload", "orders.2.new", BARE),
            ("payload", "quotes", b"[1]"),
            ("headers", "quotes", b"[1]"),
            ("both", "trades", BARE),
        ):
            instrumentation.start(carrier=carrier)
            await nc.publish(subject, payload)
            NATSInstrumentor().uninstrument()
    await nc.publish("orders.3.new", FIELD)
    await nc.publish("orders.4.new", ALIAS)
    await nc.publish("orders.5.new", INVALID)
    await nc.publish("orders.6.new", BARE)
    await nc.publish("trades", ALIAS, headers={"Traceparent": UNSAMPLED})
    await nc.publish("trades", b"[1]", headers={"Other": "header"})
    await nc.publish("trades", b"[1]", headers={"traceparent": "zz"})
    await nc.publish("trades", b"")
    await settle(nc)


_SUBJECTS = [
    {
        "subject": "orders.*.new",
        **_ZEROS,
        "messages": 6,
        "payload": 3,
        "alias": 1,
        "none": 1,
        "invalid": 1,
        "sampled": 3,
        "traces": 3,
        "bytes_added": 4 * 96,
    },
    {
        "subject": "quotes",
        **_ZEROS,
        "messages": 2,
        "headers": 1,
        "not_eligible": 1,
        "sampled": 1,
        "traces": 1,
        "bytes_added": 82,
    },
    {
        "subject": "trades",
        **_ZEROS,
        "messages": 5,
        "payload": 1,
        "alias": 1,
        "none": 1,
        "invalid": 1,
        "not_eligible": 1,
        "both": 2,
        "sampled": 1,
        "traces": 2,
        "bytes_added": 96 + 82 + 96 + 82,
    },
]
_TOTAL = {
    **{name: sum(int(str(row[name])) for row in _SUBJECTS) for name in _ZEROS},
    "traces": 3,
}


async def test_the_json_document(
    server: str, monitor: Monitor, connect: Connect, instrumentation: Instrumentation
) -> None:
    """Each message is counted once, under its pattern and what it carries."""
    run = Run("--server", server, "--json", "--messages", str(_MESSAGES))
    await monitor.listening()
    await _traffic(connect, instrumentation)
    done = await run.ended()
    document = done.document
    assert document.pop("seconds") > 0
    assert document == {
        "subjects": _SUBJECTS,
        "total": _TOTAL,
        "missed": 0,
        "unreadable": 0,
        "internal": 0,
        "disconnections": 0,
        "problems": [],
    }
    assert (done.code, done.err) == (0, "")


async def test_the_table(
    server: str, monitor: Monitor, connect: Connect, instrumentation: Instrumentation
) -> None:
    """The same for people, with the shares; without a terminal there is nothing else."""
    run = Run("--server", server, "--messages", str(_MESSAGES))
    await monitor.listening()
    await _traffic(connect, instrumentation)
    done = await run.ended()
    cells = [" ".join(line.split()) for line in done.out.splitlines()]
    headings = "context Messages payload alias headers both None Invalid able Sampled Traces added"
    assert cells[:2] == ["With In Under In In Not Bytes", f"Subject {headings}"]
    assert cells[3:6] == [
        "orders.*.new 66.6 % 6 3 1 0 0 1 1 0 75.0 % 3 384",
        "quotes 100.0 % 2 0 0 1 0 0 0 1 100.0 % 1 82",
        "trades 50.0 % 5 1 1 0 2 1 1 1 50.0 % 2 356",
    ]
    assert cells[7] == "Total 63.6 % 13 4 2 1 2 2 2 2 71.4 % 3 822"
    assert cells[9].startswith("13 messages in ")
    assert cells[10:] == ["117 bytes a context."]
    assert (done.code, done.err) == (0, "")


@pytest.mark.parametrize(
    ("wanted", "code", "said"),
    [
        ("50", 0, ""),
        ("50%", 0, ""),
        (
            "50.1",
            1,
            "nats-trace-audit: 50.0 % of the messages that could carry a context do, "
            "which is under 50.1 %\n",
        ),
    ],
)
async def test_fail_under(
    server: str, monitor: Monitor, connect: Connect, wanted: str, code: int, said: str
) -> None:
    """Exit code 1 below the percentage, of those that could carry a context."""
    run = Run("--server", server, "--messages", "3", "--fail-under", wanted)
    nc = await connect()
    await monitor.listening()
    for payload in (FIELD, BARE, b"not eligible"):
        await nc.publish("orders", payload)
    done = await run.ended()
    assert (done.code, done.err) == (code, said)
    assert "3 messages" in done.out


async def test_it_never_publishes(start_server: StartServer, tmp_path: Path) -> None:
    """A user who may publish nothing can run it, and the server has not had a message from it."""
    url = start_server(
        f"{MONITORED}\nauthorization {{ users: [\n"
        '  {user: "audit", password: "pw", permissions: {publish: {deny: ">"}, subscribe: ">"}}\n'
        '  {user: "service", password: "pw"} ] }'
    )
    run = Run(
        *("--server", url, "--messages", "2", "--json", ">", "orders.>"),
        environ={"NATS_USER": "audit", "NATS_PASSWORD": "pw"},
    )
    monitor = Monitor(url, tmp_path)
    await monitor.listening(2)
    nc = await nats.connect(url, user="service", password="pw")
    for _ in range(2):
        await nc.publish("orders.new", FIELD)
    done = await run.ended()
    await nc.close()
    assert (done.code, done.err) == (0, "")
    assert done.document["problems"] == []
    assert done.document["total"]["messages"] == 2
    closed = monitor.audits("state=closed")
    assert [c["in_msgs"] for c in closed if c["out_msgs"]] == [0]


async def test_it_never_instruments_itself(server: str, monitor: Monitor, connect: Connect) -> None:
    """Under opentelemetry-instrument there is no span, and the report is the same."""
    run = Run(
        *("--server", server, "--messages", "2", "--json"),
        prefix=(executable("opentelemetry-instrument"),),
        environ={
            "OTEL_TRACES_EXPORTER": "console",
            "OTEL_METRICS_EXPORTER": "none",
            "OTEL_LOGS_EXPORTER": "none",
            "OTEL_PYTHON_NATS_CONSUMED_FIELD": "strip",
        },
    )
    nc = await connect()
    await monitor.listening()
    for _ in range(2):
        await nc.publish("orders", FIELD)
    done = await run.ended()
    assert (done.code, done.err) == (0, "")
    assert done.document["total"]["payload"] == 2  # the document is all that is printed
