"""Counts of instructions beside those that were recorded."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from .tables import Table

LIMIT = 0.05
"""By how much an operation may rise."""

UPDATE = "python -m tox -e instructions -- --update"


@dataclass(frozen=True)
class Counts:
    """Instructions of one call."""

    reference: int
    """Of work that no package changes: :mod:`benchmarks.instructions_reference`."""

    operations: Mapping[str, int]
    versions: Mapping[str, str]
    """Of Python and of the packages with which they were counted."""

    @classmethod
    def load(cls, path: Path) -> Counts:
        """What :meth:`save` has written."""
        values = json.loads(path.read_text(encoding="utf-8"))
        return cls(values["reference"], values["operations"], values["versions"])

    def save(self, path: Path) -> None:
        """As JSON, for a difference that can be read."""
        path.write_text(json.dumps(self.as_json(), indent=2) + "\n", encoding="utf-8")

    def as_json(self) -> dict[str, object]:
        """The counts as values."""
        return {
            "versions": dict(self.versions),
            "reference": self.reference,
            "operations": dict(self.operations),
        }


@dataclass(frozen=True)
class Comparison:
    """Counts of now, and the recorded ones.

    Another build of Python takes more or fewer instructions for the same: what is compared is how
    many times the reference an operation is.
    """

    now: Counts
    recorded: Counts

    @property
    def scale(self) -> float:
        """How many times the recorded instructions Python itself takes now."""
        return self.now.reference / self.recorded.reference

    def expected(self, operation: str) -> int:
        """What was recorded of ``operation``, as this Python would count it."""
        return round(self.recorded.operations[operation] * self.scale)

    def change(self, operation: str) -> float:
        """By how much ``operation`` has risen: 0.01 for 1 %."""
        recorded = self.recorded.operations[operation] * self.scale
        return self.now.operations[operation] / recorded - 1

    def failures(self) -> list[str]:
        """What is wrong, one line each; empty if all is well."""
        risen = [name for name in self._both() if self.change(name) > LIMIT]
        return [*map(self._risen, risen), *self._missing()]

    def notes(self) -> list[str]:
        """What a reader should know besides, one line each."""
        fallen = [name for name in self._both() if self.change(name) < -LIMIT]
        return [*self._other_versions(), *map(self._fallen, fallen)]

    def table(self) -> Table:
        """Every recorded operation, and the reference."""
        rows = [("", "now", "recorded", "change")]
        for name in self._both():
            now, expected = self.now.operations[name], self.expected(name)
            rows.append((name, f"{now:,}", f"{expected:,}", f"{self.change(name):+.1%}"))
        now, recorded = self.now.reference, self.recorded.reference
        rows.append(("reference", f"{now:,}", f"{recorded:,}", f"{self.scale - 1:+.1%}"))
        return Table("Instructions of one call; recorded ones as this Python takes them", rows)

    def _both(self) -> list[str]:
        return [name for name in self.recorded.operations if name in self.now.operations]

    def _missing(self) -> Iterator[str]:
        for name in self.recorded.operations.keys() - self.now.operations.keys():
            yield f"{name}: recorded, but not counted."
        for name in self.now.operations.keys() - self.recorded.operations.keys():
            yield f"{name}: counted, but not recorded."

    def _risen(self, name: str) -> str:
        return (
            f"{name}: {self.now.operations[name]:,} instructions,"
            f" {self.change(name):.1%} more than the recorded {self.expected(name):,};"
            f" more than {LIMIT:.0%} fails."
        )

    def _fallen(self, name: str) -> str:
        return (
            f"{name}: {-self.change(name):.1%} fewer instructions than recorded."
            f" To keep it so, record it: {UPDATE}"
        )

    def _other_versions(self) -> Iterator[str]:
        names = dict.fromkeys((*self.recorded.versions, *self.now.versions))
        pairs = (
            (name, self.now.versions.get(name), self.recorded.versions.get(name)) for name in names
        )
        others = [f"{name} {now} (recorded: {then})" for name, now, then in pairs if now != then]
        if others:
            yield f"Other versions than recorded, which may be the reason: {', '.join(others)}."
