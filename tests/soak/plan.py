"""The parts of the soak, in their order, and how long each is to take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

LIMIT_SECONDS = 30 * 60.0
"""What all of them together may take."""

COMMAND = "python -m tests.soak"


class Planned(NamedTuple):
    """A part of the soak."""

    title: str
    seconds: float
    quick_seconds: float


PLAN = {
    "rates": Planned("The highest rate without loss", 360, 60),
    "sustained": Planned("5,000 messages a second", 125, 25),
    "flat": Planned("Five minutes", 315, 20),
    "cycles": Planned("Thousands of turns", 65, 20),
    "fuzz": Planned("Fuzzing", 240, 20),
    "cluster": Planned("A cluster whose leader is killed", 130, 70),
    "faults": Planned("Faults of our own", 130, 20),
    "hostile": Planned("Hostile messages", 95, 12),
    "unchanged": Planned("Nothing else changes", 260, 30),
}


def planned(names: Sequence[str], *, is_quick: bool = False) -> str:
    """How long these parts are to take, for a terminal."""
    seconds = {n: PLAN[n].quick_seconds if is_quick else PLAN[n].seconds for n in names}
    rows = [f"  {name:<10}{value:>6.0f} s  {PLAN[name].title}" for name, value in seconds.items()]
    return "\n".join(["expected:", *rows, f"  {'in all':<10}{sum(seconds.values()):>6.0f} s"])
