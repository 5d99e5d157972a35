"""What is compared: applications, with and without the plugin, in each mode of the SDK."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

from opentelemetry import context as context_api
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    TraceFlags,
    get_tracer,
    set_span_in_context,
)

from .applications import Application, ByHand, Bytes, Json
from .instrumentations import OTHER, Instrumentation, Other, Plugin, has_other, instrumented
from .limit import Limit
from .modes import SAMPLED, Mode

BARE = "bare"
BARE_JSON = "bare + json"
LIMIT = "limit"
BY_HAND = "by hand + json"
PLUGIN = "plugin"
EXCLUDED = "plugin, excluded"
PROPAGATE_ONLY = "plugin, propagate only"
PASSING_ON = "plugin, propagate only, passing on"
METRICS = "plugin, metrics"

_ALL = ("benchmarks.>",)
_TRACED = {
    PLUGIN: Plugin(),
    "plugin, headers": Plugin({"carrier": "headers"}),
    "plugin, both": Plugin({"carrier": "both"}),
    "plugin, auto": Plugin({"carrier": "auto"}),
    "plugin, keep": Plugin({"consumed_field": "keep"}),
    "plugin, strip": Plugin({"consumed_field": "strip"}),
    METRICS: Plugin(has_metrics=True),
}
_UNTRACED = {
    EXCLUDED: Plugin({"excluded_subjects": _ALL}),
    PROPAGATE_ONLY: Plugin({"propagate_only_subjects": _ALL}),
    PASSING_ON: Plugin({"propagate_only_subjects": _ALL}),
}
_PASSED_ON = SpanContext(
    0x0AF7651916CD43DD8448EB211C80319C, 0xB7AD6B7169203331, True, TraceFlags(1)
)


@dataclass(frozen=True)
class Variant:
    """One way to send and take messages."""

    name: str
    application: Application
    mode: Mode
    instrumentation: Instrumentation | None = None
    has_json: bool = False
    """Whether encoding and decoding are part of the time."""

    has_spans: bool = True

    @property
    def has_metrics(self) -> bool:
        """Whether messages are counted."""
        return isinstance(self.instrumentation, Plugin) and self.instrumentation.has_metrics

    @property
    def spans_per_message(self) -> int:
        """How many spans are recorded for a message that is sent and taken."""
        return 2 if self.mode.name == SAMPLED and self.has_spans else 0

    @property
    def counts_per_message(self) -> int:
        """How often a message that is sent and taken is counted."""
        return 2 if self.has_metrics else 0

    @property
    def recorded_messages(self) -> int:
        """How many messages were counted in this mode of the SDK until now."""
        return self.mode.metrics.count if self.has_metrics else 0

    def instrumented(self) -> AbstractContextManager[None]:
        """Have the instrumentation active inside of the block."""
        return instrumented(self.instrumentation, self.mode)

    @contextmanager
    def publishing(self) -> Generator[None]:
        """The same, in the context in which messages are published."""
        with self.instrumented():
            if self.name != PASSING_ON:
                yield
                return
            token = context_api.attach(set_span_in_context(NonRecordingSpan(_PASSED_ON)))
            try:
                yield
            finally:
                context_api.detach(token)


def make_variants(document: dict[str, Any], mode: Mode) -> list[Variant]:
    """Every variant, for messages of ``document`` in a service whose SDK is in ``mode``."""
    tracer = get_tracer("benchmarks", tracer_provider=mode.provider)
    limits = [Variant(LIMIT, Limit(document, tracer), mode)] if mode.provider else []
    others = [Variant(OTHER, Bytes(document), mode, Other())] if has_other() else []
    return [
        Variant(BARE, Bytes(document), mode, has_spans=False),
        *limits,
        *others,
        *(Variant(name, Bytes(document), mode, how) for name, how in _TRACED.items()),
        *(
            Variant(name, Bytes(document), mode, how, has_spans=False)
            for name, how in _UNTRACED.items()
        ),
        Variant(BARE_JSON, Json(document), mode, has_json=True, has_spans=False),
        Variant(BY_HAND, ByHand(document, tracer), mode, has_json=True),
        Variant("plugin + json", Json(document), mode, Plugin(), has_json=True),
    ]
