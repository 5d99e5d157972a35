"""OpenTelemetry's global providers: whether an SDK has been set up, seen at next to no cost.

The API's stand-ins know it as well, at three times the cost of all that is done without an SDK.
"""

from __future__ import annotations

from opentelemetry import trace
from opentelemetry.metrics import _internal as metrics

# Private. Where they are missing, the stand-ins are asked.
ARE_KNOWN = hasattr(trace, "_TRACER_PROVIDER") and hasattr(metrics, "_METER_PROVIDER")

_MAX_SUBJECTS = 4096
"""There may be one for each message."""


def are_global(*providers: object) -> bool:
    """Whether none of ``providers`` was given, so that those of the process are taken."""
    return ARE_KNOWN and all(provider is None for provider in providers)


def are_unset() -> bool:
    """Whether nobody has set up an SDK for the whole process; only where they ``are_global``."""
    return trace._TRACER_PROVIDER is None and metrics._METER_PROVIDER is None


class IgnoredSubjects(set[str]):
    """Subjects that are excluded, and of whose messages nothing is counted either."""

    _meter_provider: object = None

    def remember(self, subject: str) -> None:
        """Add a subject, as long as there is no SDK that counts."""
        if not ARE_KNOWN:
            return
        if len(self) >= _MAX_SUBJECTS or not self.are_uncounted():
            self.clear()
        self.add(subject)
        self._meter_provider = metrics._METER_PROVIDER

    def are_uncounted(self) -> bool:
        """Whether there still is the ``MeterProvider`` that there was, or none."""
        return metrics._METER_PROVIDER is self._meter_provider
