"""Metrics that are broken, or without bounds, cost neither messages nor spans."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from nats.aio.msg import Msg
from opentelemetry import metrics

from conftest import Connect, Inbox, Instrumentation, settle
from opentelemetry_instrumentation_nats_payload import NATSInstrumentor
from points import Meter

_PROCESS = "messaging.process.duration"
_SENT = "messaging.client.sent.messages"
_CONSUMED = "messaging.client.consumed.messages"


class _Broken(metrics.MeterProvider):
    """Cannot give a meter."""

    def get_meter(self, *_: Any, **__: Any) -> Any:
        raise ValueError


async def test_a_broken_meter_provider_costs_the_metrics_alone(
    connect: Connect,
    inbox: Inbox,
    instrumentation: Instrumentation,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Spans and propagation are there; one warning."""
    instrumentation.start(meter_provider=_Broken())
    nc = await connect()
    await nc.subscribe("broken", cb=inbox.callback)
    await settle(nc)
    await nc.publish("broken", b"{}")
    assert b"_otel_trace_headers" in await inbox.data()
    await nc.flush()
    assert instrumentation.names() == ["publish broken", "process broken"]
    assert len(caplog.records) == 1


async def test_a_histogram_that_raises_costs_its_record_alone(
    connect: Connect,
    instrumentation: Instrumentation,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Every span ends, those of JetStream too, and counts go on."""
    meter = Meter()
    instrumentation.start(meter_provider=meter.provider)

    def record(*_: Any, **__: Any) -> None:
        raise ValueError

    monkeypatch.setattr("opentelemetry.sdk.metrics.Histogram.record", record)
    nc = await connect()
    js = nc.jetstream()
    await js.add_stream(name="RAISING", subjects=["raising"])
    pull = await js.pull_subscribe("raising", durable="d")
    for _ in range(3):
        await js.publish("raising", b"{}")
    await pull.fetch(1)
    await pull.fetch(2)
    assert instrumentation.names() == ["publish raising"] * 3 + ["fetch raising"] * 2
    assert sum(meter.points(_CONSUMED).values()) == 3
    assert "the message is not affected" in caplog.text


async def test_series_are_bounded_whatever_is_subscribed_to(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation
) -> None:
    """Past a limit names are left out, and error types put together; no message goes uncounted."""
    meter = Meter()
    errors: asyncio.Queue[Exception] = asyncio.Queue()
    instrumentation.start(meter_provider=meter.provider)
    nc = await connect(error_cb=errors.put)

    async def raising(message: Msg) -> None:
        raise type(f"Error{message.subject.rpartition('.')[2]}", (Exception,), {})

    for number in range(600):
        await nc.subscribe(f"each.{number}", cb=inbox.callback)
    await nc.subscribe("raising.*", cb=raising)
    await settle(nc)
    for number in range(600):
        await nc.publish(f"each.{number}", b"[1]")
        await inbox.data()
    for number in range(150):
        await nc.publish(f"raising.{number}", b"[1]")
        await errors.get()
    assert {len(metric.points) <= 650 for metric in meter.exported().values()} == {True}
    assert sum(meter.points(_CONSUMED).values()) == sum(meter.points(_PROCESS).values()) == 750
    types = {dict(key).get("error.type") for key in meter.points(_PROCESS)}
    assert "_OTHER" in types


async def test_the_counts_of_a_provider_go_on_when_it_becomes_the_global_one(
    connect: Connect, instrumentation: Instrumentation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First passed, then set."""
    from opentelemetry_instrumentation_nats_payload import _metrics

    meter = Meter()
    nc = await connect()
    instrumentation.start(meter_provider=meter.provider)
    await nc.publish("global", b"{}")
    NATSInstrumentor().uninstrument()
    monkeypatch.setattr(_metrics, "get_meter_provider", lambda: meter.provider)
    monkeypatch.setattr(_metrics, "_global_metrics", [])
    instrumentation.start()
    await nc.publish("global", b"{}")
    assert list(meter.points(_SENT).values()) == [2]
