"""The metrics, of one meter provider: durations in histograms, counts read at collection.

A record of an SDK's histogram costs about half as much as a span, so there is one an operation. A
count is an integer in a dict, which an observable instrument reads when metrics are collected.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

from opentelemetry.metrics import (
    CallbackOptions,
    Histogram,
    Meter,
    MeterProvider,
    NoOpHistogram,
    Observation,
    get_meter_provider,
)

from . import _semconv
from ._guard import failures
from ._semconv import Metric
from ._series import Limits, Outcome, Series, Values
from .version import __version__


class Counter:
    """Counts, kept here and read by an observable counter.

    With a lock, for each thread may have a connection and an event loop of its own.
    """

    def __init__(self, meter: Meter, metric: Metric, limits: Limits) -> None:
        self._limits = limits
        self._counts: dict[Series | Outcome, int] = {}
        self._lock = Lock()
        meter.create_observable_counter(
            metric.name, [self._observe], metric.unit, metric.description
        )

    def add(self, key: Series | Outcome, count: int = 1) -> None:
        """Count ``count`` messages."""
        if isinstance(key, Series):
            key = self._limits.of_series(key)
        else:
            key = self._limits.of_outcome(key)
        with self._lock:
            self._counts[key] = self._counts.get(key, 0) + count

    def _observe(self, _: CallbackOptions) -> Iterable[Observation]:
        with self._lock:
            counts = list(self._counts.items())
        return [Observation(count, key.attributes()) for key, count in counts]


class _Failures:
    """Errors of ours since now, which end in :mod:`._guard` and are counted there."""

    def __init__(self, meter: Meter, metric: Metric) -> None:
        self._before = failures()
        meter.create_observable_counter(
            metric.name, [self._observe], metric.unit, metric.description
        )

    def _observe(self, _: CallbackOptions) -> Iterable[Observation]:
        before = self._before
        return [
            Observation(
                count - before.get(failure, 0),
                {
                    _semconv.ERROR_TYPE: failure.error_type,
                    _semconv.CODE_FUNCTION_NAME: failure.function,
                },
            )
            for failure, count in failures().items()
            if count > before.get(failure, 0)
        ]


class Metrics:
    """The instruments.

    Attributes:
        sent: attempts to send a message.
        consumed: messages that were delivered.
        injected: what became of the context of messages that went out.
        extracted: where the context of messages that came in was found.
    """

    def __init__(self, meter: Meter) -> None:
        limits = Limits()
        self._operation_duration = _histogram(meter, _semconv.CLIENT_OPERATION_DURATION)
        self._process_duration = _histogram(meter, _semconv.PROCESS_DURATION)
        self._delivery_duration = _histogram(meter, _semconv.NATS_DELIVERY_DURATION)
        self.sent = Counter(meter, _semconv.CLIENT_SENT_MESSAGES, limits)
        self.consumed = Counter(meter, _semconv.CLIENT_CONSUMED_MESSAGES, limits)
        self.injected = Counter(meter, _semconv.NATS_SENT_CONTEXTS, limits)
        self.extracted = Counter(meter, _semconv.NATS_RECEIVED_CONTEXTS, limits)
        self._failures = _Failures(meter, _semconv.NATS_INSTRUMENTATION_ERRORS)
        self._limits = limits
        self._attributes: dict[Series, Values] = {}
        self._is_recorded = not isinstance(self._process_duration, NoOpHistogram)
        is_proxy = hasattr(self._process_duration, "_real_instrument")
        self._stand_in: Any = self._process_duration if is_proxy else None

    @property
    def is_recorded(self) -> bool:
        """Whether there is an SDK that takes them; it may be set up later."""
        if self._stand_in is not None:
            # The API's, until an SDK is set up.
            real = self._stand_in._real_instrument
            if real is None:
                return False
            self._is_recorded = not isinstance(real, NoOpHistogram)
            self._stand_in = None
        return self._is_recorded

    def record(self, series: Series, seconds: float) -> None:
        """Record how long an operation took."""
        is_process = series.operation_type == _semconv.TYPE_PROCESS
        histogram = self._process_duration if is_process else self._operation_duration
        histogram.record(seconds, self._attributes_of(series))

    def record_delivery(self, series: Series, seconds: float) -> None:
        """Record how long a message has been in its stream."""
        self._delivery_duration.record(seconds, self._attributes_of(series))

    def _attributes_of(self, series: Series) -> Values:
        series = self._limits.of_series(series)
        attributes = self._attributes.get(series)
        if attributes is None:
            attributes = self._attributes[series] = series.attributes(is_count=False)
        return attributes


def _histogram(meter: Meter, metric: Metric) -> Histogram:
    create: Callable[..., Histogram] = meter.create_histogram
    options: dict[str, Any] = {}
    name = "explicit_bucket_boundaries_advisory"
    if name in inspect.signature(create).parameters:  # from OpenTelemetry 1.30 on
        options[name] = _semconv.DURATION_BUCKETS
    return create(metric.name, metric.unit, metric.description, **options)


_metrics: WeakKeyDictionary[MeterProvider, Metrics] = WeakKeyDictionary()
_global_metrics: list[Metrics] = []


def metrics_of(meter_provider: MeterProvider | None) -> Metrics:
    """The metrics of a meter provider, by default the global one, also one set later.

    One for each: an SDK ignores the callbacks of an instrument that it has already, and counts go
    on where an instrumentation is taken off and put on again.
    """
    provider = get_meter_provider()
    if meter_provider is None or meter_provider is provider:
        if not _global_metrics:
            _global_metrics.append(_metrics.get(provider) or _make(provider))
        return _global_metrics[0]
    metrics = _metrics.get(meter_provider)
    if metrics is None:
        metrics = _metrics[meter_provider] = _make(meter_provider)
    return metrics


def _make(provider: MeterProvider) -> Metrics:
    name = "opentelemetry_instrumentation_nats_payload"
    return Metrics(provider.get_meter(name, __version__, schema_url=_semconv.SCHEMA_URL))
