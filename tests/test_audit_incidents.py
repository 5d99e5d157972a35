"""nats-trace-audit while something goes wrong: the server, the messages, the one who reads it."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import socket
import subprocess
from contextlib import ExitStack
from pathlib import Path

import nats.errors
import pytest

from audit_cli import BARE, FIELD, MONITORED, TRACE, Monitor, Run, listens, raw_client
from conftest import StartServer
from nats_server import nats_server
from opentelemetry_instrumentation_nats_payload._audit import listening
from opentelemetry_instrumentation_nats_payload._audit.listening import Listener


@pytest.fixture
def server(start_server: StartServer) -> str:
    """A server of its own that says who is connected, and has no patience with the slow."""
    return start_server(f"{MONITORED}\nmax_pending: 1MB\nwrite_deadline: 1s")


@pytest.fixture
def monitor(server: str, tmp_path: Path) -> Monitor:
    """Asks it."""
    return Monitor(server, tmp_path)


def test_a_restarted_server_is_reported(tmp_path: Path) -> None:
    """The command connects again, goes on, and says that it was away."""
    with ExitStack() as stack:
        for directory in ("before", "after"):
            (tmp_path / directory).mkdir()
        with nats_server(tmp_path / "before", MONITORED) as url:
            run = Run("--server", url, "--json", "--messages", "2")
            Monitor(url, tmp_path / "before").wait(listens)
            with raw_client(url) as publish:
                publish(b"orders", FIELD)
        port = url.rpartition(":")[2]
        again = nats_server(tmp_path / "after", f'{MONITORED}\nlisten: "127.0.0.1:{port}"')
        assert stack.enter_context(again) == url
        Monitor(url, tmp_path / "after").wait(listens)
        with raw_client(url) as publish:
            publish(b"orders", FIELD)
        done = run.done()
    document = done.document
    assert (done.code, done.err) == (0, "")
    assert (document["total"]["messages"], document["disconnections"]) == (2, 1)
    assert document["problems"] == []


def test_a_server_that_goes_for_good_does_not_hold_it_up(tmp_path: Path) -> None:
    """While it tries to connect again, a signal ends it as well; what came before counts."""
    (tmp_path / "only").mkdir()
    with nats_server(tmp_path / "only", MONITORED) as url:
        run = Run("--server", url, "--follow", TRACE)
        Monitor(url, tmp_path).wait(listens)
        assert run.process.stdout is not None
        with raw_client(url) as publish:
            publish(b"orders", FIELD)
            assert "orders" in run.process.stdout.readline()
    run.process.send_signal(signal.SIGTERM)
    done = run.done()
    assert (done.code, done.out) == (0, "")
    assert "Traceback" not in done.err


def test_a_slow_consumer_that_the_server_drops_is_reported(server: str, monitor: Monitor) -> None:
    """The server closes the connection; the command says that messages are not counted."""
    run = Run("--server", server, "--messages", "100000", "--seconds", "300")
    monitor.wait(listens)
    [before] = monitor.audits()
    run.process.send_signal(signal.SIGSTOP)
    with raw_client(server) as publish:
        publish(b"orders", b"x" * 100_000, times=200)
        monitor.wait(bool, "state=closed")
        run.process.send_signal(signal.SIGCONT)
        monitor.wait(lambda found: listens([c for c in found if c["cid"] != before["cid"]]))
        publish(b"orders", BARE)
    run.process.send_signal(signal.SIGINT)
    done = run.done()
    assert done.code == 0
    assert "Lost the connection 1 time; what was published meanwhile is not counted." in done.out


async def test_what_its_own_buffer_does_not_hold_is_counted(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every message is looked at or missed."""
    monkeypatch.setattr(listening, "_PENDING_MESSAGES", 10)
    looked: list[str] = []

    def look(message: object) -> bool:
        looked.append("message")
        return False

    listener = Listener(["orders"], [], look)
    publishing: list[asyncio.Future[None]] = []

    def publish() -> None:
        with raw_client(server) as publish:
            publish(b"orders", BARE, times=5000)

    def tick() -> None:
        if not publishing:
            publishing.append(asyncio.ensure_future(asyncio.to_thread(publish)))
        if len(looked) + listener.heard.missed == 5000:
            listener.stop()

    await listener.listen({"server": server}, None, tick)
    await asyncio.gather(*publishing)
    assert listener.heard.missed > 0


