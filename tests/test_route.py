"""What is known of a subject: how much of it is kept, and for whom."""

from __future__ import annotations

from opentelemetry_instrumentation_nats_payload._route import Route, Routes, routes_of
from opentelemetry_instrumentation_nats_payload._series import Outcome, Series
from opentelemetry_instrumentation_nats_payload._subjects import Handling

_ROUTE = Route(
    Handling.TRACE,
    None,
    "publish",
    {},
    Series("publish", "send", None, None, None, None),
    Outcome("attribute", "injected", None),
)


class _Owner:
    """A connection, or a subscriber."""

    def __init__(self) -> None:
        self.routes = Routes()


def test_a_subject_is_known_until_there_are_too_many() -> None:
    """Where there is one for each message, few are kept from then on."""
    routes = Routes()
    sizes: list[int] = []
    for number in range(2000):
        assert routes.remember(str(number), _ROUTE) is _ROUTE
        assert routes[str(number)] is _ROUTE
        sizes.append(len(routes))
    assert max(sizes) == 512
    assert sizes[600:] == [64] * 1400


def test_routes_are_those_of_one_instrumentation_and_one_connect() -> None:
    """Another one has none yet."""
    owner, telemetry, info = _Owner(), object(), {"client_id": 1}
    routes_of(owner, telemetry, info).remember("a", _ROUTE)
    assert routes_of(owner, telemetry, info) == {"a": _ROUTE}
    assert routes_of(owner, telemetry, {"client_id": 1}) == {}
    routes_of(owner, telemetry, info).remember("a", _ROUTE)
    assert routes_of(owner, object(), info) == {}
