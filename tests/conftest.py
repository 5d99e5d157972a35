"""A real server, a scrubbed environment, and an instrumentation that records into memory."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import nats
import pytest
import pytest_asyncio
from nats.aio.client import Client
from nats.aio.msg import Msg
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from nats_server import nats_server
from opentelemetry_instrumentation_nats_payload import NATSInstrumentor, _guard
from spans import Attributes, Recorded, SequentialIds, attributes, recorded

Connect = Callable[..., Awaitable[Client]]
StartServer = Callable[..., str]
Expect = Callable[[Client], "Expected"]
CARRIERS = ["payload", "headers", "both", "auto"]


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No OTEL_ variable of the machine, and no warning of an earlier test, decides a test."""
    for name in list(os.environ):
        if name.startswith("OTEL_"):
            monkeypatch.delenv(name)
    monkeypatch.setattr(_guard, "_warned", set[tuple[str, ...]]())


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a nats-server with JetStream that all tests share."""
    with nats_server(tmp_path_factory.mktemp("nats")) as url:
        yield url


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[StartServer]:
    """Starts further servers: ``start_server("max_payload: 1024")`` gives a URL."""
    with ExitStack() as stack:

        def start(configuration: str = "") -> str:
            directory = tmp_path / f"nats-{len(list(tmp_path.iterdir()))}"
            directory.mkdir()
            return stack.enter_context(nats_server(directory, configuration))

        yield start


@pytest_asyncio.fixture
async def connect(server: str, start_server: StartServer) -> AsyncIterator[Connect]:
    """Opens connections to the shared server, or to ``url``, and closes them before it stops."""
    clients: list[Client] = []

    async def connect(url: str = server, **options: Any) -> Client:
        client = await nats.connect(url, **options)
        clients.append(client)
        return client

    yield connect
    for client in clients:
        with suppress(OSError, TypeError):  # its server may be gone; TypeError from Python 3.13
            await client.close()


async def settle(client: Client) -> None:
    """Wait until the server knows the client's subscriptions.

    nats-py's PING may overtake a SUB that is still in its buffer; the second one does not.
    """
    await client.flush()
    await client.flush()


class Instrumentation:
    """The instrumentation under test and what it exported."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider(id_generator=SequentialIds(), shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracer = self.provider.get_tracer("test")

    def start(self, **options: Any) -> None:
        """Instrument with ``options``; spans go into memory unless options say otherwise."""
        NATSInstrumentor().instrument(**{"tracer_provider": self.provider, **options})

    def spans(self) -> list[Recorded]:
        """What was exported, in the order in which the spans started."""
        found = [recorded(span) for span in self._exporter.get_finished_spans()]
        return sorted(found, key=lambda span: span.span)

    def names(self) -> list[str]:
        """The names of what was exported, in the same order."""
        return [span.name for span in self.spans()]


@pytest.fixture
def instrumentation() -> Iterator[Instrumentation]:
    """Not started; uninstrumented at the end, when every original is back in its place."""
    originals = dict(Client.__dict__)
    yield Instrumentation()
    if NATSInstrumentor().is_instrumented_by_opentelemetry:
        NATSInstrumentor().uninstrument()
    assert dict(Client.__dict__) == originals


@pytest.fixture
def spans(instrumentation: Instrumentation) -> Instrumentation:
    """The instrumentation with default settings, started."""
    instrumentation.start()
    return instrumentation


class Expected:
    """Spans as they should be, of one client."""

    def __init__(self, client: Client, url: str) -> None:
        address = urlparse(url)
        self.connection = {
            "messaging.system": "nats",
            "server.address": address.hostname,
            "server.port": address.port,
            "messaging.client.id": str(client.client_id),
        }

    def _attributes(self, operation: str, kind: str, subject: str) -> Attributes:
        return attributes(
            {
                **self.connection,
                "messaging.operation.name": operation,
                "messaging.operation.type": kind,
                "messaging.destination.name": subject,
            }
        )

    def publish(self, subject: str, trace: int, span: int, parent: int | None = None) -> Recorded:
        """A publish span."""
        values = self._attributes("publish", "send", subject)
        return Recorded(f"publish {subject}", "PRODUCER", values, trace, span, parent)

    def process(self, subject: str, trace: int, span: int, parent: int) -> Recorded:
        """A process span, whose parent is also linked."""
        values = self._attributes("process", "process", subject)
        links = ((trace, parent),)
        return Recorded(f"process {subject}", "CONSUMER", values, trace, span, parent, links)

    def respond(self, inbox: str, trace: int, span: int, parent: int) -> Recorded:
        """The span of a reply to an inbox."""
        values = {
            **self._attributes("respond", "send", inbox),
            **attributes(
                {
                    "messaging.destination.template": "_INBOX.>",
                    "messaging.destination.temporary": True,
                }
            ),
        }
        return Recorded("respond", "CLIENT", values, trace, span, parent)


@pytest.fixture
def expected(server: str) -> Expect:
    """Makes the expected spans of a client of the shared server."""
    return lambda client: Expected(client, server)


class Inbox:
    """A callback that keeps what it gets, and hands it to the test."""

    def __init__(self) -> None:
        self.messages: asyncio.Queue[Msg] = asyncio.Queue()

    async def callback(self, message: Msg) -> None:
        """The callback."""
        await self.messages.put(message)

    async def data(self) -> bytes:
        """The payload of the next message, as the callback saw it."""
        return (await self.messages.get()).data


@pytest.fixture
def inbox() -> Inbox:
    """A callback that keeps what it gets."""
    return Inbox()
