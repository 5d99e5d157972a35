"""The demo keeps its promise: every trace whole with the plugin, none without it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from waterfall_page import facts, label, read, rows

_REPOSITORY = Path(__file__).parents[1]

# Of one market message: signals go to two services, the six execution events into a stream; the
# data manager stores all nine, and so does the audit store, which publishes an event for each.
_SPANS_PER_TRACE = {"publish": 18, "process": 16, "fetch": 6, "store": 9}
_AUDITED = 20 * 9

# A line of the tree: service, name, kind and duration.
_PRINTED = re.compile(r"^[ │├└─]+(\S+)  (.+)  (\w+) (\S+ ms)$", re.MULTILINE)


def _run(tmp_path: Path, *options: str) -> tuple[dict[str, Any], str]:
    """The summary that was written, and what was printed."""
    summary = tmp_path / "summary.json"
    arguments = ["--messages", "20", "--json", str(summary), *options]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("OTEL_")}
    done = subprocess.run(
        [sys.executable, "-m", "examples.trading_pipeline", *arguments],
        cwd=_REPOSITORY,
        env={**environment, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(summary.read_text()), done.stdout


@pytest.mark.timeout(120)
def test_every_trace_is_complete_with_the_plugin(tmp_path: Path) -> None:
    """One root, no orphan and all six services in each of the traces; every row is stored."""
    summary, printed = _run(tmp_path)
    assert (summary["complete"], summary["traces"], summary["faults"]) == (20, 20, {})
    assert summary["spans_per_trace"] == _SPANS_PER_TRACE
    assert summary["rows"] == summary["rows_expected"]
    assert summary["audit"] == {"rows": _AUDITED, "clean": _AUDITED, "in_trace": _AUDITED}
    assert printed.splitlines()[-2:] == [
        "audit_store: payloads as published 180 of 180, "
        "events in the trace of their message 180 of 180",
        "the trace as a page: --html FILE",
    ]


@pytest.mark.timeout(120)
def test_the_page_holds_the_trace_that_is_printed(tmp_path: Path) -> None:
    """The same spans in the same order, and of the process spans links to their messages."""
    path = tmp_path / "page.html"
    _, printed = _run(tmp_path, "--html", str(path))
    document = read(path.read_text("utf-8"))
    lines: list[tuple[str, ...]] = _PRINTED.findall(printed)
    assert len(lines) == sum(_SPANS_PER_TRACE.values())
    assert [label(row) for row in rows(document)] == lines
    assert document.one("h1").text == "Six services, one trace"
    assert f"trace {facts(rows(document)[0])['Trace id']}\n" in printed
    linked = [row for row in rows(document) if row.all("span", "links")]
    assert len(linked) == _SPANS_PER_TRACE["process"] + _SPANS_PER_TRACE["fetch"]
    assert printed.splitlines()[-1] == f"the trace as a page: {path}"


@pytest.mark.timeout(120)
def test_no_trace_is_complete_without_the_plugin(tmp_path: Path) -> None:
    """The same services, the same messages: 0 of 20; and every row is stored as well."""
    path = tmp_path / "page.html"
    summary, _ = _run(tmp_path, "--without-plugin", "--html", str(path))
    assert summary["complete"] == 0
    assert summary["spans_per_trace"] == {"store": 1}
    assert summary["rows"] == summary["rows_expected"]
    assert summary["audit"] == {"rows": _AUDITED, "clean": _AUDITED, "in_trace": 0}
    assert [label(row)[0] for row in rows(read(path.read_text("utf-8")))] == ["data_manager"]
