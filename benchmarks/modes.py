"""The states that the OpenTelemetry SDK of a service may be in."""

from __future__ import annotations

from dataclasses import dataclass

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Sampler


class DroppedSpans(SpanProcessor):
    """Counts recorded spans and drops them: what is measured is their making, not the export."""

    def __init__(self) -> None:
        self.count = 0

    def on_end(self, span: ReadableSpan) -> None:  # noqa: ARG002
        """Count ``span``, which nothing else refers to from here on."""
        self.count += 1


@dataclass(frozen=True)
class Mode:
    """One state of the SDK."""

    name: str
    provider: TracerProvider | None
    """None where there is no SDK: the tracers are then the API's stand-ins."""

    spans: DroppedSpans


def make_modes() -> list[Mode]:
    """No SDK, an SDK that samples nothing, and one that samples all."""
    unused = DroppedSpans()
    return [
        Mode("no SDK", None, unused),
        _with_sdk("sampled out", ALWAYS_OFF),
        _with_sdk("sampled", ALWAYS_ON),
    ]


def _with_sdk(name: str, sampler: Sampler) -> Mode:
    spans = DroppedSpans()
    provider = TracerProvider(sampler=sampler, shutdown_on_exit=False)
    provider.add_span_processor(spans)
    return Mode(name, provider, spans)
