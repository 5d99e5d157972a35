"""Each part of an SDK raises in turn: messages flow as without us."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import pytest
from opentelemetry.context import Context
from opentelemetry.metrics import Histogram, Meter, MeterProvider, NoOpMeter
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.sdk.trace import TracerProvider as SdkTracerProvider
from opentelemetry.sdk.trace.sampling import Sampler
from opentelemetry.trace import Tracer, TracerProvider

from broken import Broken, raise_broken
from conftest import Connect, Instrumentation
from fault_modes import MODES
from fault_runs import Outcome, Runs
from opentelemetry_instrumentation_nats_payload import NATSInstrumentor, _guard

_PARTS = ("asked_for", "jetstream", "core", "plain")
_METHODS = (
    *("end", "get_span_context", "set_attribute", "set_status"),
    *("is_recording", "record_exception"),
)


class _Span(Span):
    """One of an SDK, of which a method raises."""

    broken = ""

    def __getattribute__(self, name: str) -> Any:
        if name == type(self).broken:
            return raise_broken
        return super().__getattribute__(name)


class _Tracer(Tracer):
    """Makes such spans."""

    def __init__(self, broken: str) -> None:
        self._class = type("_Broken", (_Span,), {"broken": broken})
        self._tracer = SdkTracerProvider(shutdown_on_exit=False).get_tracer("test")

    def start_span(self, *args: Any, **kwargs: Any) -> Any:
        span = self._tracer.start_span(*args, **kwargs)
        span.__class__ = self._class
        return span

    start_as_current_span = raise_broken


class _Tracers(TracerProvider):
    def __init__(self, broken: str) -> None:
        self._broken = broken

    def get_tracer(self, *_: Any, **__: Any) -> Tracer:
        return _Tracer(self._broken)


class _Sampler(Sampler):
    def should_sample(self, *_: Any, **__: Any) -> Any:
        raise Broken

    def get_description(self) -> str:
        return "broken"


class _OnStart(SpanProcessor):
    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        raise Broken


class _OnEnd(SpanProcessor):
    def on_end(self, span: ReadableSpan) -> None:
        raise Broken


class _Histogram(Histogram):
    def __init__(self, *_: Any, **__: Any) -> None:
        """With nothing."""

    def record(self, *_: Any, **__: Any) -> None:
        raise Broken


class _Meter(NoOpMeter):
    def create_histogram(self, *_: Any, **__: Any) -> Histogram:
        return _Histogram()


class _Meters(MeterProvider):
    def get_meter(self, *_: Any, **__: Any) -> Meter:
        return _Meter("broken")


def _processing(*processors: SpanProcessor) -> TracerProvider:
    provider = SdkTracerProvider(shutdown_on_exit=False)
    for processor in processors:
        provider.add_span_processor(processor)
    return provider


_BROKEN: dict[str, dict[str, Any]] = {
    **{f"span.{method}": {"tracer_provider": _Tracers(method)} for method in _METHODS},
    "sampler": {"tracer_provider": SdkTracerProvider(_Sampler(), shutdown_on_exit=False)},
    "on_start": {"tracer_provider": _processing(_OnStart())},
    "on_end": {"tracer_provider": _processing(_OnEnd())},
    "histogram": {"meter_provider": _Meters()},
}


_bare: dict[str, Outcome] = {}
"""What comes of the parts without us, once it is known."""


@pytest.mark.parametrize("mode", ["default", "everything"])
@pytest.mark.parametrize("what", _BROKEN)
async def test_a_part_of_an_sdk_that_raises_costs_the_trace_and_not_the_message(
    connect: Connect,
    instrumentation: Instrumentation,
    caplog: pytest.LogCaptureFixture,
    what: str,
    mode: str,
) -> None:
    """One warning for each function of ours that meets it."""
    runs = Runs(connect)
    # With process_span, the application itself sets an attribute.
    parts = [p for p in _PARTS if (what, p) != ("span.set_attribute", "jetstream")]
    for part in set(parts) - _bare.keys():
        _bare[part] = await runs.of(part)
    raised = Broken.raised
    instrumentation.start(**{**MODES[mode].options, **_BROKEN[what]})
    for part in parts:
        assert (await runs.of(part)).differences(_bare[part]) == {}
    NATSInstrumentor().uninstrument()
    assert Broken.raised > raised
    warnings = _warnings(caplog)
    assert len(set(warnings)) == len(warnings) > 0


def _warnings(caplog: pytest.LogCaptureFixture) -> Sequence[str]:
    records = [r for r in caplog.records if r.name == _guard.logger.name]
    return [r.getMessage() for r in records if r.levelno >= logging.WARNING]
