"""What the application or the SDK gives us raises: propagator, hook, exporter, tracer, settings."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import pytest
from nats.aio.client import Client
from opentelemetry import context
from opentelemetry.propagators.textmap import TextMapPropagator
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Tracer, TracerProvider

from broken import Broken, raise_broken
from conftest import Connect, Inbox, Instrumentation
from opentelemetry_instrumentation_nats_payload import _config, _guard
from opentelemetry_instrumentation_nats_payload._guard import Failure, report
from points import Meter, point

_ERRORS = "messaging.nats.instrumentation.errors"
_OURS = "opentelemetry_instrumentation_nats_payload"
_PAYLOAD = b'{"a":1}'


class _Propagator(TextMapPropagator):
    """Raises what it is made with."""

    def __init__(self, error: type[BaseException]) -> None:
        self._error = error

    def extract(self, *_: Any, **__: Any) -> Any:
        raise self._error

    def inject(self, *_: Any, **__: Any) -> Any:
        raise self._error

    @property
    def fields(self) -> set[str]:
        raise self._error


class _Exporter(SpanExporter):
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        raise Broken


class _Tracer(Tracer):
    start_span = raise_broken
    start_as_current_span = raise_broken


class _Tracers(TracerProvider):
    def get_tracer(self, *_: Any, **__: Any) -> Tracer:
        return _Tracer()


class _NoTracers(TracerProvider):
    def get_tracer(self, *_: Any, **__: Any) -> Tracer:
        raise Broken


def _broken_hook(*_: Any) -> None:
    raise Broken


class _Hook:
    """An object that is called, with no name of its own."""

    def __call__(self, *_: Any) -> None:
        raise Broken


async def _round_trips(nc: Client, inbox: Inbox, subject: str) -> list[bytes]:
    """Three messages, and an array."""
    await nc.subscribe(subject, cb=inbox.callback)
    for payload in (_PAYLOAD, _PAYLOAD, _PAYLOAD, b"[1]"):
        await nc.publish(subject, payload)
    return [await inbox.data() for _ in range(4)]


def _warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]


def _counts(meter: Meter) -> dict[str, int | float]:
    """How often each function raised."""
    points = meter.points(_ERRORS)
    assert {dict(key)["error.type"] for key in points} <= {"broken.Broken"}
    return {dict(key)["code.function.name"]: value for key, value in points.items()}


async def test_a_propagator_that_raises_is_counted_each_time(
    connect: Connect,
    inbox: Inbox,
    instrumentation: Instrumentation,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Each message once, at its sender and at its receiver; one warning for each place."""
    meter = Meter()
    instrumentation.start(propagator=_Propagator(Broken), meter_provider=meter.provider)
    headers = {"traceparent": "x"}
    nc = await connect()
    assert await _round_trips(nc, inbox, "fault.propagator") == [*[_PAYLOAD] * 3, b"[1]"]
    await nc.publish("fault.propagator", _PAYLOAD, headers=headers)
    assert (await inbox.messages.get()).headers == headers
    await nc.flush()
    counts = _counts(meter)
    assert counts[f"{_OURS}._producer._write"] == 5
    assert counts[f"{_OURS}._carrier._extract_headers"] == 2
    assert len(set(_warnings(caplog))) == len(_warnings(caplog)) == len(counts)


@pytest.mark.parametrize("hook", [_broken_hook, _Hook()], ids=["function", "object"])
async def test_a_hook_that_raises_is_counted_by_its_name(
    connect: Connect,
    inbox: Inbox,
    instrumentation: Instrumentation,
    caplog: pytest.LogCaptureFixture,
    hook: Any,
) -> None:
    """Every call; that of an object by its class."""
    meter = Meter()
    hooks = {"publish_hook": hook, "process_hook": hook}
    instrumentation.start(meter_provider=meter.provider, **hooks)
    nc = await connect()
    assert len(await _round_trips(nc, inbox, "fault.hook")) == 4
    await nc.flush()
    name = getattr(hook, "__qualname__", "_Hook")
    assert meter.points(_ERRORS) == {
        point(error__type="broken.Broken", code__function__name=f"{__name__}.{name}"): 8
    }
    assert len(_warnings(caplog)) == 1


