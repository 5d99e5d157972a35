"""Exported metrics as plain values, to be compared whole."""

from __future__ import annotations

from typing import Any, NamedTuple

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    Histogram,
    HistogramDataPoint,
    InMemoryMetricReader,
    Sum,
)

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)

Attributes = frozenset[tuple[str, Any]]


class Exported(NamedTuple):
    """A metric, with the values of its points by their attributes: sums, and counts of records."""

    unit: str
    kind: str
    points: dict[Attributes, int | float]


def point(**values: Any) -> Attributes:
    """The attributes of an expected point; ``__`` in a name stands for a dot."""
    return frozenset((name.replace("__", "."), value) for name, value in values.items())


class Meter:
    """A meter provider, and what it exports."""

    def __init__(self) -> None:
        self._reader = InMemoryMetricReader()
        self.provider = MeterProvider([self._reader], shutdown_on_exit=False)

    def exported(self) -> dict[str, Exported]:
        """All metrics by name."""
        data = self._reader.get_metrics_data()
        found = [
            metric
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
        ]
        return {m.name: _exported(m.unit or "", m.data) for m in found}

    def points(self, name: str) -> dict[Attributes, int | float]:
        """The points of one metric; none if it was not exported."""
        metric = self.exported().get(name)
        return metric.points if metric else {}

    def sums(self, name: str) -> list[HistogramDataPoint]:
        """The raw points of a histogram."""
        data = self._reader.get_metrics_data()
        return [
            p
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name and isinstance(metric.data, Histogram)
            for p in metric.data.data_points
        ]


def _exported(unit: str, data: Any) -> Exported:
    if isinstance(data, Histogram):
        return Exported(unit, "histogram", {_key(p): p.count for p in data.data_points})
    assert isinstance(data, Sum)
    kind = "counter" if data.is_monotonic else "sum"
    return Exported(unit, kind, {_key(p): p.value for p in data.data_points})


def _key(data_point: Any) -> Attributes:
    values: dict[str, Any] = dict(data_point.attributes or {})
    return frozenset(values.items())
