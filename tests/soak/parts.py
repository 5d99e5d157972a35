"""The parts of the soak, in their order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .cluster import survive
from .cycles import turn
from .flat import stay_flat
from .fuzz import fuzz
from .rates import search
from .report import Report, Scale
from .same import stay_the_same
from .sustained import sustain


@dataclass(frozen=True)
class Part:
    """A part: what runs it, and how many seconds it may take."""

    title: str
    run: Callable[[Scale], Report]
    seconds: float
    quick_seconds: float


PARTS = {
    "rates": Part("The highest rate without loss", search, 480, 60),
    "sustained": Part("5,000 messages a second", sustain, 140, 20),
    "flat": Part("Five minutes", stay_flat, 310, 20),
    "cycles": Part("Thousands of turns", turn, 240, 15),
    "fuzz": Part("Fuzzing", fuzz, 360, 20),
    "cluster": Part("A cluster whose leader is killed", survive, 110, 45),
    "unchanged": Part("Nothing else changes", stay_the_same, 260, 0),
}
