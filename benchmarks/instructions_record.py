"""Counts of instructions beside those that were recorded."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from .tables import Table

LIMIT = 0.05
"""By how much an operation may rise."""

UPDATE = "python -m tox -e instructions -- --update"


class Count(NamedTuple):
    """Instructions of one call."""

    instructions: int
    reference: int
    """Of what does the same without us, and is as much the work of Python and other packages."""


@dataclass(frozen=True)
class Counts:
    """What was counted, by operation."""

    operations: Mapping[str, Count]
    versions: Mapping[str, str]
    """Of Python and of the packages with which they were counted."""

    @classmethod
    def load(cls, path: Path) -> Counts:
        """What :meth:`save` has written."""
        values = json.loads(path.read_text(encoding="utf-8"))
        operations = {name: Count(**count) for name, count in values["operations"].items()}
        return cls(operations, values["versions"])

    def save(self, path: Path) -> None:
        """As JSON, for a difference that can be read."""
        path.write_text(json.dumps(self.as_json(), indent=2) + "\n", encoding="utf-8")

    def as_json(self) -> dict[str, object]:
        """The counts as values."""
        operations = {name: count._asdict() for name, count in self.operations.items()}
        return {"operations": operations, "versions": dict(self.versions)}


@dataclass(frozen=True)
class Comparison:
    """Counts of now, and the recorded ones.

    Another build of Python takes more or fewer instructions for the same, and so does another
    release of nats-py or of the SDK: what is compared is how many times its reference an operation
    is.
    """

    now: Counts
    recorded: Counts

    def expected(self, operation: str) -> int:
        """What was recorded of ``operation``, as this Python and these packages would take it."""
        recorded, now = self.recorded.operations[operation], self.now.operations[operation]
        return round(recorded.instructions * now.reference / recorded.reference)

    def change(self, operation: str) -> float:
        """By how much ``operation`` has risen: 0.01 for 1 %."""
        return self.now.operations[operation].instructions / self.expected(operation) - 1

    def failures(self) -> list[str]:
        """What is wrong, one line each; empty if all is well."""
        risen = [name for name in self._both() if self.change(name) > LIMIT]
        return [*map(self._risen, risen), *self._missing()]

    def notes(self) -> list[str]:
        """What a reader should know besides, one line each."""
        fallen = [name for name in self._both() if self.change(name) < -LIMIT]
        return [*self._other_versions(), *map(self._fallen, fallen)]

    def table(self) -> Table:
        """Every recorded operation; the recorded count as it was, and as it would be now."""
        rows = [("", "now", "recorded", "expected", "change")]
        for name in self._both():
            counts = self.now.operations[name], self.recorded.operations[name]
            now, recorded = (f"{count.instructions:,}" for count in counts)
            change = f"{self.change(name):+.1%}"
            rows.append((name, now, recorded, f"{self.expected(name):,}", change))
        return Table("Instructions of one call", rows)

    def _both(self) -> list[str]:
        return [name for name in self.recorded.operations if name in self.now.operations]

    def _missing(self) -> Iterator[str]:
        for name in self.recorded.operations.keys() - self.now.operations.keys():
            yield f"{name}: recorded, but not counted."
        for name in self.now.operations.keys() - self.recorded.operations.keys():
            yield f"{name}: counted, but not recorded."

    def _risen(self, name: str) -> str:
        return (
            f"{name}: {self.now.operations[name].instructions:,} instructions,"
            f" {self.change(name):.1%} more than expected: {self.expected(name):,},"
            f" recorded {self.recorded.operations[name].instructions:,};"
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
