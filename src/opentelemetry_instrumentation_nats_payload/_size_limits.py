"""Messages that a stream refused because we had made them larger."""

from __future__ import annotations

from ._message import Outgoing
from ._subjects import RecentSubjects


class SizeLimits(RecentSubjects[int]):
    """What is known of the limits of subjects: the sizes of messages that were accepted, while
    the same messages made larger were not.
    """

    def allow(self, subject: str, size: int) -> bool:
        """Whether a message that grew to ``size`` may be sent."""
        limit = self.get(subject)
        return limit is None or size <= limit

    def learn(self, accepted: Outgoing) -> None:
        """Remember the size of a message that was only accepted as it was."""
        self.remember(accepted.subject, accepted.size())
