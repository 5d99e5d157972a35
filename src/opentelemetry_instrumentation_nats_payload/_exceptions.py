"""How an exception is recorded: as an event of its span, as a log, or as both.

``OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN`` says which: ``logs``, ``logs/dup``, by default the event
(docs/general/recording-errors.md and docs/messaging/messaging-exceptions.md).
"""

from __future__ import annotations

import inspect
import os
import traceback
from collections.abc import Callable
from functools import partial
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span

from . import _semconv
from ._guard import guarded, logger
from .version import __version__

_VARIABLE = "OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN"


class ExceptionRecorder:
    """Records exceptions of handlers.

    Args:
        logger_provider: where logs go; None for the global one.
    """

    def __init__(self, logger_provider: Any = None) -> None:
        signals = {text.strip().lower() for text in os.environ.get(_VARIABLE, "").split(",")}
        emit = _emitter(logger_provider) if signals & {"logs", "logs/dup"} else None
        self._emit = emit
        self._has_events = emit is None or "logs/dup" in signals

    def record(self, span: Span, error: Exception, description: str) -> None:
        """Record ``error`` where it is wanted, with texts of bounded size."""
        texts = {
            _semconv.EXCEPTION_MESSAGE: description,
            _semconv.EXCEPTION_STACKTRACE: _stack_trace(error),
        }
        if self._has_events:
            span.record_exception(error, texts)
        if self._emit is not None:
            self._emit(
                context=trace.set_span_in_context(span, Context()),
                attributes={_semconv.EXCEPTION_TYPE: _semconv.class_name(error), **texts},
            )


@guarded(None)
def _emitter(logger_provider: Any) -> Callable[..., None] | None:
    """A function that emits a log of an exception."""
    # Here and not above: it takes a millisecond, and few want logs.
    from opentelemetry._logs import SeverityNumber, get_logger  # noqa: PLC0415

    name = "opentelemetry_instrumentation_nats_payload"
    found = get_logger(name, __version__, logger_provider, schema_url=_semconv.SCHEMA_URL)
    if "event_name" in inspect.signature(found.emit).parameters:
        return partial(
            found.emit,
            severity_number=SeverityNumber.ERROR,
            severity_text="ERROR",
            event_name=_semconv.PROCESS_EXCEPTION_EVENT,
        )
    logger.warning("%s: this OpenTelemetry has no events in logs yet, spans have them", _VARIABLE)
    return None


def _stack_trace(error: Exception) -> str:
    """The stack trace; the texts of an error and its causes have no bounds."""
    limit = _semconv.MAX_DESCRIPTION
    lines = traceback.TracebackException.from_exception(error).format()
    return "".join(line if len(line) <= limit else line[:limit] + "…\n" for line in lines)
