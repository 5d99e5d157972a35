"""The property tests for far longer: ``python -m tests.soak.properties 300``.

One round of a hundred examples each says how long they take, the next ones fill the time.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

from .pytest_runs import run_pytest

_TESTS = Path(__file__).resolve().parents[1]
_VARIABLE = "SOAK_EXAMPLES"
_FIRST = 100
_MARGIN = 0.8
"""Of the time, because examples get slower where hypothesis looks for what is rare."""

_GRACE = 300.0
_COUNTS = re.compile(r"(\d+) passing(?: examples)?, (\d+) failing(?: examples)?,? ")
_OUTCOME = re.compile(r"(\d+) (passed|failed|error)")
_TAIL = 6000


@dataclass(frozen=True)
class Tested:
    """What came of a run."""

    seconds: float
    tests: int
    """Property tests."""

    examples: int
    """That passed, of all the tests together."""

    failed: int
    output: str
    """The end of what pytest wrote, if something failed; the examples are in it."""

    @property
    def has_passed(self) -> bool:
        """Whether everything passed, and examples were tried."""
        return self.examples > 0 and not self.failed and not self.output


def run(seconds: float) -> Tested:
    """Every property test, in about so much time."""
    examples, total = _FIRST, _round(_FIRST, seconds)
    cost = total.seconds / examples
    while total.has_passed and (seconds - total.seconds) * _MARGIN >= cost * _FIRST:
        examples = int((seconds - total.seconds) * _MARGIN / cost)
        last = _round(examples, seconds)
        cost = last.seconds / examples
        total = replace(
            last, seconds=total.seconds + last.seconds, examples=total.examples + last.examples
        )
    return total


def _files() -> list[str]:
    return [
        str(path) for path in sorted(_TESTS.glob("test_*.py")) if "@PROPERTY" in path.read_text()
    ]


def _round(examples: int, seconds: float) -> Tested:
    # Continuous integration would make hypothesis try the same examples each time.
    environ = {k: v for k, v in os.environ.items() if k not in ("CI", "GITHUB_ACTIONS")}
    start = time.monotonic()
    done = run_pytest(
        *_files(),
        *("-m", "hypothesis", "--hypothesis-show-statistics"),
        f"--timeout={seconds + _GRACE:.0f}",
        timeout=seconds + 2 * _GRACE,
        environ={**environ, _VARIABLE: str(examples)},
    )
    return _tested(time.monotonic() - start, done)


def _tested(seconds: float, done: subprocess.CompletedProcess[str]) -> Tested:
    outcomes = {word: int(count) for count, word in _OUTCOME.findall(done.stdout[-_TAIL:])}
    failed = outcomes.get("failed", 0) + outcomes.get("error", 0)
    examples = sum(int(passing) for passing, _ in _COUNTS.findall(done.stdout))
    output = done.stdout[-_TAIL:] if done.returncode else ""
    return Tested(seconds, outcomes.get("passed", 0), examples, failed, output)


if __name__ == "__main__":
    print(run(float(sys.argv[1])))  # noqa: T201
