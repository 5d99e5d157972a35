"""What goes into the documentation: files in ``docs/generated``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import machine
from .tables import Table

_JSON = "performance.json"


@dataclass(frozen=True)
class Part:
    """One subject of the measurement."""

    name: str
    tables: Mapping[str, Sequence[Table]]
    """By the name of their file, without its suffix."""

    values: object
    """For JSON."""

    pictures: Mapping[str, str] = field(default_factory=dict[str, str])
    """SVG, by the name of its file, without its suffix."""

    def text(self) -> str:
        """For a terminal."""
        return "\n\n".join(table.text() for tables in self.tables.values() for table in tables)


def write(directory: Path, part: Part, command: str) -> None:
    """Write the files of ``part``; each says when and where it was measured."""
    directory.mkdir(parents=True, exist_ok=True)
    facts = machine.description()
    first = f".. Written by {command} --rst DIRECTORY.\n\n"
    for name, tables in part.tables.items():
        text = "\n".join(table.rst() for table in tables)
        _write(directory / f"{name}.rst", f"{first}{text}\n{machine.as_rst(facts)}")
    for name, picture in part.pictures.items():
        _write(directory / f"{name}.svg", picture)
    path = directory / _JSON
    values: dict[str, Any] = {}
    if path.exists():
        values = json.loads(path.read_text(encoding="utf-8"))
    values[part.name] = {"measured": facts, "values": part.values}
    _write(path, as_json(values))


def as_json(values: object) -> str:
    """Three decimals are enough, and keep changes small."""
    rounded = json.loads(json.dumps(values), parse_float=lambda text: round(float(text), 3))
    return json.dumps(rounded, indent=1, sort_keys=True) + "\n"


def run_alone(name: str, description: str | None, measure: Callable[[bool], Part]) -> None:
    """The command of one part: measure, print, and write where that is asked for."""
    command = f"python -m benchmarks.{name}"
    parser = argparse.ArgumentParser(prog=command, description=description)
    add_output(parser)
    options = parser.parse_args()
    part = measure(options.quick)
    print(part.text())
    if options.rst:
        write(options.rst, part, command)
    if options.json:
        _write(options.json, as_json(part.values))


def add_output(parser: argparse.ArgumentParser) -> None:
    """The options that every command has."""
    parser.add_argument("--quick", action="store_true", help="less of all; to see that it works")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the results too")
    parser.add_argument(
        "--rst", type=Path, metavar="DIRECTORY", help="where to write the parts of the page"
    )


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
