"""How an exception is recorded: as an event of its span, as a log, or as both.

``OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN`` says which: ``logs``, ``logs/dup``, by default the event
(docs/general/recording-errors.md and docs/messaging/messaging-exceptions.md).
"""

from __future__ import annotations

import inspect
import os
import traceback
from typing import Any

from opentelemetry import trace
from opentelemetry._logs import Logger, SeverityNumber, get_logger
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
        logs = _logger(logger_provider) if signals & {"logs", "logs/dup"} else None
        self._logs = logs
        self._has_events = logs is None or "logs/dup" in signals

    def record(self, span: Span, error: Exception, description: str) -> None:
        """Record ``error`` where it is wanted, with texts of bounded size."""
        texts = {
            _semconv.EXCEPTION_MESSAGE: description,
            _semconv.EXCEPTION_STACKTRACE: _stack_trace(error),
        }
        if self._has_events:
            span.record_exception(error, texts)
        if self._logs is not None:
            self._logs.emit(
                context=trace.set_span_in_context(span, Context()),
                severity_number=SeverityNumber.ERROR,
                severity_text="ERROR",
                event_name=_semconv.PROCESS_EXCEPTION_EVENT,
                attributes={_semconv.EXCEPTION_TYPE: _semconv.class_name(error), **texts},
            )


@guarded(None)
def _logger(logger_provider: Any) -> Logger | None:
    name = "opentelemetry_instrumentation_nats_payload"
    found = get_logger(name, __version__, logger_provider, schema_url=_semconv.SCHEMA_URL)
    if "event_name" in inspect.signature(found.emit).parameters:
        return found
    logger.warning("%s: this OpenTelemetry has no events in logs yet, spans have them", _VARIABLE)
    return None


def _stack_trace(error: Exception) -> str:
    """The stack trace; the texts of an error and its causes have no bounds."""
    limit = _semconv.MAX_DESCRIPTION
    lines = traceback.TracebackException.from_exception(error).format()
    return "".join(line if len(line) <= limit else line[:limit] + "…\n" for line in lines)
