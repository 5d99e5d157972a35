"""A table, as plain text and for the documentation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """Cells as text; the first row is the header, the first column names the rows."""

    title: str
    rows: Sequence[Sequence[str]]

    def text(self) -> str:
        """For a terminal: columns as wide as they need to be."""
        widths = [
            max(map(len, column)) for column in zip(*map(_without_quotes, self.rows), strict=True)
        ]
        lines = [self.title]
        for name, *cells in map(_without_quotes, self.rows):
            first = f"  {name:<{widths[0]}}"
            rest = (f"  {cell:>{width}}" for cell, width in zip(cells, widths[1:], strict=True))
            lines.append((first + "".join(rest)).rstrip())
        return "\n".join(lines)

    def rst(self) -> str:
        """A ``list-table``."""
        start = f".. list-table:: {self.title}\n   :header-rows: 1\n   :stub-columns: 1\n\n"
        return start + "".join(
            f"   {' ' if number else '*'} - {cell}".rstrip() + "\n"
            for row in self.rows
            for number, cell in enumerate(row)
        )


def _without_quotes(row: Sequence[str]) -> list[str]:
    return [cell.replace("``", "") for cell in row]


def number(value: float | None) -> str:
    """Three digits where there are that many; nothing for None."""
    if value is None:
        return ""
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def size_name(size: int) -> str:
    """Such as ``200 B`` and ``16 KiB``."""
    for unit, name in ((1024 * 1024, "MiB"), (1024, "KiB")):
        if size >= unit and size % unit == 0:
            return f"{size // unit} {name}"
    return f"{size} B"
