"""What is compared: applications, with and without the plugin, in each mode of the SDK."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from opentelemetry.trace import get_tracer

from opentelemetry_instrumentation_nats_payload import NATSInstrumentor

from .applications import Application, ByHand, Bytes, Json
from .limit import Limit
from .modes import Mode

BARE = "bare"
BARE_JSON = "bare + json"
LIMIT = "limit"

_PLUGIN_SETTINGS: dict[str, dict[str, Any]] = {
    "plugin": {},
    "plugin, keep": {"consumed_field": "keep"},
    "plugin, strip": {"consumed_field": "strip"},
    "plugin, excluded": {"excluded_subjects": ("benchmarks.>",)},
}


@dataclass(frozen=True)
class Variant:
    """One way to send and take messages."""

    name: str
    application: Application
    mode: Mode | None = None
    settings: dict[str, Any] | None = None
    """Of the plugin; None without it."""

    has_json: bool = False
    """Whether encoding and decoding are part of the time."""

    has_spans: bool = True
    has_metrics: bool = False

    @property
    def mode_name(self) -> str:
        """The mode of the SDK, or nothing where there is no tracing at all."""
        return self.mode.name if self.mode else ""

    @property
    def spans_per_message(self) -> int:
        """How many spans are recorded for a message that is sent and taken."""
        return 2 if self.mode_name == "sampled" and self.has_spans else 0

    @property
    def counts_per_message(self) -> int:
        """How often a message that is sent and taken is counted."""
        return 2 if self.has_metrics else 0

    @property
    def recorded_spans(self) -> int:
        """How many spans were recorded in this mode of the SDK until now."""
        return self.mode.spans.count if self.mode else 0

    @property
    def recorded_messages(self) -> int:
        """How many messages were counted in this mode of the SDK until now."""
        return self.mode.metrics.count if self.mode and self.has_metrics else 0

    @contextmanager
    def instrumented(self) -> Generator[None]:
        """Have the plugin active inside of the block, if the variant uses it."""
        if self.settings is None or self.mode is None:
            yield
            return
        NATSInstrumentor().instrument(
            tracer_provider=self.mode.provider,
            meter_provider=self.mode.metrics.provider if self.has_metrics else None,
            skip_dep_check=True,
            **self.settings,
        )
        try:
            yield
        finally:
            NATSInstrumentor().uninstrument()


def make_variants(document: dict[str, Any], mode: Mode) -> list[Variant]:
    """Every variant, for messages of ``document`` in a service whose SDK is in ``mode``."""
    plain = [
        Variant(BARE, Bytes(document)),
        Variant(BARE_JSON, Json(document), has_json=True),
    ]
    return plain + _in_mode(document, mode)


def _in_mode(document: dict[str, Any], mode: Mode) -> list[Variant]:
    plugins = [
        Variant(
            name, Bytes(document), mode, settings, has_spans="excluded_subjects" not in settings
        )
        for name, settings in _PLUGIN_SETTINGS.items()
    ]
    tracer = get_tracer("benchmarks", tracer_provider=mode.provider)
    limits = [Variant(LIMIT, Limit(document, tracer), mode)] if mode.provider else []
    by_hand = ByHand(document, tracer)
    return [
        *limits,
        *plugins,
        Variant("plugin, metrics", Bytes(document), mode, {}, has_metrics=True),
        Variant("plugin + json", Json(document), mode, {}, has_json=True),
        Variant("by hand (has json)", by_hand, mode, has_json=True),
    ]
