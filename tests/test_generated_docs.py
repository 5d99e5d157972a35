"""The settings are documented from their one source: a table, and --help of the command line."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

from options import VARIABLES

_ROOT = Path(__file__).parents[1]


def _generator() -> ModuleType:
    """The script that writes the table."""
    path = _ROOT / "docs" / "generate_settings.py"
    spec = importlib.util.spec_from_file_location("generate_settings", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_of_settings_is_generated() -> None:
    """If this fails: python docs/generate_settings.py."""
    generator = _generator()
    assert generator.TABLE == _ROOT / "docs" / "generated" / "settings.rst"
    assert generator.TABLE.read_text() == generator.table()


def test_the_command_line_has_a_flag_for_every_setting() -> None:
    """opentelemetry-instrument --help, as it is installed."""
    command = Path(sys.executable).with_name("opentelemetry-instrument")
    done = subprocess.run([command, "--help"], capture_output=True, text=True, check=True)
    flags = {f"--{name.removeprefix('OTEL_PYTHON_').lower()}" for name in VARIABLES.values()}
    assert [flag for flag in sorted(flags) if f"{flag} " not in done.stdout] == []
