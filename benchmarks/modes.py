"""The states that the OpenTelemetry SDK of a service may be in."""

from __future__ import annotations

from dataclasses import dataclass

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, NumberDataPoint
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Sampler

_COUNTS = ("messaging.client.sent.messages", "messaging.client.consumed.messages")


class DroppedSpans(SpanProcessor):
    """Counts recorded spans and drops them: what is measured is their making, not the export."""

    def __init__(self) -> None:
        self.count = 0

    def on_end(self, span: ReadableSpan) -> None:  # noqa: ARG002
        """Count ``span``, which nothing else refers to from here on."""
        self.count += 1


class DroppedMetrics:
    """A meter provider, and what it counted; collected when asked, which is not measured."""

    def __init__(self) -> None:
        self._reader = InMemoryMetricReader()
        self.provider = MeterProvider([self._reader], shutdown_on_exit=False)

    @property
    def count(self) -> int:
        """How many messages were sent and delivered until now."""
        data = self._reader.get_metrics_data()
        return sum(
            int(point.value)
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name in _COUNTS
            for point in metric.data.data_points
            if isinstance(point, NumberDataPoint)
        )


@dataclass(frozen=True)
class Mode:
    """One state of the SDK."""

    name: str
    provider: TracerProvider | None
    """None where there is no SDK: the tracers are then the API's stand-ins."""

    spans: DroppedSpans
    metrics: DroppedMetrics
    """For the variants that take them."""


NO_SDK = "no SDK"
SAMPLED_OUT = "sampled out"
SAMPLED = "sampled"
_SAMPLERS = {SAMPLED_OUT: ALWAYS_OFF, SAMPLED: ALWAYS_ON}
MODES = (NO_SDK, *_SAMPLERS)
"""An SDK may be missing, sample nothing, or sample all."""


def make_mode(name: str) -> Mode:
    """One of ``MODES``."""
    if name == NO_SDK:
        return Mode(name, None, DroppedSpans(), DroppedMetrics())
    return _with_sdk(name, _SAMPLERS[name])


def _with_sdk(name: str, sampler: Sampler) -> Mode:
    spans = DroppedSpans()
    provider = TracerProvider(sampler=sampler, shutdown_on_exit=False)
    provider.add_span_processor(spans)
    return Mode(name, provider, spans, DroppedMetrics())
