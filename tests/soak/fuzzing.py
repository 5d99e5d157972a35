"""Coverage-guided runs of the codec, the carriers, the subjects and the settings, by atheris.

Each function runs one target in a process of its own, from corner cases on, and returns what it
did: ``python -m tests.soak.fuzzing 60`` runs all of them, 60 seconds each.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from .fuzz_seeds import dictionary, write_seeds

_HERE = Path(__file__).resolve().parent
_STATUS = re.compile(r"^#(\d+)\t(\w+)\s+cov: (\d+) ft: (\d+) corp: (\d+)/", re.MULTILINE)
_UNITS = re.compile(r"^stat::number_of_executed_units:\s*(\d+)", re.MULTILINE)
_MAX_SIZE = 6000
_GRACE = 120.0
_TAIL = 4000


@dataclass(frozen=True)
class Fuzzed:
    """What came of a run."""

    target: str
    seconds: float
    executions: int
    seeded_edges: int
    """Edges of our code, and of the parser that guides, that the corner cases reach."""

    edges: int
    features: int
    corpus: int
    """Inputs kept, because each reaches something that no other one does."""

    findings: tuple[bytes, ...]
    """Inputs that broke an invariant: the run ends with the first."""

    output: str
    """The end of what the target wrote, if it found something or did not run."""

    @property
    def has_passed(self) -> bool:
        """Whether it ran to its end, and nothing was found."""
        return self.executions > 0 and not self.findings and not self.output


def is_available() -> bool:
    """Whether atheris is installed: it has wheels for some interpreters only."""
    return find_spec("atheris") is not None


def run(target: str, seconds: float) -> Fuzzed:
    """One target for so long: ``codec``, ``carriers``, ``subjects`` or ``settings``."""
    with TemporaryDirectory() as name:
        directory = Path(name)
        corpus = directory / "corpus"
        corpus.mkdir()
        write_seeds(target, corpus)
        (directory / "words").write_text(dictionary(target))
        done = _start(target, directory, seconds)
        found = sorted(directory.glob("found-*"))
        return _figures(target, seconds, done, tuple(path.read_bytes() for path in found))


def _start(target: str, directory: Path, seconds: float) -> subprocess.CompletedProcess[str]:
    command = [
        *(sys.executable, str(_HERE / f"fuzz_{target}.py"), str(directory / "corpus")),
        *(f"-max_total_time={max(1, round(seconds))}", f"-max_len={_MAX_SIZE}", "-timeout=25"),
        *("-len_control=20", "-reload=0", "-print_final_stats=1", "-verbosity=1"),
        *(f"-dict={directory / 'words'}", f"-artifact_prefix={directory}/found-"),
    ]
    return subprocess.run(
        command,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=seconds + _GRACE,
        cwd=directory,
    )


def _figures(
    target: str,
    seconds: float,
    done: subprocess.CompletedProcess[str],
    findings: tuple[bytes, ...],
) -> Fuzzed:
    status = [match.groups() for match in _STATUS.finditer(done.stdout)]
    seeded = next((int(edges) for _, word, edges, *_ in status if word == "INITED"), 0)
    edges, features, corpus = map(int, status[-1][2:]) if status else (0, 0, 0)
    units = _UNITS.search(done.stdout)
    executions = int(units[1]) if units else int(status[-1][0]) if status else 0
    has_failed = done.returncode != 0 or bool(findings)
    output = done.stdout[-_TAIL:] if has_failed else ""
    return Fuzzed(target, seconds, executions, seeded, edges, features, corpus, findings, output)


def run_codec(seconds: float) -> Fuzzed:
    """Any bytes are a payload: found, filled and cut as the standard parser says, or untouched."""
    return run("codec", seconds)


def run_carriers(seconds: float) -> Fuzzed:
    """A message is published, consumed and published again, in any carrier and mode."""
    return run("carriers", seconds)


def run_subjects(seconds: float) -> Fuzzed:
    """Any text is a subject or a pattern."""
    return run("subjects", seconds)


def run_settings(seconds: float) -> Fuzzed:
    """Any text is the value of a variable, and many things are arguments."""
    return run("settings", seconds)


TARGETS: dict[str, Callable[[float], Fuzzed]] = {
    "codec": run_codec,
    "carriers": run_carriers,
    "subjects": run_subjects,
    "settings": run_settings,
}

if __name__ == "__main__":
    for chosen in TARGETS.values():
        result = chosen(float(sys.argv[1]))
        print(result)  # noqa: T201
        for finding in result.findings:
            print(repr(finding), result.output, sep="\n")  # noqa: T201
