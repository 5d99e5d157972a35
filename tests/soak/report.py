"""What a part found, as claims, tables and figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Claim:
    """Something that has to be so, and whether it was."""

    text: str
    holds: bool


@dataclass(frozen=True)
class Table:
    """Figures for the page; the first row is the head."""

    title: str
    rows: Sequence[Sequence[str]]


@dataclass
class Report:
    """Of one part."""

    claims: list[Claim] = field(default_factory=list[Claim])
    tables: list[Table] = field(default_factory=list[Table])
    notes: list[str] = field(default_factory=list[str])
    """Sentences that stand before the tables."""

    figures: dict[str, Any] = field(default_factory=dict[str, Any])
    """For the JSON record alone."""

    def claim(self, text: str, holds: object) -> None:
        """Add one."""
        self.claims.append(Claim(text, bool(holds)))

    def table(self, title: str, *rows: Sequence[object]) -> None:
        """Add one."""
        self.tables.append(Table(title, [[str(cell) for cell in row] for row in rows]))

    @property
    def has_passed(self) -> bool:
        """Whether all claims hold."""
        return all(claim.holds for claim in self.claims)


@dataclass(frozen=True)
class Scale:
    """How much of a part is done."""

    is_quick: bool
    seconds: float
    """What the part may take."""

    def pick(self, full: Any, quick: Any) -> Any:
        """The one or the other."""
        return quick if self.is_quick else full
