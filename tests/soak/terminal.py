"""What a part found, on a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .page import Record


def printed(value: Record) -> str:
    """The same on a terminal."""
    lines = [f"\n{value['title']}: {value['seconds']:.0f} s"]
    lines += value["notes"]
    for table in value["tables"]:
        lines += ["", table["title"], *_aligned(table["rows"])]
    lines.append("")
    lines += [f"  {'yes' if c['holds'] else 'NO '}  {c['text']}" for c in value["claims"]]
    return "\n".join(lines)


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.rjust(width) for cell, width in zip(row, widths, strict=True)]
        cells[0] = row[0].ljust(widths[0])
        yield "  " + "  ".join(cells)
