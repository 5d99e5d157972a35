"""README.rst says what the code does."""

from __future__ import annotations

import ast
import re
import textwrap
from dataclasses import fields
from pathlib import Path

import pytest

import opentelemetry_instrumentation_nats_payload as package
from opentelemetry_instrumentation_nats_payload._guard import logger
from opentelemetry_instrumentation_nats_payload._settings import Settings

_ROOT = Path(__file__).parents[1]
_README = (_ROOT / "README.rst").read_text()


def _rows() -> dict[str, tuple[str, str]]:
    """Default and meaning of each variable in the table of settings."""
    row = re.compile(r"   \* - ``(OTEL_\w+)``\n     -(.*)\n     - ((?:.*\n)(?:       .*\n)*)")
    return {name: (default.strip(), text) for name, default, text in row.findall(_README)}


def _as_text(value: str | int) -> str:
    """The value as one would write it in the variable."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def test_the_commands_stand_at_the_top() -> None:
    """The first thing a reader sees is how to see it work."""
    commands = re.findall(r"^    (python -m pip install tox .*)$", _README, re.MULTILINE)
    assert commands[:2] == [
        "python -m pip install tox && python -m tox -e demo",
        "python -m pip install tox && python -m tox",
    ]
    assert _README.index(commands[1]) < 400


def test_every_setting_is_in_the_table_with_its_default() -> None:
    """The table and the settings are the same."""
    defaults: dict[str, str] = {}
    for setting in fields(Settings):
        default = getattr(Settings(), setting.name)
        texts = (_as_text(default),) if isinstance(default, str | int) else default
        defaults[setting.metadata["variable"]] = ", ".join(f"``{text}``" for text in texts)
    assert {name: default for name, (default, _) in _rows().items()} == defaults


def test_the_table_says_of_every_setting_what_the_code_says() -> None:
    """Word for word, wherever the lines end."""
    meanings = {name: " ".join(text.split()) for name, (_, text) in _rows().items()}
    described = {s.metadata["variable"]: s.metadata["description"] for s in fields(Settings)}
    assert meanings == described


def test_the_choices_of_every_setting_are_named() -> None:
    """A setting with a closed list of values says them all."""
    for setting in fields(Settings):
        accepted = setting.metadata["accepted"].description
        if " | " in accepted:
            text = _rows()[setting.metadata["variable"]][1]
            assert all(f"``{choice}``" in text for choice in accepted.split(" | "))


@pytest.mark.parametrize("name", sorted(set(package.__all__) - {"__version__"}))
def test_every_public_function_and_class_is_documented(name: str) -> None:
    """Each public name has a docstring, and those that are called are in the README.

    What is called by us is there by the name of its argument: ``publish_hook`` for PublishHook.
    """
    public = getattr(package, name)
    assert public.__doc__
    if getattr(public, "_is_protocol", False):
        argument = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
        assert f"``{argument}" in _README
    elif not name.endswith("Details"):
        assert name in _README


def test_the_logger_is_named() -> None:
    """Troubleshooting names the one logger."""
    assert f"``{logger.name}``" in _README


def test_the_python_examples_are_python() -> None:
    """Every code block parses."""
    blocks = re.findall(r"\.\. code-block:: python\n\n((?:    .*\n|\n)+)", _README)
    assert len(blocks) == 5
    for block in blocks:
        code = textwrap.dedent(block)
        ast.parse("async def example():\n" + textwrap.indent(code, "    "))


def test_nothing_is_longer_than_we_like_to_live_in() -> None:
    """No module over 300 lines, no function over 40 without its docstring."""
    for path in (_ROOT / "src").rglob("*.py"):
        source = path.read_text()
        assert source.count("\n") <= 300, path
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                docstring = ast.get_docstring(node, clean=False) or ""
                lines = (node.end_lineno or 0) - node.lineno + 1 - len(docstring.splitlines())
                assert lines <= 40, f"{path}:{node.lineno}"
