"""An operation under way, that ends with a span, a duration and a count."""

from __future__ import annotations

from time import time_ns
from typing import Any

from opentelemetry.trace import Span

from . import _semconv
from ._guard import guarded
from ._metrics import Metrics
from ._series import Outcome, Series
from ._telemetry import end_span

_NANOSECONDS = 1e9


class Measured:
    """An operation.

    Args:
        span: its span, or None where none was wanted.
        metrics: where it is recorded, or None.
        series: what it is recorded as; None without metrics.
        started_at: nanoseconds since 1970.
        is_timed: whether its duration is recorded, too.

    Attributes:
        outcome: what became of the context of the message that it sends.
        is_sent: whether that has gone out.
        is_refusable: whether it may have to go out once more, without the context.
    """

    __slots__ = (
        "_is_timed",
        "_metrics",
        "_series",
        "_started_at",
        "is_refusable",
        "is_sent",
        "outcome",
        "span",
    )

    def __init__(
        self,
        span: Span | None,
        metrics: Metrics | None,
        series: Series | None,
        started_at: int,
        *,
        is_timed: bool = True,
    ) -> None:
        self.span = span
        self._metrics = metrics
        self._series = series
        self._started_at = started_at
        self._is_timed = is_timed
        self.outcome: Outcome | None = None
        self.is_sent = False
        self.is_refusable = False

    @guarded(None)
    def tell_sent(self) -> None:
        """Say that the message has gone out: what became of its context is known, unless it may
        have to go out once more.
        """
        self.is_sent = True
        if not self.is_refusable:
            self._count_outcome()

    def _count_outcome(self) -> None:
        if self._metrics is not None and self.outcome is not None and self.is_sent:
            self._metrics.injected.add(self.outcome)
            self.outcome = None

    @guarded(None)
    def end(self, error: BaseException | None = None, *, record: bool = False) -> None:
        """End the operation, with ``error`` as failed; see :func:`end_span`."""
        ended_at = time_ns()
        if self.span is not None:
            end_span(self.span, error, ended_at, record)
        if self._metrics is not None and self._series is not None:
            self._record(self._metrics, self._series, error, ended_at)

    def complete(self) -> None:
        """The same for one that went well; errors of ours are for the caller to contain."""
        ended_at = time_ns()
        try:
            if self.span is not None:
                self.span.end(ended_at)
        finally:
            if self._metrics is not None and self._series is not None:
                self._record(self._metrics, self._series, None, ended_at)

    def _record(
        self, metrics: Metrics, series: Series, error: BaseException | None, ended_at: int
    ) -> None:
        if isinstance(error, Exception):
            series = series._replace(error_type=_semconv.error_type(error))
        if series.operation_type == _semconv.TYPE_SEND:
            metrics.sent.add(series)
        self._count_outcome()
        if self._is_timed:
            metrics.record(series, max(ended_at - self._started_at, 0) / _NANOSECONDS)


class Publish:
    """A publish under way.

    Args:
        measured: what ends with it, or later; None where nothing is recorded.
        is_whole: whether that ends with the publish, and is no longer operation.
        payload: what goes out.
        headers: what goes out with it.
        added: bytes of that which are ours.

    Attributes:
        counted: bytes that wait in the client, without ``added``.
    """

    __slots__ = ("added", "counted", "headers", "is_whole", "measured", "payload")

    def __init__(
        self,
        measured: Measured | None,
        is_whole: bool,
        payload: Any,
        headers: dict[str, str] | None,
        added: int,
    ) -> None:
        self.measured = measured
        self.is_whole = is_whole
        self.payload = payload
        self.headers = headers
        self.added = added
        self.counted = 0
