"""Writes the table of settings, generated/settings.rst: ``python docs/generate_settings.py``.

Names, variables, defaults and descriptions stand once, in the settings dataclass of the package.
"""

from __future__ import annotations

import textwrap
from dataclasses import Field, fields
from pathlib import Path
from typing import Any

from opentelemetry_instrumentation_nats_payload._settings import Settings

TABLE = Path(__file__).with_name("generated") / "settings.rst"
_START = ".. list-table::\n   :header-rows: 1\n   :widths: 40 20 40\n"
_WIDTH = 100


def table() -> str:
    """The table, as reStructuredText."""
    rows = [("Variable", "Default", "Meaning"), *map(_row, fields(Settings))]
    return f"{_START}\n" + "".join(map(_rendered, rows))


def _row(setting: Field[Any]) -> tuple[str, str, str]:
    variable: str = setting.metadata["variable"]
    description: str = setting.metadata["description"]
    return f"``{variable}``", _default(setting.default), description


def _default(value: object) -> str:
    if isinstance(value, tuple):
        value = ",".join(map(str, value))  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    if isinstance(value, bool):
        value = str(value).lower()
    return f"``{value}``" if value != "" else ""


def _rendered(row: tuple[str, str, str]) -> str:
    lines: list[str] = []
    for number, cell in enumerate(row):
        wrapped = textwrap.wrap(cell, _WIDTH - 7, break_on_hyphens=False) or [""]
        start = "   * - " if number == 0 else "     - "
        lines.append((start + wrapped[0]).rstrip())
        lines += [f"       {line}" for line in wrapped[1:]]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the table."""
    TABLE.parent.mkdir(exist_ok=True)
    TABLE.write_text(table())


if __name__ == "__main__":
    main()
