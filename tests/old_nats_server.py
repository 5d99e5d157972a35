"""The executable of an old nats-server: the one of Debian 12, or what NATS_SERVER_OLD names."""

from __future__ import annotations

import os
import subprocess
import tempfile
from functools import cache
from pathlib import Path

OLD = "2.9"
_SECONDS = 60.0
_CACHE = "opentelemetry-instrumentation-nats-payload"


class OldServerUnavailableError(Exception):
    """There is no old nats-server on this machine; the message says why."""


@cache
def old_server() -> str:
    """The path of a nats-server 2.9, fetched once per user.

    Raises:
        OldServerUnavailableError: the machine has no apt-get, no network, or another version.
    """
    try:
        return _checked(os.environ.get("NATS_SERVER_OLD") or _cached())
    except (OSError, subprocess.SubprocessError) as error:
        raise OldServerUnavailableError(str(error)) from error


def _cached() -> str:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    directory = Path(base) / _CACHE
    path = directory / f"nats-server-{OLD}"
    if not path.exists():
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=directory) as own:
            # A rename: test runs that fetch at the same time only ever see a whole file.
            Path(_checked(_fetched(Path(own)))).replace(path)
    return str(path)


def _fetched(directory: Path) -> str:
    _output("apt-get", "download", "nats-server", cwd=directory)
    for package in directory.glob("*.deb"):
        _output("dpkg", "-x", package.name, "unpacked", cwd=directory)
    return str(directory / "unpacked/usr/sbin/nats-server")


def _checked(executable: str) -> str:
    version = _output(executable, "--version").partition("\n")[0]
    if not version.startswith(f"nats-server: v{OLD}."):
        raise OldServerUnavailableError(f"{executable} is not version {OLD}, but {version!r}")
    return executable


def _output(*command: str, cwd: Path | None = None) -> str:
    with tempfile.TemporaryFile("w+") as output:  # no pipe, which what it started could hold
        done = subprocess.run(
            command,
            check=False,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            timeout=_SECONDS,
        )
        output.seek(0)
        text = output.read()
    if done.returncode:
        last_line = text.strip().rpartition("\n")[2]
        raise OldServerUnavailableError(f"{' '.join(command)}: {last_line}")
    return text
