"""Instructions that Python modules take, counted by valgrind's callgrind."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

_MARK = "getpriority"
"""The function of the C library whose call makes callgrind write down what it has counted."""

_OUT = "callgrind.out"
_TIMEOUT = 900
_PASSED_ON = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "TMPDIR")
_PART = re.compile(r"^part: (\d+)$", re.MULTILINE)
_TOTAL = re.compile(r"^(?:summary|totals): (\d+)$", re.MULTILINE)
_SHOWN_LINES = 15


class CallgrindError(Exception):
    """It is missing, or what it ran has failed."""


def count(arguments: Mapping[str, Sequence[str]], calls: int) -> dict[str, list[int]]:
    """Instructions of a call, for each stretch between two marks, by the name of the run.

    Args:
        arguments: What ``python`` is started with, by name. All of them run at once.
        calls: How many of them are between two marks.
    """
    executable = shutil.which("valgrind")
    if executable is None:
        raise CallgrindError("valgrind is missing: apt-get install valgrind, or your system's way")
    with TemporaryDirectory(prefix="callgrind-") as directory:
        runs = [_Run(name, Path(directory, str(n))) for n, name in enumerate(arguments)]
        try:
            for run in runs:
                run.start(executable, arguments[run.name])
            return {run.name: [total // calls for total in run.totals()] for run in runs}
        finally:
            for run in runs:
                run.stop()


class _Run:
    """A Python under callgrind, and a directory of its own."""

    def __init__(self, name: str, directory: Path) -> None:
        directory.mkdir()
        self.name = name
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, valgrind: str, arguments: Sequence[str]) -> None:
        """Without waiting."""
        command = [valgrind, "--tool=callgrind", f"--dump-before={_MARK}"]
        command += [f"--callgrind-out-file={self._directory / _OUT}", sys.executable, *arguments]
        with (self._directory / "output").open("wb") as output:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=_environment(),
            )

    def totals(self) -> list[int]:
        """Of every stretch between two marks, once the run is over."""
        assert self._process is not None
        try:
            status = self._process.wait(_TIMEOUT)
        except subprocess.TimeoutExpired:
            status = None
        if status != 0:
            end = "did not end" if status is None else f"ended with {status}"
            lines = (self._directory / "output").read_text(errors="replace").splitlines()
            shown = "\n".join(lines[-_SHOWN_LINES:])
            raise CallgrindError(f"{self.name} {end} under callgrind:\n{shown}")
        return between_marks(path.read_text() for path in self._directory.glob(f"{_OUT}*"))

    def stop(self) -> None:
        """If it still runs."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()


def _environment() -> dict[str, str]:
    """The same hashes each time, and nothing that changes what the packages do."""
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return {**passed_on, "PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8"}


def between_marks(dumps: Iterable[str]) -> list[int]:
    """The totals of every second part: a stretch begins with one mark, and ends with the next.

    Args:
        dumps: The texts of callgrind's files, in any order.
    """
    totals: dict[int, int] = {}
    for dump in dumps:
        part, total = _PART.search(dump), _TOTAL.search(dump)
        if part is not None and total is not None:
            totals[int(part[1])] = int(total[1])
    return [totals[part] for part in sorted(totals) if part % 2 == 0]
