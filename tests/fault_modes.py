"""Ways to instrument the application of the fault tests: each has functions run that others do not.

The first two are the defaults, with msgspec and without. Most messages take the short way there.
"""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.textmap import Getter, default_getter
from opentelemetry.trace import NoOpTracerProvider, Span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from conftest import Instrumentation
from opentelemetry_instrumentation_nats_payload import (
    NATSInstrumentor,
    _fields,
    _json,
    _json_stdlib,
    _payload,
)
from opentelemetry_instrumentation_nats_payload._guard import logger
from points import Meter


def _hook(span: Span, details: object) -> None:
    """Has something to do, as far as we know."""


def _redact(subject: str, body: bytes) -> bytes:
    return body


_EVERYTHING: dict[str, Any] = {
    "carrier": "both",
    "settle_spans": True,
    "excluded_subjects": ["excluded.>", "*.excluded.>"],
    "subject_templates": ["*.core.*"],
    "captured_headers": ["X-Own"],
    "captured_body_bytes": 99,
    "publish_hook": _hook,
    "process_hook": _hook,
    "receive_hook": _hook,
    "redact_body": _redact,
}
_PASSING: dict[str, Any] = {
    "propagate_only_subjects": ["*.passed.>"],
    "excluded_subjects": ["*.excluded.>"],
    "metrics": False,
}


class _Propagator(CompositePropagator):
    """An application's own, which looks at every entry."""

    def __init__(self) -> None:
        super().__init__([TraceContextTextMapPropagator(), W3CBaggagePropagator()])

    def extract(
        self, carrier: Any, context: Context | None = None, getter: Getter[Any] = default_getter
    ) -> Context:
        for key in getter.keys(carrier):
            getter.get(carrier, key)
        return super().extract(carrier, context, getter)


_HEADERS: dict[str, Any] = {"carrier": "headers", "propagator": _Propagator()}


class Mode(NamedTuple):
    """Options of the instrumentation, and its surroundings."""

    options: dict[str, Any]
    has_msgspec: bool = True
    is_verbose: bool = False
    is_instrumented: bool = True

    @property
    def has_metrics(self) -> bool:
        """Whether failures are exported."""
        return self.is_instrumented and bool(self.options.get("metrics", True))

    @contextmanager
    def instrumented(self, instrumentation: Instrumentation, meter: Meter) -> Generator[None]:
        """With the parser of JSON that is there, and a logger at its level."""
        with pytest.MonkeyPatch.context() as patch:
            if not self.has_msgspec:
                patch.setattr(_json, "_backend", _json_stdlib)
                for module in (_payload, _fields):
                    patch.setattr(module, "ValueReader", _json_stdlib.ValueReader)
            logger.setLevel(logging.DEBUG if self.is_verbose else logging.NOTSET)
            if self.is_instrumented:
                instrumentation.start(**{"meter_provider": meter.provider, **self.options})
            try:
                yield
            finally:
                if self.is_instrumented:
                    NATSInstrumentor().uninstrument()
                logger.setLevel(logging.NOTSET)


MODES = {
    "default": Mode({}),
    "without msgspec": Mode({"consumed_field": "strip"}, has_msgspec=False),
    "passing": Mode(_PASSING),
    "SDK disabled": Mode({**_PASSING, "tracer_provider": NoOpTracerProvider()}),
    "without SDK": Mode({**_PASSING, "tracer_provider": None, "meter_provider": None}),
    "not instrumented": Mode({}, is_instrumented=False),
    "headers": Mode(_HEADERS, is_verbose=True),
    "everything": Mode(_EVERYTHING),
    "stripping": Mode({**_EVERYTHING, "consumed_field": "strip"}),
}
LONG = {"headers", "everything", "stripping"}
"""Where nothing goes the short way."""


VARIABLES = {
    "OTEL_PYTHON_NATS_SUBJECT_TEMPLATES": "*.core.*",
    "OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN": "logs",
}


def start_everything(instrumentation: Instrumentation) -> None:
    """Instrument with as much as there is to set up, ``VARIABLES`` in the environment."""
    options = {name: value for name, value in _EVERYTHING.items() if name != "subject_templates"}
    instrumentation.start(meter_provider=Meter().provider, **options)
