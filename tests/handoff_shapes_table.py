"""Every shape of a service, under every setting: the tables of the documentation.

``python tests/handoff_shapes_table.py`` runs them all and writes docs/generated/handoff.json, for
the Python that it runs on, and of that docs/generated/handoff.rst.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path

from conftest import Instrumentation
from handoff_shapes_count import Outcome
from handoff_shapes_list import SHAPES
from handoff_shapes_run import HAS_THREADING, MESSAGES, run
from nats_server import nats_server

FIELDS = ("refresh", "keep", "strip")
FOLLOWS = ("off", "message", "queue", "all")
PYTHONS = ("3.12 and later", "3.10 and 3.11")
PYTHON = PYTHONS[sys.version_info < (3, 12)]
"""What this one is: ``asyncio.wait_for`` runs a coroutine in a task of its own before 3.12."""

GENERATED = Path(__file__).parents[1] / "docs" / "generated"
DATA = GENERATED / "handoff.json"
DOCUMENT = GENERATED / "handoff.rst"

Results = dict[str, dict[str, str]]
"""By the title of a shape, and by :func:`settings`: an outcome, its numbers separated by spaces."""


def settings(field: str, follow: str) -> str:
    """Both settings as one text."""
    return f"{field}, {follow}"


def outcome_of(text: str) -> Outcome:
    """The outcome that a text of the results stands for."""
    return Outcome(*map(int, text.split()))


async def measure(url: str) -> Results:
    """Run all shapes under each pair of settings."""
    shapes = [shape for shape in SHAPES if HAS_THREADING or not shape.has_threading]
    results: Results = {shape.title: {} for shape in shapes}
    for field, follow in product(FIELDS, FOLLOWS):
        outcomes = await run(
            url, Instrumentation(), shapes, consumed_field=field, follow_handoff=follow
        )
        for title, outcome in outcomes.items():
            results[title][settings(field, follow)] = " ".join(map(str, outcome))
    return results


def stored() -> dict[str, Results]:
    """What was measured, by :data:`PYTHONS`."""
    return json.loads(DATA.read_text(encoding="utf-8")) if DATA.exists() else {}


def document(data: dict[str, Results]) -> str:
    """The tables of the documentation: all shapes, and what is different under ``strip``."""
    everything = list(_rows(data, "refresh"))
    assert everything == list(_rows(data, "keep"))
    stripped = [row for row in _rows(data, "strip") if row not in everything]
    return (
        ".. Written by python tests/handoff_shapes_table.py, which runs every shape.\n\n"
        + _table("``consumed_field`` is ``refresh`` or ``keep``", everything)
        + "\n"
        + _table("``strip``, where that makes a difference", stripped)
    )


def _rows(data: dict[str, Results], field: str) -> Iterator[list[str]]:
    newer, older = (data[python] for python in PYTHONS)
    for title, cells in newer.items():
        for follow in FOLLOWS[:2]:
            assert cells[settings(field, follow)] == older[title][settings(field, follow)], title
        both = [cells[settings(field, follow)] for follow in FOLLOWS]
        both += [older[title][settings(field, follow)] for follow in FOLLOWS[2:]]
        yield [title, *map(_cell, both)]


def _cell(text: str) -> str:
    outcome = outcome_of(text)
    return f"{outcome.whole}, {outcome.wrong} wrong" if outcome.wrong else str(outcome.whole)


def _table(title: str, rows: list[list[str]]) -> str:
    options = "   :header-rows: 1\n   :stub-columns: 1\n   :widths: 34 9 13 11 11 11 11\n"
    heads = [f"``{follow}``" for follow in FOLLOWS]
    heads += [f"``{follow}``, {PYTHONS[1]}" for follow in FOLLOWS[2:]]
    cells = [[f"Whole traces of {MESSAGES}", *heads], *rows]
    return f".. list-table:: {title}\n{options}\n" + "".join(
        f"   {' ' if number else '*'} - {cell}\n"
        for row in cells
        for number, cell in enumerate(row)
    )


def main() -> None:
    """Run everything on a server of its own, and write what came of it."""
    with tempfile.TemporaryDirectory() as directory, nats_server(Path(directory)) as url:
        data = {**stored(), PYTHON: asyncio.run(measure(url))}
    data = {python: data.get(python, data[PYTHON]) for python in PYTHONS}
    DATA.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    DOCUMENT.write_text(document(data), encoding="utf-8")


if __name__ == "__main__":
    main()
