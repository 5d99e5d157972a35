"""What is the same for every message of a subject, worked out once."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from ._series import Outcome, Series
from ._subjects import Handling

_MAX_SUBJECTS = 2048
"""What is kept of one takes 1 kB."""

_MAX_SEEN = 4096
"""Subjects of which it is known that they occurred once. One takes some 60 bytes."""

_MAX_UNIQUE = 64
"""Subjects that are remembered at their first message; all others at their second one. There may be
one for each message."""


class CachedSubject(NamedTuple):
    """How the messages of a subject are traced, on their way out or in."""

    handling: Handling
    template: str | None
    span_name: str
    attributes: dict[str, str | int]
    """Of their spans."""

    series: Series
    """What they are counted and measured as."""

    outcome: Outcome
    """What becomes of the context of nearly all of them."""


class SubjectCache(dict[str, CachedSubject]):
    """What is known of each subject, for one instrumentation and one connection to a server.

    As many subjects as those of a market are known all the time, however they take turns, and of
    subjects that do not come again next to nothing is kept. Of up to 4096 that take turns, many
    are known, since only some of those that come again take the place of the oldest.

    Args:
        telemetry: the instrumentation.
        info: the server's INFO, a new object at each connect.
    """

    __slots__ = ("_excess", "_seen", "info", "telemetry")

    def __init__(self, telemetry: object = None, info: object = None) -> None:
        super().__init__()
        self.telemetry = telemetry
        self.info = info
        self._seen: set[int] = set()
        self._excess = 0

    def remember(self, subject: str, cached: CachedSubject) -> CachedSubject:
        """Keep what is known of ``subject`` if that may come again, and return it."""
        if len(self) < _MAX_UNIQUE or self._comes_again(hash(subject)):
            if len(self) < _MAX_SUBJECTS:
                self[subject] = cached
            elif self._is_eighth():
                del self[next(iter(self))]
                self[subject] = cached
        return cached

    def _is_eighth(self) -> bool:
        self._excess += 1
        return self._excess % 8 == 0

    def _comes_again(self, subject: int) -> bool:
        """Whether ``subject``, a hash, was asked for not long ago."""
        if subject in self._seen:
            self._seen.remove(subject)
            return True
        if len(self._seen) >= _MAX_SEEN:
            self._seen.clear()
        self._seen.add(subject)
        return False


class _Owner(Protocol):
    cache: SubjectCache


def cache_of(owner: _Owner, telemetry: object, info: object) -> SubjectCache:
    """That of a connection or a subscriber; an empty one if it was made for something else."""
    cache = owner.cache
    if cache.telemetry is not telemetry or cache.info is not info:
        cache = owner.cache = SubjectCache(telemetry, info)
    return cache
