"""What one ``instrument()`` call set up, and how a span ends."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, cached_property
from typing import Any, ClassVar

from opentelemetry import trace
from opentelemetry.metrics import MeterProvider
from opentelemetry.propagate import get_global_textmap
from opentelemetry.propagators.textmap import TextMapPropagator
from opentelemetry.trace import (
    NoOpTracer,
    ProxyTracer,
    Span,
    SpanContext,
    Status,
    StatusCode,
    Tracer,
    TracerProvider,
)

from . import _providers, _semconv
from ._baggage_propagator import with_own_baggage
from ._capture import Capture
from ._config import resolve
from ._exceptions import ExceptionRecorder
from ._fields import PayloadFields
from ._guard import guarded
from ._hooks import ProcessHook, PublishHook, ReceiveHook, RedactBody
from ._metrics import Metrics, metrics_of
from ._payload import PayloadField
from ._providers import IgnoredSubjects
from ._reply import Replies
from ._settings import Settings
from ._size_limits import SizeLimits
from ._subjects import SubjectRules
from ._w3c import is_default
from .version import __version__


class Telemetry:
    """Settings, tracer, propagator and hooks of one instrumentation.

    Args:
        settings: the resolved settings.
        tracer_provider: where spans go; None for the global provider, also one set later.
        meter_provider: the same for metrics.
        propagator: None for the global one (``OTEL_PROPAGATORS``), also one set later.
        publish_hook: see :class:`PublishHook`.
        process_hook: see :class:`ProcessHook`.
        receive_hook: see :class:`ReceiveHook`.
        redact_body: see :class:`RedactBody`.
        logger_provider: where exceptions go that are recorded as logs.

    Attributes:
        ignored: subjects whose messages concern nobody.
        has_armed: whether a message came that has a context to follow.
        has_ever_armed: the same of any instrumentation of this process.
        watch_readers: to be called then.
    """

    has_armed = False
    has_ever_armed: ClassVar[bool] = False
    watch_readers: Callable[[], None] | None = None
    _is_sdk_tracer = False
    _known_propagator: TextMapPropagator | None = None
    _bounded_propagator: TextMapPropagator
    _is_w3c = False

    def __init__(
        self,
        settings: Settings,
        tracer_provider: TracerProvider | None = None,
        propagator: TextMapPropagator | None = None,
        publish_hook: PublishHook | None = None,
        process_hook: ProcessHook | None = None,
        receive_hook: ReceiveHook | None = None,
        redact_body: RedactBody | None = None,
        meter_provider: MeterProvider | None = None,
        logger_provider: Any = None,
    ) -> None:
        self.is_active = True
        self.settings = settings
        self.rules = SubjectRules(
            settings.excluded_subjects, settings.propagate_only_subjects, settings.subject_templates
        )
        self.follows_handoff = settings.follow_handoff != "off"
        self.follows_messages = settings.follow_handoff in ("message", "all")
        self.field = PayloadField(settings.payload_field)
        self.aliases = [PayloadField(name) for name in settings.payload_field_aliases]
        self.fields = PayloadFields((self.field, *self.aliases))
        self.ignored = IgnoredSubjects()
        self.replies = Replies()
        self.size_limits = SizeLimits()
        self.publish_hook = publish_hook
        self.process_hook = process_hook
        self.receive_hook = receive_hook
        self.capture = _capture_of(settings, redact_body, self.field)
        self.exceptions = ExceptionRecorder(logger_provider)
        self._propagator = propagator
        self._metrics = _metrics_of(meter_provider) if settings.metrics else None
        self._tracer = trace.get_tracer(
            "opentelemetry_instrumentation_nats_payload",
            __version__,
            tracer_provider,
            schema_url=_semconv.SCHEMA_URL,
        )
        self._awaits_sdk = _providers.are_global(tracer_provider, meter_provider)

    @cached_property
    def sends_plainly(self) -> bool:
        """Whether a message may go out by :mod:`_plain_publish`."""
        is_hooked = self.publish_hook is not None or self.capture is not None
        return self.settings.carrier == "payload" and not is_hooked

    @cached_property
    def processes_plainly(self) -> bool:
        """Whether a message may come in by :mod:`_plain_process`."""
        is_hooked = self.process_hook is not None or self.capture is not None
        return self.settings.consumer_parent == "message" and not is_hooked

    def note_armed(self) -> None:
        """Say that a message came that has a context to follow."""
        self.has_armed = Telemetry.has_ever_armed = True
        if self.watch_readers is not None:
            self.watch_readers()

    @property
    def propagator(self) -> TextMapPropagator:
        """The propagator that reads and writes carriers, see :mod:`_baggage_propagator`."""
        propagator = self._propagator or get_global_textmap()
        if propagator is not self._known_propagator:
            self._know(propagator)
        return self._bounded_propagator

    @property
    def is_w3c(self) -> bool:
        """Whether the propagator is OpenTelemetry's default one, see :mod:`_w3c`."""
        propagator = self._propagator or get_global_textmap()
        if propagator is not self._known_propagator:
            self._know(propagator)
        return self._is_w3c

    def _know(self, propagator: TextMapPropagator) -> None:
        self._is_w3c = is_default(propagator)
        self._bounded_propagator = with_own_baggage(propagator)
        self._known_propagator = propagator  # last: other threads look at it

    def tracer(self) -> Tracer | None:
        """The tracer, or None as long as there is no SDK, or a disabled one."""
        tracer = self._tracer
        if self._is_sdk_tracer:
            return tracer
        if type(tracer) is ProxyTracer:
            # The API's stand-in until an SDK is set. What is behind it is kept only once that
            # is an SDK's tracer; without one, nothing is to be prepared for a span.
            tracer: Tracer = getattr(tracer, "_tracer", tracer)
        if type(tracer) is NoOpTracer or isinstance(tracer, NoOpTracer):  # an ABC: 0.3 µs
            return None
        self._tracer, self._is_sdk_tracer = tracer, True
        return tracer

    def is_idle(self) -> bool:
        """Whether there is nobody to record anything for."""
        if self._is_sdk_tracer:
            return False
        if self._awaits_sdk:
            if _providers.are_unset():
                return True
            self._awaits_sdk = False
        return self._has_stand_ins()

    @guarded(False)
    def _has_stand_ins(self) -> bool:
        return self.tracer() is None and self.metrics() is None

    def note_ignored(self, subject: str) -> None:
        """Say that ``subject`` is excluded; where messages are counted, that has to be done."""
        if self.metrics() is None:
            self.ignored.remember(subject)

    def metrics(self) -> Metrics | None:
        """The metrics, or None as long as nobody takes them."""
        metrics = self._metrics
        return metrics if metrics is not None and metrics.is_recorded else None


