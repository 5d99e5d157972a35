"""Messages that a stream refused because we had made them larger."""

from __future__ import annotations

from ._subjects import RecentSubjects

_ENOUGH = 3
"""Subjects under one parent, such as ``orders.<id>``, that speak for all of them."""


class SizeLimits:
    """What is known of the limits of subjects: the sizes of messages that were refused, while the
    same messages as they were have been accepted.
    """

    def __init__(self) -> None:
        self._refused: RecentSubjects[int] = RecentSubjects()
        self._parents: RecentSubjects[tuple[int, int]] = RecentSubjects()

    def allow(self, subject: str, size: int) -> bool:
        """Whether a message that grew to ``size`` bytes may be sent."""
        if not self._refused:
            return True
        if size >= self._refused.get(subject, size + 1):
            return False
        count, refused = self._parents.get(_parent(subject), (0, 0))
        return count < _ENOUGH or size < refused

    def learn(self, subject: str, size: int) -> None:
        """Remember that a message of ``size`` bytes was only refused for what we added."""
        is_new = subject not in self._refused
        self._refused.remember(subject, min(size, self._refused.get(subject, size)))
        count, refused = self._parents.get(_parent(subject), (0, size))
        self._parents.remember(_parent(subject), (count + is_new, min(size, refused)))


def _parent(subject: str) -> str:
    return subject.rpartition(".")[0]
