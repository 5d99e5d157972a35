"""nats-trace-audit in a process of its own, and messages as services of all kinds send them."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
import time
import weakref
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, cast
from urllib.request import urlopen

import pytest

MONITORED = 'http: "127.0.0.1:-1"'
"""In the configuration of a server that can be asked who is connected."""

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"
UNSAMPLED = f"00-{'1' * 32}-{SPAN}-00"
BARE = b'{"price":1}'
FIELD = f'{{"price":1,"_otel_trace_headers":{{"traceparent":"{PARENT}"}}}}'.encode()
ALIAS = f'{{"_otel_trace_context":{{"traceparent":"{UNSAMPLED}"}},"price":1}}'.encode()
INVALID = b'{"price":1,"_otel_trace_headers":{"traceparent":"00-abc"}}'
_SECONDS = 15.0


class Done(NamedTuple):
    """What a run of the command left."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """Its JSON."""
        return json.loads(self.out)


class Run:
    """The command, started.

    Args:
        arguments: of the command line.
        environ: set in addition to what the machine has, which says nothing of NATS.
        prefix: a command that starts it.
        options: of ``Popen``.
    """

    def __init__(
        self,
        *arguments: str,
        environ: dict[str, str] | None = None,
        prefix: tuple[str, ...] = (),
        **options: Any,
    ) -> None:
        command = [*prefix, executable("nats-trace-audit"), *arguments]
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        self.process = subprocess.Popen(
            command, env=environment(environ or {}), text=True, **options
        )
        weakref.finalize(self, _end, self.process)  # of a test that failed

    def done(self) -> Done:
        """Wait for its end."""
        out, err = self.process.communicate(timeout=_SECONDS)
        return Done(self.process.returncode, out or "", err or "")

    async def ended(self) -> Done:
        """Wait for its end, while services of this process go on."""
        return await asyncio.to_thread(self.done)


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.kill()
        process.wait(_SECONDS)


def executable(name: str) -> str:
    """The path of a console script that is installed with this Python."""
    return str(Path(sys.executable).with_name(name))


def environment(more: dict[str, str]) -> dict[str, str]:
    """The machine's variables without those that the command reads."""
    ours = ("NATS_", "OTEL_", "XDG_", "COLUMNS")
    return {k: v for k, v in os.environ.items() if not k.startswith(ours)} | more


class Monitor:
    """Asks a server who is connected.

    Args:
        url: of the server, which was configured with MONITORED.
        directory: somewhere above the one that it writes its ports to.
    """

    def __init__(self, url: str, directory: Path) -> None:
        ports = [json.loads(path.read_text()) for path in directory.rglob("*.ports")]
        [self._base] = [p["monitoring"][0] for p in ports if p["nats"][0] == url]

    def audits(self, query: str = "subs=1") -> list[dict[str, Any]]:
        """The connections of the command."""
        with urlopen(f"{self._base}/connz?{query}", timeout=_SECONDS) as answer:  # noqa: S310
            document = json.load(answer)
        connections = cast("list[dict[str, Any]]", document["connections"])
        return [c for c in connections if c.get("name") == "nats-trace-audit"]

    def wait(self, is_so: Callable[[list[dict[str, Any]]], bool], query: str = "subs=1") -> None:
        """Wait until it is so with the connections of the command."""
        deadline = time.monotonic() + _SECONDS
        while not is_so(self.audits(query)):
            if time.monotonic() > deadline:
                raise TimeoutError(str(self.audits(query)))
            time.sleep(0.01)

    async def listening(self, subscriptions: int = 1) -> None:
        """Wait until the command listens."""
        await asyncio.to_thread(self.wait, lambda found: listens(found, subscriptions))


def listens(connections: list[dict[str, Any]], subscriptions: int = 1) -> bool:
    """Whether one of them has so many subscriptions."""
    return any(c.get("subscriptions", 0) >= subscriptions for c in connections)


@contextmanager
def raw_client(url: str) -> Generator[Callable[..., None]]:
    """Publishes bytes that no client library would; what it sent has arrived when it returns."""
    host, _, port = url.removeprefix("nats://").partition(":")
    with (
        socket.create_connection((host, int(port)), _SECONDS) as connection,
        connection.makefile("rb") as lines,
    ):

        def publish(subject: bytes, payload: bytes, headers: bytes = b"", times: int = 1) -> None:
            size = b"%d" % (len(headers) + len(payload))
            verb = b"HPUB %b %d %b" % (subject, len(headers), size)
            verb = verb if headers else b"PUB %b %b" % (subject, size)
            message = verb + b"\r\n" + headers + payload + b"\r\n"
            connection.sendall(message * times + b"PING\r\n")
            while lines.readline().strip() != b"PONG":
                pass

        connection.sendall(b'CONNECT {"verbose":false,"headers":true}\r\n')
        yield publish


class Said(NamedTuple):
    """What the command, run in this process, returned and printed."""

    code: int
    out: str
    err: str


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> Said:
    """Run the command in this process."""
    from opentelemetry_instrumentation_nats_payload._audit.cli import main

    code = main(arguments)
    printed = capsys.readouterr()
    return Said(code, printed.out, printed.err)


def fails(capsys: pytest.CaptureFixture[str], pattern: str, *arguments: str) -> None:
    """The command returns 2, prints nothing but one line, and that matches; no secret is in it."""
    result = said(capsys, *arguments)
    assert re.fullmatch(f"nats-trace-audit: {pattern}\n", result.err), result.err
    assert (result.code, result.out) == (2, "")
    assert "s3cret" not in result.err


def forget(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """Take away what the machine says of how to connect."""
    for name in os.environ:
        if name.startswith(("NATS_", "XDG_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
