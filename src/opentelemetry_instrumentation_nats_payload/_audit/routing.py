"""By which of the subscriptions a message is counted, and whether it is. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Final, NamedTuple

from .._subjects import INBOX_PREFIXES, RecentSubjects, matcher

_INTERNAL: Final = ("$", *INBOX_PREFIXES)


class Route(Enum):
    """What is done with a message that a subscription gets."""

    LOOK = "it is looked at"
    INTERNAL = "it is a reply, NATS's own, or JetStream's delivery of what was published"
    SKIP = "it is excluded, or another subscription has it as well"


class _Owner(NamedTuple):
    """What is known from a subject alone."""

    owner: int | None
    """The subscription that counts its messages; None where no pattern matches."""

    route: Route


class Routing:
    """Says of each message that comes what is done with it.

    Args:
        patterns: what is subscribed to, in this order.
        excluded: patterns of subjects that are not looked at.
    """

    def __init__(self, patterns: Sequence[str], excluded: Sequence[str]) -> None:
        self._matchers = [matcher([pattern]) for pattern in patterns]
        self._wants_internal = [pattern.startswith(_INTERNAL) for pattern in patterns]
        self._is_excluded = matcher(excluded)
        self._recent: RecentSubjects[_Owner] = RecentSubjects()

    def route(self, index: int, subject: str, reply: str) -> Route:
        """What is done with a message.

        Args:
            index: of the pattern whose subscription got it.
            subject: of the message.
            reply: its reply subject.
        """
        found = self._recent.get(subject)
        if found is None:
            found = self._owner(subject)
            self._recent.remember(subject, found)
        if found.route is Route.SKIP:
            return Route.SKIP
        wants_internal = self._wants_internal[index]
        # What JetStream delivers to a consumer has the subject it was published on, so a pattern
        # over that subject has had the message already.
        if found.owner is not None and not wants_internal and reply.startswith("$JS.ACK."):
            return Route.INTERNAL
        if found.owner is None:
            return Route.LOOK if wants_internal else found.route
        return found.route if found.owner == index else Route.SKIP

    def _owner(self, subject: str) -> _Owner:
        if self._is_excluded(subject):
            return _Owner(None, Route.SKIP)
        matching = [i for i, matches in enumerate(self._matchers) if matches(subject)]
        if not subject.startswith(_INTERNAL):
            return _Owner(next(iter(matching), None), Route.LOOK)
        wanting = [i for i in matching if self._wants_internal[i]]
        if wanting:
            return _Owner(wanting[0], Route.LOOK)
        return _Owner(next(iter(matching), None), Route.INTERNAL)
