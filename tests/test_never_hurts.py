"""Errors of ours: the message goes out and comes in as it was, with one warning."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from nats.aio.msg import Msg
from opentelemetry import context
from opentelemetry.propagators.textmap import TextMapPropagator
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.sampling import Sampler, SamplingResult

from broken import Broken, raise_broken
from conftest import Connect, Inbox, Instrumentation
from opentelemetry_instrumentation_nats_payload import (
    _carrier,
    _connection,
    _payload,
    _process,
    _subjects,
)

_PAYLOAD = b'{"a":1}'


class _Propagator(TextMapPropagator):
    extract = inject = raise_broken

    @property
    def fields(self) -> set[str]:
        raise Broken


class _Sampler(Sampler):
    def should_sample(self, *args: Any, **kwargs: Any) -> SamplingResult:
        raise Broken

    def get_description(self) -> str:
        return "broken"


class _Processor(SpanProcessor):
    def on_end(self, span: ReadableSpan) -> None:
        raise Broken


async def _round_trips(nc: Any, inbox: Inbox, subject: str) -> list[bytes]:
    await nc.subscribe(subject, cb=inbox.callback)
    for _ in range(3):
        await nc.publish(subject, _PAYLOAD)
    return [await inbox.data() for _ in range(3)]


def _hook(*_: object) -> None:
    """Does nothing."""


def _warnings(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [r for r in caplog.records if r.levelno >= logging.WARNING]


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (_carrier, "extract"),
        (_carrier, "inject"),
        (_carrier, "encode_carrier"),
        (_connection, "_attributes"),
        (_process, "parent_and_links"),
        (_process, "context_of"),
        (_payload.PayloadField, "find"),
        (_payload.PayloadField, "read"),
        (_payload.PayloadField, "slot"),
        (_payload.PayloadField, "cut"),
        (_subjects, "is_reserved"),
    ],
)
async def test_an_inner_function_that_raises_costs_the_trace_and_not_the_message(
    connect: Connect,
    inbox: Inbox,
    instrumentation: Instrumentation,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    owner: Any,
    name: str,
) -> None:
    """Every message is delivered once, with the application's member; a kind is warned of once."""
    field = "strip" if name == "cut" else "refresh"
    # With a hook, no message takes the short way.
    instrumentation.start(consumed_field=field, publish_hook=_hook, process_hook=_hook)
    monkeypatch.setattr(owner, name, raise_broken)
    for data in await _round_trips(await connect(), inbox, "hurt.inner"):
        assert data.startswith(b'{"a":1')
    warnings = _warnings(caplog)
    assert warnings
    assert len({r.getMessage() for r in warnings}) == len(warnings)
    assert all("the message is not affected" in r.getMessage() for r in warnings)


async def test_a_propagator_that_raises_leaves_the_bytes_alone(
    connect: Connect,
    inbox: Inbox,
    instrumentation: Instrumentation,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The spans are still there; the payload goes as it was."""
    instrumentation.start(propagator=_Propagator())
    assert await _round_trips(await connect(), inbox, "hurt.propagator") == [_PAYLOAD] * 3
    assert len(instrumentation.spans()) == 6
    assert len(_warnings(caplog)) == 1


async def test_a_sampler_that_raises_still_passes_the_context_on(
    connect: Connect,
    inbox: Inbox,
    instrumentation: Instrumentation,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Without a span of ours the current context is what travels."""
    with instrumentation.tracer.start_as_current_span("work"):
        instrumentation.provider.sampler = _Sampler()
        instrumentation.start(tracer_provider=instrumentation.provider)
        received = await _round_trips(await connect(), inbox, "hurt.sampler")
    instrumentation.provider.sampler = None  # type: ignore[assignment]
    assert all(b"_otel_trace_headers" in data for data in received)
    assert [s.name for s in instrumentation.spans()] == ["work"]
    assert len(_warnings(caplog)) == 2


async def test_a_span_processor_that_raises_does_not_reach_the_application(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation
) -> None:
    """publish() returns, so that nobody publishes again; the callback is not run twice."""
    instrumentation.provider.add_span_processor(_Processor())
    instrumentation.start()
    errors: list[Exception] = []

    async def error_cb(error: Exception) -> None:
        errors.append(error)

    nc = await connect(error_cb=error_cb)
    assert len(await _round_trips(nc, inbox, "hurt.processor")) == 3
    await nc.flush()
    assert inbox.messages.empty()
    assert errors == []


async def test_hooks_that_raise_are_warned_about_once(
    connect: Connect,
    inbox: Inbox,
    instrumentation: Instrumentation,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Spans and messages are as without hooks."""
    instrumentation.start(publish_hook=raise_broken, process_hook=raise_broken)
    assert len(await _round_trips(await connect(), inbox, "hurt.hooks")) == 3
    assert len(instrumentation.spans()) == 6
    assert len(_warnings(caplog)) == 1


async def test_the_callback_s_error_is_never_taken_for_ours(
    connect: Connect, instrumentation: Instrumentation, caplog: pytest.LogCaptureFixture
) -> None:
    """A handler runs once for a message, also when it raises."""
    instrumentation.start()
    errors: asyncio.Queue[Exception] = asyncio.Queue()
    nc = await connect(error_cb=errors.put)
    calls: list[bytes] = []

    async def callback(message: Msg) -> None:
        calls.append(message.data)
        raise Broken

    await nc.subscribe("hurt.callback", cb=callback)
    await nc.publish("hurt.callback", b"[1]")
    assert isinstance(await errors.get(), Broken)
    await nc.flush()
    assert calls == [b"[1]"]
    assert not _warnings(caplog)


@pytest.fixture
def loop_is_quiet() -> Iterator[None]:
    """Nothing of a test is left current."""
    before = context.get_current()
    yield
    assert context.get_current() == before


def _ignore(loop: asyncio.AbstractEventLoop, error: dict[str, Any]) -> None:
    """A loop that is thrown away says so."""


@pytest.mark.usefixtures("loop_is_quiet")
def test_a_callback_that_is_thrown_away_logs_nothing(
    server: str, instrumentation: Instrumentation, caplog: pytest.LogCaptureFixture
) -> None:
    """A loop that ends in the middle of a callback closes it elsewhere: no failed detach."""
    import gc

    import nats

    instrumentation.start()

    async def main() -> None:
        nc = await nats.connect(server)
        running = asyncio.Event()

        async def callback(message: Msg) -> None:
            running.set()
            await asyncio.Event().wait()

        await nc.subscribe("hurt.thrown", cb=callback)
        await nc.publish("hurt.thrown", b"{}")
        await running.wait()
        assert nc._transport is not None
        nc._transport.close()

    loop = asyncio.new_event_loop()
    loop.set_exception_handler(_ignore)
    loop.run_until_complete(main())
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    del loop
    gc.collect()
    assert "Failed to detach context" not in caplog.text
    assert [s.name for s in instrumentation.spans()] == [
        "publish hurt.thrown",
        "process hurt.thrown",
    ]
