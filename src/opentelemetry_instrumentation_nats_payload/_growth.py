"""Messages that a stream refused because we had made them larger."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

_MAX_SUBJECTS = 4096


class Growth:
    """Filled in by the publish that runs while this is :data:`growth`."""

    def __init__(self) -> None:
        self.original_size: int | None = None
        """Bytes of the message, headers and payload, before it grew; None if it did not."""

    def tell(self, original_size: int, size: int) -> None:
        """Say that a message of ``original_size`` goes out with ``size``."""
        if size > original_size:
            self.original_size = original_size


growth: ContextVar[Growth | None] = ContextVar("nats-growth", default=None)
"""Who wants to know whether the message grows that is published now."""


_ungrown: ContextVar[bool] = ContextVar("nats-ungrown", default=False)


@contextmanager
def as_it_was() -> Generator[None]:
    """Messages published in this block go out as they are."""
    token = _ungrown.set(True)
    try:
        yield
    finally:
        _ungrown.reset(token)


class SizeLimits:
    """What is known of the limits of subjects, as sizes of messages that were accepted."""

    def __init__(self) -> None:
        self._sizes: dict[str, int] = {}

    def learn(self, subject: str, accepted_size: int) -> None:
        """Remember that ``accepted_size`` is taken, and the same message made larger is not."""
        self._sizes[subject] = accepted_size
        if len(self._sizes) > _MAX_SUBJECTS:
            self._sizes.pop(next(iter(self._sizes)), None)

    def allow(self, subject: str, size: int) -> bool:
        """Whether a message that grew to ``size`` may be sent."""
        if _ungrown.get():
            return False
        limit = self._sizes.get(subject)
        return limit is None or size <= limit