async def test_an_exporter_that_raises_costs_its_spans(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation
) -> None:
    """The SDK keeps that to itself; messages have their context."""
    instrumentation.provider.add_span_processor(SimpleSpanProcessor(_Exporter()))
    instrumentation.start()
    received = await _round_trips(await connect(), inbox, "fault.exporter")
    assert [b"traceparent" in data for data in received] == [True, True, True, False]


async def test_a_tracer_that_raises_costs_its_spans(
    connect: Connect,
    inbox: Inbox,
    instrumentation: Instrumentation,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What is current goes out, as it does without an SDK."""
    meter = Meter()
    instrumentation.start(tracer_provider=_Tracers(), meter_provider=meter.provider)
    nc = await connect()
    with instrumentation.tracer.start_as_current_span("work"):
        received = await _round_trips(nc, inbox, "fault.tracer")
    await nc.flush()
    assert [b"traceparent" in data for data in received] == [True, True, True, False]
    assert set(_counts(meter).values()) == {4}
    assert len(_warnings(caplog)) == 2


@pytest.mark.parametrize("what", ["tracer provider", "settings"])
async def test_what_raises_at_the_start_leaves_everything_as_it_is(
    connect: Connect,
    inbox: Inbox,
    instrumentation: Instrumentation,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    what: str,
) -> None:
    """The service runs without tracing, and the log says so."""
    if what == "settings":
        monkeypatch.setattr(_config, "_read", raise_broken)
        monkeypatch.setenv("OTEL_PYTHON_NATS_CARRIER", "both")
        instrumentation.start()
    else:
        instrumentation.start(tracer_provider=_NoTracers())
    received = await _round_trips(await connect(), inbox, "fault.start")
    assert received == [*[_PAYLOAD] * 3, b"[1]"]
    assert len(_warnings(caplog)) == 1


async def test_a_log_handler_that_raises_costs_the_log(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation
) -> None:
    """A filter of the application's that is broken, where our errors end."""
    meter = Meter()
    logger = logging.getLogger(_OURS)
    broken_filter: Any = raise_broken
    logger.addFilter(broken_filter)
    try:
        instrumentation.start(publish_hook=_broken_hook, meter_provider=meter.provider)
        nc = await connect()
        assert len(await _round_trips(nc, inbox, "fault.log")) == 4
    finally:
        logger.removeFilter(broken_filter)
    assert sum(_counts(meter).values()) == 4


@pytest.mark.parametrize("error", [asyncio.CancelledError, KeyboardInterrupt, SystemExit])
async def test_what_is_no_error_passes_through_a_publish(
    connect: Connect, instrumentation: Instrumentation, error: type[BaseException]
) -> None:
    """It reaches whoever publishes, as it is, from wherever in our code it comes."""
    meter = Meter()
    instrumentation.start(propagator=_Propagator(error), meter_provider=meter.provider)
    nc = await connect()
    before = context.get_current()
    for call in (nc.publish, nc.request, nc.jetstream().publish):
        with pytest.raises(error) as raised:
            await call("fault.passes", _PAYLOAD)
        assert type(raised.value) is error
    assert context.get_current() == before
    assert meter.points(_ERRORS) == {}


async def test_nothing_is_counted_where_nothing_fails(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation
) -> None:
    """And the metric of a provider has what came since it was given to us."""
    report("before", Broken())
    meter = Meter()
    instrumentation.start(meter_provider=meter.provider)
    nc = await connect()
    assert len(await _round_trips(nc, inbox, "fault.none")) == 4
    assert meter.points(_ERRORS) == {}
    report("after", Broken())
    assert _counts(meter) == {"after": 1}


def test_kinds_without_end_are_counted_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """As _OTHER, and the series stay bounded."""
    monkeypatch.setattr(_guard, "_failures", {})
    for number in range(1000):
        report("hook", type(f"Error{number}", (Exception,), {})(), f"hook{number}")
    counts = _guard.failures()
    assert len(counts) <= 201
    assert sum(counts.values()) == 1000
    assert counts[Failure("_OTHER", "_OTHER")] == 800


async def test_without_metrics_nothing_is_exported(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation
) -> None:
    """The count is kept, and costs nothing until it is asked for."""
    meter = Meter()
    instrumentation.start(
        publish_hook=_broken_hook,
        meter_provider=meter.provider,
        metrics=False,
        tracer_provider=instrumentation.provider,
    )
    assert len(await _round_trips(await connect(), inbox, "fault.off")) == 4
    assert meter.exported() == {}
