"""pytest in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]


def run_pytest(
    *arguments: str, timeout: float, environ: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """What came of it, with its messages in ``stdout``.

    Args:
        arguments: of pytest; files are below the repository.
        timeout: seconds, after which it is killed.
        environ: all of its environment.

    Raises:
        subprocess.TimeoutExpired: it took longer.
    """
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=timeout,
        cwd=_ROOT,
        env=dict(environ),
    )
