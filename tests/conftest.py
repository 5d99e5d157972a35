"""A real server, a scrubbed environment, and an instrumentation that records into memory."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import nats
import pytest
import pytest_asyncio
from nats.aio import subscription
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.client import JetStreamContext
from nats.js.manager import JetStreamManager
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from expected import Expected
from nats_server import bundled_server, nats_server
from old_nats_server import OLD, OldServerUnavailableError, old_server
from opentelemetry_instrumentation_nats_payload import NATSInstrumentor, _guard
from spans import Recorded, SequentialIds, recorded

Connect = Callable[..., Awaitable[Client]]
StartServer = Callable[..., str]
Expect = Callable[[Client], Expected]
_PATCHED: list[type] = [
    Client,
    Msg,
    JetStreamContext,
    JetStreamContext.PullSubscription,
    JetStreamManager,
    subscription.Subscription,
    subscription._SubscriptionMessageIterator,
]
with suppress(ImportError):  # nats-py 2.2 has no nats.micro
    from nats.micro.request import Request
    from nats.micro.service import Endpoint

    _PATCHED.extend((Request, Endpoint))
CARRIERS = ["payload", "headers", "both", "auto"]
# The first test with the old server also fetches it.
BOTH_SERVERS = pytest.mark.parametrize(
    "executable",
    ["bundled", pytest.param(OLD, marks=pytest.mark.timeout(120))],
    indirect=True,
)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No OTEL_ variable of the machine, and no warning of an earlier test, decides a test."""
    for name in list(os.environ):
        if name.startswith("OTEL_"):
            monkeypatch.delenv(name)
    monkeypatch.setattr(_guard, "_warned", set[tuple[str, ...]]())


@pytest.fixture(scope="session")
def executable(request: pytest.FixtureRequest) -> str:
    """The nats-server of a test: the bundled one, or in turn what BOTH_SERVERS names."""
    if getattr(request, "param", "bundled") == "bundled":
        return bundled_server()
    try:
        return old_server()
    except OldServerUnavailableError as error:
        pytest.skip(f"no nats-server {OLD}, which NATS_SERVER_OLD may name: {error}")


@pytest.fixture(scope="session")
def server(executable: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a nats-server with JetStream that all tests share."""
    with nats_server(tmp_path_factory.mktemp("nats"), executable=executable) as url:
        yield url


@pytest.fixture
def start_server(executable: str, tmp_path: Path) -> Iterator[StartServer]:
    """Starts further servers: ``start_server("max_payload: 1024")`` gives a URL."""
    with ExitStack() as stack:

        def start(configuration: str = "") -> str:
            directory = tmp_path / f"nats-{len(list(tmp_path.iterdir()))}"
            directory.mkdir()
            return stack.enter_context(nats_server(directory, configuration, executable))

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

    def finished_spans(self) -> Sequence[ReadableSpan]:
        """What was exported, with times, in the order in which the spans ended."""
        return self._exporter.get_finished_spans()

    def finished(self) -> list[Recorded]:
        """The same as values."""
        return [recorded(span) for span in self.finished_spans()]

    def spans(self) -> list[Recorded]:
        """What was exported, in the order in which the spans started."""
        return sorted(self.finished(), key=lambda span: span.span)

    def names(self) -> list[str]:
        """The names of what was exported, in the same order."""
        return [span.name for span in self.spans()]


@pytest.fixture
def instrumentation() -> Iterator[Instrumentation]:
    """Not started; uninstrumented at the end, when every original is back in its place."""
    originals = [dict(owner.__dict__) for owner in _PATCHED]
    yield Instrumentation()
    if NATSInstrumentor().is_instrumented_by_opentelemetry:
        NATSInstrumentor().uninstrument()
    for owner, original in zip(_PATCHED, originals, strict=True):
        # Python itself adds a name to a class whose objects are copied.
        assert {name: owner.__dict__.get(name) for name in original} == original


@pytest.fixture
def spans(instrumentation: Instrumentation) -> Instrumentation:
    """The instrumentation with default settings, started."""
    instrumentation.start()
    return instrumentation


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