async def test_what_the_server_complains_of_is_reported() -> None:
    """Each once, and not without end; what a lost connection brings is no complaint."""
    listener = Listener([">"], [], lambda _: False)
    for error in (ConnectionRefusedError(), nats.errors.UnexpectedEOF(), asyncio.TimeoutError()):
        await listener._on_error(error)
    assert listener.heard.problems == []
    for index in range(30):
        await listener._on_error(nats.errors.Error(f"nats: problem {index // 2}"))
    assert listener.heard.problems == [f"nats: problem {index}" for index in range(10)]


def test_what_nats_py_cannot_read_is_counted(server: str, monitor: Monitor) -> None:
    """It would end the reading of nats-py without a word; the command goes on."""
    run = Run("--server", server, "--json", "--messages", "2")
    monitor.wait(listens)
    with raw_client(server) as publish:
        publish(b"bad.\xff", FIELD)
        publish(b"headers", FIELD, b"X")
        publish(b"orders", FIELD)
        publish(b"orders", FIELD, b"NATS/1.0\r\nno colon\r\n\r\n")
    document = run.done().document
    assert (document["total"]["messages"], document["unreadable"]) == (2, 2)


def test_a_subject_does_not_write_to_the_terminal(server: str, monitor: Monitor) -> None:
    """Neither in the table, nor in a hop, nor in JSON: no escape sequence, no markup."""
    subject = "evil.\x1b]0;title\x07[bold]\x9b\u202e"
    runs = [
        Run("--server", server, "--messages", "1", *more)
        for more in ((), ("--json",), ("--follow", TRACE))
    ]
    monitor.wait(lambda found: sum(listens([c]) for c in found) == len(runs))
    with raw_client(server) as publish:
        publish(subject.encode(), FIELD)
    table, document, hop = (run.done().out for run in runs)
    for out in (table, hop):
        assert r"evil.\x1b]0;title\x07[bold]\x9b\u202e" in out
    assert document.isascii()
    assert r'"evil.\u001b]0;title\u0007[bold]\u009b\u202e"' in document


def test_a_reader_that_goes_away_ends_it(server: str, monitor: Monitor) -> None:
    """As in: nats-trace-audit --follow … | head -1. One line, no traceback, exit code 2."""
    run = Run("--server", server, "--follow", TRACE)
    monitor.wait(listens)
    assert run.process.stdout is not None
    with raw_client(server) as publish:
        publish(b"orders", FIELD)
        assert run.process.stdout.readline()
        run.process.stdout.close()
        publish(b"orders", FIELD)
    _, err = run.process.communicate(timeout=15)
    assert run.process.returncode == 2
    assert err == "nats-trace-audit: cannot write the report: Broken pipe\n"


def test_a_full_disk_is_one_line(server: str, monitor: Monitor) -> None:
    """The same where the report cannot be written."""
    with Path("/dev/full").open("w") as full:
        run = Run("--server", server, "--messages", "1", stdout=full)
        monitor.wait(listens)
        with raw_client(server) as publish:
            publish(b"orders", FIELD)
        done = run.done()
    message = "nats-trace-audit: cannot write the report: No space left on device\n"
    assert (done.code, done.err) == (2, message)


def test_an_encoding_without_the_characters(server: str, monitor: Monitor) -> None:
    """Escapes take their place, and the frame is of ASCII."""
    run = Run("--server", server, "--messages", "1", environ={"PYTHONIOENCODING": "ascii"})
    monitor.wait(listens)
    with raw_client(server) as publish:
        publish("größe.€".encode(), FIELD)
    done = run.done()
    assert (done.code, done.err) == (0, "")
    assert r"gr\xf6\xdfe.\u20ac" in done.out


def test_progress_is_for_a_terminal_and_the_report_for_its_reader(
    server: str, monitor: Monitor
) -> None:
    """With standard error on a terminal, standard output has the document and nothing else."""
    master, terminal = pty.openpty()
    run = Run("--server", server, "--json", "--messages", "1", stderr=terminal)
    os.close(terminal)
    monitor.wait(listens)
    with raw_client(server) as publish:
        publish(b"orders", FIELD)
    assert run.done().document["total"]["messages"] == 1
    assert b"connecting" in os.read(master, 4096)
    os.close(master)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_it_connects(number: signal.Signals) -> None:
    """To a server that takes the connection and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        run = Run("--server", f"127.0.0.1:{silent.getsockname()[1]}", stderr=subprocess.PIPE)
        connection, _ = silent.accept()
        with connection:
            run.process.send_signal(number)
            done = run.done()
    message = "nats-trace-audit: stopped before there was a connection\n"
    assert (done.code, done.out, done.err) == (2, "", message)
