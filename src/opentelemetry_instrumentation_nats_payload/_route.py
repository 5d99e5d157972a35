"""What is the same for every message of a subject, worked out once."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from ._series import Outcome, Series
from ._subjects import Handling

_MAX_ROUTES, _FEW_ROUTES = 512, 64
"""Subjects; few are kept where there is one for each message. A route takes 1 kB."""


class Route(NamedTuple):
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


class Routes(dict[str, Route]):
    """Routes by subject, for one instrumentation and one connection to a server.

    Args:
        telemetry: the instrumentation.
        info: the server's INFO, a new object at each connect.
    """

    __slots__ = ("info", "limit", "telemetry")

    def __init__(self, telemetry: object = None, info: object = None) -> None:
        super().__init__()
        self.telemetry = telemetry
        self.info = info
        self.limit = _MAX_ROUTES

    def remember(self, subject: str, route: Route) -> Route:
        """Set the route of ``subject``, and return it."""
        if len(self) >= self.limit:
            if self.limit == _MAX_ROUTES:
                self.limit = _FEW_ROUTES  # there is one for each message
                self.clear()
            else:
                del self[next(iter(self))]
        self[subject] = route
        return route


class _Owner(Protocol):
    routes: Routes


def routes_of(owner: _Owner, telemetry: object, info: object) -> Routes:
    """The routes of a connection or a subscriber; none if they were made for something else."""
    routes = owner.routes
    if routes.telemetry is not telemetry or routes.info is not info:
        routes = owner.routes = Routes(telemetry, info)
    return routes
