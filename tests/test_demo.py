"""The demo keeps its promise: every trace whole with the plugin, none without it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

_REPOSITORY = Path(__file__).parents[1]

# Of one market message: signals go to two services, the six execution events into a stream, and
# the data manager stores all nine.
_SPANS_PER_TRACE = {"publish": 9, "process": 7, "fetch": 6, "store": 9}


def _run(tmp_path: Path, *options: str) -> dict[str, Any]:
    summary = tmp_path / "summary.json"
    arguments = ["--messages", "20", "--json", str(summary), *options]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("OTEL_")}
    done = subprocess.run(
        [sys.executable, "-m", "examples.trading_pipeline", *arguments],
        cwd=_REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(summary.read_text())


@pytest.mark.timeout(120)
def test_every_trace_is_complete_with_the_plugin(tmp_path: Path) -> None:
    """One root, no orphan and all five services in each of the traces; every row is stored."""
    summary = _run(tmp_path)
    assert (summary["complete"], summary["traces"], summary["faults"]) == (20, 20, {})
    assert summary["spans_per_trace"] == _SPANS_PER_TRACE
    assert summary["rows"] == summary["rows_expected"]


@pytest.mark.timeout(120)
def test_no_trace_is_complete_without_the_plugin(tmp_path: Path) -> None:
    """The same services, the same messages: 0 of 20; and every row is stored as well."""
    summary = _run(tmp_path, "--without-plugin")
    assert summary["complete"] == 0
    assert summary["spans_per_trace"] == {"store": 1}
    assert summary["rows"] == summary["rows_expected"]
