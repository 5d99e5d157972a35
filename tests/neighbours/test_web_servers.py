"""An HTTP service and a service on plain nats-py, each as an operator starts it."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import sys
import time
from typing import Any

import pytest
from nats.aio.subscription import Subscription

from conftest import Connect, settle
from examples.trading_pipeline.spans import Span

from .conftest import Launch
from .families import families
from .programs import SpanReceiver

_ADDRESS = "127.0.0.1"
_TEMPLATES = {"OTEL_PYTHON_NATS_SUBJECT_TEMPLATES": "orders.filled.*"}
_SERVERS = {
    "asyncio": ("uvicorn", "web:app", "--host", _ADDRESS, "--loop", "asyncio", "--port"),
    "uvloop": ("uvicorn", "web:app", "--host", _ADDRESS, "--loop", "uvloop", "--port"),
    "workers": ("uvicorn", "web:app", "--host", _ADDRESS, "--workers", "2", "--port"),
    "preload": ("gunicorn", "web:app", "-k", "asgi", "-w", "2", "--preload", "-b"),
}
_ORDER = [
    "POST /orders",
    "publish orders.new < POST /orders",
    "process orders.new < publish orders.new",
    "publish orders.filled.* < process orders.new",
    "process orders.filled.* < publish orders.filled.*",
    "publish orders.stored < process orders.filled.*",
]
_QUOTE = [
    "POST /quotes",
    "request quotes.get < POST /quotes",
    "process quotes.get < request quotes.get",
    "respond < process quotes.get",
]


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind((_ADDRESS, 0))
        return int(listener.getsockname()[1])


def _post(port: int, path: str) -> dict[str, Any]:
    """The answer; a server that is ready may not listen yet."""
    for _ in range(400):
        client = http.client.HTTPConnection(_ADDRESS, port, timeout=10)
        try:
            client.request("POST", path, b'{"side":"buy"}')
            return dict(json.load(client.getresponse()))
        except ConnectionRefusedError:
            time.sleep(0.02)
        finally:
            client.close()
    raise TimeoutError(path)


def _without_http_parts(spans: list[Span]) -> list[Span]:
    """The spans, but for those of the parts of an HTTP answer."""
    return [span for span in spans if not span.name.endswith((" http send", " http receive"))]


def _size(spans: list[Span]) -> int:
    return len(_without_http_parts(spans))


async def _ready(ready: Subscription, count: int) -> None:
    """Wait for as many processes."""
    for _ in range(count):
        await ready.next_msg(timeout=20)


@pytest.mark.parametrize("server_name", _SERVERS)
async def test_a_request_and_what_follows_are_one_trace(
    connect: Connect, launch: Launch, receiver: SpanReceiver, server_name: str
) -> None:
    """HTTP request, publish, consumer in another process, and back into the first one."""
    nc = await connect()
    ready = await nc.subscribe("ready.>")
    await settle(nc)
    port = _free_port()
    *command, option = _SERVERS[server_name]
    address = str(port) if option == "--port" else f"{_ADDRESS}:{port}"
    web = launch("web", *command, option, address, **_TEMPLATES)
    engine = launch("engine", sys.executable, "engine.py", **_TEMPLATES)
    workers = 2 if server_name in ("workers", "preload") else 1
    await _ready(ready, workers + 1)

    pids: set[int] = set()
    count = 0
    while len(pids) < workers or count < 2:
        pids.add((await asyncio.to_thread(_post, port, "/orders"))["pid"])
        count += 1
    await asyncio.to_thread(_post, port, "/quotes")

    expected = sorted([_ORDER] * count + [_QUOTE])
    await asyncio.to_thread(receiver.wait, lambda spans: _size(spans) >= sum(map(len, expected)))
    for program in (web, engine):
        await asyncio.to_thread(program.stop)
    assert sorted(families(_without_http_parts(receiver.spans()))) == expected
    assert engine.text() == ""
    assert "rror" not in web.text()


async def test_a_connection_in_each_request_of_a_forked_worker(
    connect: Connect, launch: Launch, receiver: SpanReceiver
) -> None:
    """WSGI, instrumented before the fork: every request has its span, in every worker."""
    nc = await connect()
    inbox = await nc.subscribe("orders.plain")
    await settle(nc)
    port = _free_port()
    wsgi = launch(
        "wsgi", "gunicorn", "wsgi:app", "--preload", "-w", "2", "-b", f"{_ADDRESS}:{port}"
    )
    pids: set[int] = set()
    count = 0
    while len(pids) < 2:
        pids.add((await asyncio.to_thread(_post, port, "/"))["pid"])
        count += 1
    bodies = [(await inbox.next_msg(timeout=20)).data for _ in range(count)]
    assert wsgi.stop() == 0
    spans = receiver.spans()
    assert families(spans) == [["publish orders.plain"]] * count
    fields = [json.loads(body)["_otel_trace_headers"] for body in bodies]
    assert {field["traceparent"].split("-")[1] for field in fields} == {s.trace_id for s in spans}
