"""What is compared: nats-py alone, and instrumented with a whole SDK that exports."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from opentelemetry.context import attach, detach
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased, Sampler, TraceIdRatioBased
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    TraceFlags,
    set_span_in_context,
)

from opentelemetry_instrumentation_nats_payload import NATSInstrumentor

from .active import instrument

SUBJECTS = "soak.>"

BARE = "bare nats-py"
SAMPLED = "everything sampled"
ONE_IN_TEN = "one in ten sampled"
PROPAGATE_ONLY = "propagate only"
BY_HAND = "spans by hand, everything sampled"
VARIANTS = (BARE, SAMPLED, ONE_IN_TEN, PROPAGATE_ONLY)

_METRICS_INTERVAL = 5_000
_UPSTREAM = SpanContext(
    0x0AF7651916CD43DD8448EB211C80319C, 0xB7AD6B7169203331, True, TraceFlags(TraceFlags.SAMPLED)
)


class _Counting(SpanExporter):
    """Counts what the exporter of OTLP accepted."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self.count = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export."""
        result = self._exporter.export(spans)
        if result is SpanExportResult.SUCCESS:
            self.count += len(spans)
        return result

    def shutdown(self) -> None:
        """Shut down."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Flush."""
        return self._exporter.force_flush(timeout_millis)


@dataclass
class Telemetry:
    """The SDK of a process; none of a bare one."""

    spans: TracerProvider | None = None
    metrics: MeterProvider | None = None
    exporter: _Counting | None = None

    @property
    def exported(self) -> int:
        """How many spans the collector took."""
        return self.exporter.count if self.exporter else 0

    def flush(self) -> None:
        """Export all that there is."""
        if self.spans and self.metrics:
            self.spans.force_flush()
            self.metrics.force_flush()

    def options(self) -> dict[str, Any]:
        """What ``instrument()`` takes of it."""
        return {"tracer_provider": self.spans, "meter_provider": self.metrics}

    def shutdown(self) -> None:
        """Export all that there is, and end the threads."""
        if self.spans and self.metrics:
            self.spans.shutdown()
            self.metrics.shutdown()


@contextmanager
def instrumented(variant: str, collector: str) -> Generator[Telemetry]:
    """Have nats-py as the variant has it inside of the block."""
    telemetry = make_telemetry(variant, collector)
    if variant in (BARE, BY_HAND):
        yield telemetry
        telemetry.shutdown()
        return
    subjects = (SUBJECTS,) if variant == PROPAGATE_ONLY else ()
    instrument(**telemetry.options(), propagate_only_subjects=subjects)
    try:
        yield telemetry
    finally:
        NATSInstrumentor().uninstrument()
        telemetry.shutdown()


def make_telemetry(variant: str, collector: str) -> Telemetry:
    """An SDK with the default batches, and OTLP in protobuf over HTTP for spans and metrics."""
    if variant == BARE:
        return Telemetry()
    exporter = _Counting(OTLPSpanExporter(f"{collector}/v1/traces"))
    spans = TracerProvider(sampler=_sampler(variant), shutdown_on_exit=False)
    spans.add_span_processor(BatchSpanProcessor(exporter))
    reader = PeriodicExportingMetricReader(
        OTLPMetricExporter(f"{collector}/v1/metrics"), _METRICS_INTERVAL
    )
    return Telemetry(spans, MeterProvider([reader], shutdown_on_exit=False), exporter)


def _sampler(variant: str) -> Sampler:
    return ParentBased(TraceIdRatioBased(0.1) if variant == ONE_IN_TEN else ALWAYS_ON)


def upstream(variant: str) -> Any:
    """A context manager: where no span is made, there is a context to propagate."""
    return _upstream() if variant == PROPAGATE_ONLY else nullcontext()


@contextmanager
def _upstream() -> Generator[None]:
    token = attach(set_span_in_context(NonRecordingSpan(_UPSTREAM)))
    try:
        yield
    finally:
        detach(token)
