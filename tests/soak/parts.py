"""What runs each part of the soak."""

from __future__ import annotations

from collections.abc import Callable

from .cluster import survive
from .cycles import turn
from .faults import raise_everywhere
from .flat import stay_flat
from .fuzz import fuzz
from .hostile import endure
from .rates import search
from .report import Report, Scale
from .sustained import sustain
from .unchanged import stay_unchanged

PARTS: dict[str, Callable[[Scale], Report]] = {
    "rates": search,
    "sustained": sustain,
    "flat": stay_flat,
    "cycles": turn,
    "fuzz": fuzz,
    "cluster": survive,
    "faults": raise_everywhere,
    "hostile": endure,
    "unchanged": stay_unchanged,
}
