"""Every function of ours raises in turn, in everything that the application of the tests does."""

from __future__ import annotations

import os
import re
import subprocess
from typing import Any

from tests.faults import breakable

from .pytest_runs import run_pytest
from .report import Report, Scale

_OURS = "test_fault_injection.py"
_CLAIMS = {
    _OURS: "whichever function of ours raises, the application sees what it sees without us, and "
    "there is one warning of a kind",
    "test_fault_injection_sdk.py": "whichever part of the SDK raises, or a hook, the message "
    "flows, and the failure is counted",
}
_EVERYWHERE = "FAULTS_EVERYWHERE"
_SECONDS = 300.0
_OUTCOME = re.compile(r"(\d+) (passed|failed|error)")
_TAIL = 6000


def raise_everywhere(scale: Scale) -> Report:
    """The whole part; a quick run does less of what the application does."""
    report = Report()
    rows: list[list[Any]] = [["", "functions of ours", "tests", "failed"]]
    for name, claim in _CLAIMS.items():
        done = _tested(name, {} if scale.is_quick else {_EVERYWHERE: "1"})
        counts = {word: int(count) for count, word in _OUTCOME.findall(done.stdout[-_TAIL:])}
        failed = counts.get("failed", 0) + counts.get("error", 0)
        functions = len(breakable()) if name == _OURS else "none"
        rows.append([f"``tests/{name}``", functions, counts.get("passed", 0), failed])
        has_passed = done.returncode == 0 and "passed" in counts and not failed
        report.claim(claim, has_passed)
        report.figures[name] = "" if has_passed else done.stdout[-_TAIL:]
    report.table("What raises", *rows)
    return report


def _tested(name: str, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    known = {k: v for k, v in os.environ.items() if k != _EVERYWHERE}
    return run_pytest(*("-n", "2", f"tests/{name}"), timeout=_SECONDS, environ={**known, **environ})
