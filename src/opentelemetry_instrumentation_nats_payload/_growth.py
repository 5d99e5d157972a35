"""Messages that a stream refused because we had made them larger."""

from __future__ import annotations

from contextvars import ContextVar

from ._subjects import RecentSubjects


class Growth:
    """Filled in by the publish that runs while this is :data:`growth`.

    Args:
        is_allowed: whether the message may be changed at all.
    """

    def __init__(self, *, is_allowed: bool = True) -> None:
        self.is_allowed = is_allowed
        self.original_size: int | None = None
        """Bytes of the message, headers and payload, before it grew; None if it did not."""

    def tell(self, original_size: int, size: int) -> None:
        """Say that a message of ``original_size`` goes out with ``size``."""
        if size > original_size:
            self.original_size = original_size


growth: ContextVar[Growth | None] = ContextVar("nats-growth", default=None)
"""Who wants to know whether the message grows that is published now."""


class SizeLimits(RecentSubjects[int]):
    """What is known of the limits of subjects: the sizes of messages that were accepted, while
    the same messages made larger were not.
    """

    def allow(self, subject: str, size: int) -> bool:
        """Whether a message that grew to ``size`` may be sent."""
        limit = self.get(subject)
        return limit is None or size <= limit
