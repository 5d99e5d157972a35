"""What instruments nats-py: the plugin, or another package that does the same through headers."""

from __future__ import annotations

import importlib
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, Protocol

from opentelemetry_instrumentation_nats_payload import NATSInstrumentor

from .modes import Mode

OTHER = "otel-instrumentation-nats"
_OTHER_MODULE = "otel_instrumentation_nats"


class Instrumentation(Protocol):
    """Something that is there as long as it is wanted."""

    def instrument(self, mode: Mode) -> None:
        """Begin."""
        ...

    def uninstrument(self) -> None:
        """End."""
        ...


@dataclass(frozen=True)
class Plugin:
    """This package."""

    settings: dict[str, Any] = field(default_factory=dict[str, Any])
    has_metrics: bool = False
    """Whether the service has a ``MeterProvider``."""

    def instrument(self, mode: Mode) -> None:
        """Begin."""
        NATSInstrumentor().instrument(
            tracer_provider=mode.provider,
            meter_provider=mode.metrics.provider if self.has_metrics else None,
            skip_dep_check=True,
            **self.settings,
        )

    def uninstrument(self) -> None:
        """End."""
        NATSInstrumentor().uninstrument()


class Other:
    """``otel-instrumentation-nats``, which may be missing."""

    def instrument(self, mode: Mode) -> None:
        """Begin."""
        self._instrumentor().instrument(tracer_provider=mode.provider, skip_dep_check=True)

    def uninstrument(self) -> None:
        """End."""
        self._instrumentor().uninstrument()

    def _instrumentor(self) -> Any:
        return importlib.import_module(_OTHER_MODULE).NatsInstrumentor()


def has_other() -> bool:
    """Whether the other package is installed."""
    return find_spec(_OTHER_MODULE) is not None


@contextmanager
def instrumented(instrumentation: Instrumentation | None, mode: Mode) -> Generator[None]:
    """Have it active inside of the block."""
    if instrumentation is None:
        yield
        return
    instrumentation.instrument(mode)
    try:
        yield
    finally:
        instrumentation.uninstrument()
