"""Fuzz target: a message published, consumed and published again, in any carrier.

The input is a byte that says how many steps there are, the steps, and two lines of headers before
the payload.
"""

from __future__ import annotations

from typing import Any

from fuzz_target import fuzz, guide, instrumented

with instrumented():
    from codec import BACKENDS
    from journeys import NO_LIMIT, Journey

_CARRIERS: list[Any] = ["payload", "headers", "both", "auto"]
_MODES: list[Any] = ["refresh", "keep", "strip"]
_ROOM = [None, 0, 96, 200]
_NAMES = ["traceparent", "Tracestate", "baggage"]
_MAX_STEPS = 7


def _headers(lines: list[bytes]) -> dict[str, str] | None:
    values = [line.decode(errors="ignore").replace("\r", "") for line in lines]
    found = {name: v for name, v in zip(_NAMES, values, strict=False) if v}
    return {**found, "X-Id": "1"} if found else None


def _step(journey: Journey, code: int) -> None:
    """Six bits of a step: two each for what, in which way, and how much room."""
    way, room = code >> 2 & 3, _ROOM[code >> 4 & 3]
    if code & 3 == 0:
        journey.consume(_MODES[way % 3])
        return
    limit = NO_LIMIT if room is None else len(journey.payload) + room
    journey.publish(_CARRIERS[way], limit=limit, with_baggage=code & 3 == 3)


def check(data: bytes) -> None:
    """Only the field changes on the way, and what was sent last is read."""
    if not data:
        return
    steps, rest = data[1 : 1 + data[0] % _MAX_STEPS], data[1 + data[0] % _MAX_STEPS :]
    *lines, payload = rest.split(b"\n", 2)
    guide(payload)
    for backend in BACKENDS:
        journey = Journey(payload, _headers(lines), backend)
        for code in steps:
            _step(journey, code)


if __name__ == "__main__":
    fuzz(check)