def _capture_of(
    settings: Settings, redact_body: RedactBody | None, field: PayloadField
) -> Capture | None:
    headers, body_bytes = settings.captured_headers, settings.captured_body_bytes
    capture = Capture(headers, body_bytes, redact_body, field)
    return capture if capture.is_wanted else None


@guarded(None)
def _metrics_of(meter_provider: MeterProvider | None) -> Metrics:
    """The metrics; a provider that is broken costs no more than them."""
    return metrics_of(meter_provider)


_current: Telemetry | None = None


def current() -> Telemetry | None:
    """The telemetry of the instrumentation that is active now, or None.

    For what outlives an instrumentation, such as the callback of a subscription.
    """
    return _current


def current_or_default() -> Telemetry:
    """The active telemetry, or one by the environment: the manual API needs no instrumentation."""
    return _current or _default()


@cache
def _default() -> Telemetry:
    return Telemetry(resolve())


def set_current(telemetry: Telemetry | None) -> None:
    """Make ``telemetry`` the active one; the one before it becomes inactive for good."""
    global _current
    if _current is not None:
        _current.is_active = False
    _current = telemetry


@guarded(None)
def end_span(
    span: Span,
    error: BaseException | None = None,
    ended_at: int | None = None,
    record: bool = False,
) -> None:
    """End ``span``, now or at ``ended_at``, in nanoseconds since 1970; with ``error`` as failed.

    A cancellation is no failure (docs/general/recording-errors.md: an operation that the caller
    gave up on). ``record`` adds the exception with its stack trace as an event.
    """
    try:
        if isinstance(error, Exception) and span.is_recording():
            description = _semconv.error_description(error)
            span.set_attribute(_semconv.ERROR_TYPE, _semconv.error_type(error))
            span.set_status(Status(StatusCode.ERROR, description))
            if record:
                current_or_default().exceptions.record(span, error, description)
    finally:
        span.end(ended_at)


def described(span_context: SpanContext) -> str:
    """The context as the log shows it."""
    if not span_context.is_valid:
        return "baggage"
    trace_id, span_id = span_context.trace_id, span_context.span_id
    return f"trace {trace.format_trace_id(trace_id)} span {trace.format_span_id(span_id)}"
