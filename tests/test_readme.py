"""README.rst: what comes first, and that it stays short."""

from __future__ import annotations

import ast
import re
from pathlib import Path

_ROOT = Path(__file__).parents[1]
_README = (_ROOT / "README.rst").read_text()


def test_the_commands_stand_at_the_top() -> None:
    """The first thing a reader sees is how to see it work."""
    commands = re.findall(r"^    (python -m pip install tox .*)$", _README, re.MULTILINE)
    assert commands[:2] == [
        "python -m pip install tox && python -m tox -e demo",
        "python -m pip install tox && python -m tox",
    ]
    assert _README.index(commands[1]) < 400


def test_it_is_short() -> None:
    """What is more than a first look stands in docs/."""
    assert _README.count("\n") <= 130


def test_it_leads_to_every_page() -> None:
    """Each page of the documentation, save its table of contents."""
    pages = {f"docs/{path.name}" for path in (_ROOT / "docs").glob("*.rst")}
    named = set(re.findall(r"<(docs/[\w-]+\.rst)>", _README))
    assert named == pages - {"docs/index.rst"}


def test_every_path_that_it_names_exists() -> None:
    """As a link, or in the text."""
    links = re.findall(r"<([\w./-]+)>`_", _README)
    texts = re.findall(r"``?((?:docs|examples|tests|src)/[\w./-]+)", _README)
    paths = {*links, *texts} - {"docs/_build/html"}
    assert [path for path in sorted(paths) if not (_ROOT / path).exists()] == []
    assert len(paths) > 10


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
