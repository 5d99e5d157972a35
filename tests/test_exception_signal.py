"""OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN: exceptions as events of spans, as logs, or as both."""

from __future__ import annotations

import asyncio
import inspect

import pytest
from nats.aio.msg import Msg
from opentelemetry._logs import NoOpLogger

from conftest import Connect, Instrumentation, settle
from spans import Recorded

_HAS_EVENTS = "event_name" in inspect.signature(NoOpLogger.emit).parameters
_needs_events = pytest.mark.skipif(not _HAS_EVENTS, reason="this OpenTelemetry has no events")


async def _failed(connect: Connect, instrumentation: Instrumentation) -> Recorded:
    """The span of a callback that raised."""
    errors: asyncio.Queue[Exception] = asyncio.Queue()
    nc = await connect(error_cb=errors.put)

    async def callback(message: Msg) -> None:
        raise ValueError("mine")

    await nc.subscribe("raises", cb=callback)
    await settle(nc)
    await nc.publish("raises", b"{}")
    await errors.get()
    return instrumentation.spans()[1]


@_needs_events
@pytest.mark.parametrize(
    ("signal", "events", "logs"),
    [("", 1, 0), ("other", 1, 0), ("logs", 0, 1), ("logs/dup", 1, 1), ("x, LOGS", 0, 1)],
)
async def test_the_signal_is_chosen_by_the_environment(
    connect: Connect,
    instrumentation: Instrumentation,
    monkeypatch: pytest.MonkeyPatch,
    signal: str,
    events: int,
    logs: int,
) -> None:
    """An event of the span by default; error type and status are on the span in any case."""
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import (
        InMemoryLogRecordExporter,
        SimpleLogRecordProcessor,
    )

    monkeypatch.setenv("OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN", signal)
    exporter = InMemoryLogRecordExporter()
    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    instrumentation.start(logger_provider=provider)
    span = await _failed(connect, instrumentation)
    assert (span.status, span.attributes["error.type"].value) == ("ERROR", "ValueError")
    assert len(span.events) == events
    found = [data.log_record for data in exporter.get_finished_logs()]
    assert len(found) == logs
    for record in found:
        assert record.event_name == "messaging.process.exception"
        assert (record.trace_id, record.span_id, record.severity_text) == (1, 2, "ERROR")
        values = dict(record.attributes or {})
        assert 'raise ValueError("mine")' in str(values.pop("exception.stacktrace"))
        assert values == {"exception.type": "ValueError", "exception.message": "mine"}


@pytest.mark.skipif(_HAS_EVENTS, reason="this OpenTelemetry has events")
async def test_without_events_the_span_has_them(
    connect: Connect,
    instrumentation: Instrumentation,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An OpenTelemetry that is too old for it: one warning, and nothing is lost."""
    monkeypatch.setenv("OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN", "logs")
    instrumentation.start()
    span = await _failed(connect, instrumentation)
    assert span.events == ("exception",)
    assert "OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN" in caplog.text
