"""Beside its work the package does nothing: no file, socket, process or thread, no global state."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import side_effects

_TESTS = Path(__file__).parent
_SOURCE = _TESTS.parent / "src" / side_effects.PACKAGE
_MODULES = sorted(_SOURCE.rglob("*.py"))
_DEFINITIONS = (
    ast.AnnAssign, ast.Assign, ast.AsyncFunctionDef, ast.ClassDef, ast.FunctionDef, ast.Import,
    ast.ImportFrom,
)  # fmt: skip


def _run(*arguments: str) -> dict[str, Any]:
    """What ``tests/side_effects.py`` says, in a process of its own."""
    command = [sys.executable, str(Path(side_effects.__file__)), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=25, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _statements(body: list[ast.stmt]) -> list[ast.stmt]:
    """The statements that run at import, those of ``if`` and ``try`` instead of these."""
    found: list[ast.stmt] = []
    for node in body:
        if isinstance(node, ast.If):
            found += _statements([*node.body, *node.orelse])
        elif isinstance(node, ast.Try):
            handlers = [line for handler in node.handlers for line in handler.body]
            found += _statements([*node.body, *handlers, *node.orelse, *node.finalbody])
        else:
            found.append(node)
    return found


def _others() -> list[str]:
    """The modules of other packages that modules of this one import first thing, without nats."""
    names: set[str] = set()
    for path in _SOURCE.glob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ImportFrom) and not node.level:
                names.add(node.module or "")
            elif isinstance(node, ast.Import):
                names.update(alias.name for alias in node.names)
    return sorted(name for name in names if name.partition(".")[0] != "nats")


def test_modules_define_and_do_nothing_else() -> None:
    """No call, loop or deletion stands on its own at the top of a module."""
    assert len(_MODULES) > 60
    for path in _MODULES:
        for node in _statements(ast.parse(path.read_text()).body):
            text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            assert text or isinstance(node, _DEFINITIONS), f"{path.name}:{node.lineno}"


def test_an_import_loads_neither_nats_nor_the_sdk() -> None:
    """A service that does not use them does not pay for them."""
    assert _run("import")["loaded"] == []


def test_instrumenting_loads_only_what_is_needed() -> None:
    """Not the console command, nor what few settings or machines need."""
    loaded = set(_run("instrument")["loaded"])
    assert loaded - {"opentelemetry._logs"} == {"nats", "opentelemetry.sdk"}  # an SDK may have it


def test_what_a_setting_needs_is_loaded_by_instrumenting(monkeypatch: pytest.MonkeyPatch) -> None:
    """And not when the first exception is to be recorded."""
    monkeypatch.setenv("OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN", "logs")
    assert "opentelemetry._logs" in _run("instrument")["loaded"]


def test_the_first_messages_import_nothing(server: str) -> None:
    """None waits for the import of a module."""
    assert [name for name in _run("messages", server)["imported"] if _is_of_tracing(name)] == []


def _is_of_tracing(module: str) -> bool:
    return module.startswith(("msgspec", "opentelemetry", "wrapt"))


def test_an_import_has_no_effect() -> None:
    """But for Python's own reading of the modules; what the process shares stays as it was."""
    report = _run("import", *_others())
    assert report["seen"] == []
    assert report["changed"] == []


def test_instrumenting_has_no_effect_but_the_patches() -> None:
    """OpenTelemetry itself reads the metadata of installed packages, to compare versions."""
    report = _run("instrument")
    assert [event for event, who in report["seen"] if who == "ours"] == []
    assert report["changed"] == []


def test_messages_have_no_effect_beside_the_connection(server: str) -> None:
    """Published, requested, replied to, stored, fetched, processed: over nats-py's socket alone."""
    report = _run("messages", server)
    # asyncio writes with it from Python 3.12 on; what a socket is sent otherwise is no event.
    assert [event for event, _ in report["seen"] if event != "socket.sendmsg"] == []
    assert report["changed"] == []
