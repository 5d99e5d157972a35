"""The record of what was measured, and the page that is made of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .report import Report

Record = dict[str, Any]

NAME = "reliability"
_HEADER = ".. Written by python -m tests.soak, from reliability.json.\n"
_QUICK = "**A quick run, to try it out: no figures to rely on.**"


def entry(title: str, report: Report, **facts: Any) -> Record:
    """What the record says of one part."""
    return {
        "title": title,
        **facts,
        "has_passed": report.has_passed,
        "claims": [asdict(claim) for claim in report.claims],
        "notes": report.notes,
        "tables": [asdict(table) for table in report.tables],
        "figures": report.figures,
    }


def update(directory: Path, name: str, value: Record, order: Sequence[str]) -> None:
    """Put a part into the record, in place of what was said of it before, and write the page."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{NAME}.json"
    record: Record = json.loads(path.read_text()) if path.exists() else {}
    record[name] = value
    record = {part: record[part] for part in order if part in record}
    path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    (directory / f"{NAME}.rst").write_text(page(record), encoding="utf-8")


def page(record: Record) -> str:
    """The generated part of the page."""
    blocks = [_HEADER, "\n".join(_summary(record))]
    shown: dict[str, str] | None = None
    for value in record.values():
        if value["machine"] != shown:
            shown = value["machine"]
            blocks.append("\n".join(_machine(value["machine"])))
        blocks.append("\n".join(_part(value)))
    return "\n\n".join(block.strip() for block in blocks) + "\n"


def _summary(record: Record) -> Iterator[str]:
    busy = max((part.get("busy_before", 0.0) for part in record.values()), default=0.0)
    yield f"Before it began, other processes used {busy:.0%} of the machine."
    yield ""
    counts = {part["title"]: _counts(part) for part in record.values()}
    rows = {**counts, "All of it": [sum(column) for column in zip(*counts.values(), strict=True)]}
    cells = [[title, *(f"{number:,.0f}" for number in row)] for title, row in rows.items()]
    yield from _table("The parts", [["", "seconds", "statements", "of which hold"], *cells])


def _counts(part: Record) -> list[float]:
    holds = [claim["holds"] for claim in part["claims"]]
    return [part["seconds"], len(holds), sum(holds)]


def _machine(machine: dict[str, str]) -> Iterator[str]:
    yield from _table("The machine", [["", "version, or kind"], *map(list, machine.items())])


def _part(value: Record) -> Iterator[str]:
    yield value["title"]
    yield "~" * len(value["title"])
    yield ""
    yield f"{value['date']}, in {value['seconds']:.0f} s, by ``{value['command']}``."
    yield ""
    if value["is_quick"]:
        yield from (_QUICK, "")
    for note in value["notes"]:
        yield from (note, "")
    for table in value["tables"]:
        yield from (*_table(table["title"], table["rows"]), "")
    for claim in value["claims"]:
        yield f"- {'yes' if claim['holds'] else '**no**'}: {claim['text']}"
    yield ""


def _table(title: str, rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f".. list-table:: {title}"
    yield from ("   :header-rows: 1", "   :stub-columns: 1", "")
    for row in rows:
        for number, cell in enumerate(row):
            yield f"   {' ' if number else '*'} - {cell}".rstrip()
