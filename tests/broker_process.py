"""A nats-server that can be killed, and started again where it was."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from pathlib import Path
from urllib.parse import urlparse

from nats_server import _wait_until_ready, bundled_server

_SECONDS = 20.0


class Broker:
    """A nats-server with JetStream, whose port and streams outlive its process.

    Args:
        directory: an empty directory of its own.
        configuration: further lines of its configuration file.
        executable: the bundled one if not given.
    """

    def __init__(
        self, directory: Path, configuration: str = "", executable: str | None = None
    ) -> None:
        self._directory = directory
        self._executable = executable or bundled_server()
        self._process: subprocess.Popen[bytes] | None = None
        self._configuration = configuration
        self.url = "nats://127.0.0.1:-1"

    def start(self) -> None:
        """Start it, the first time on a free port; returns once it takes clients."""
        self._write_configuration()
        for ports in self._directory.glob("*.ports"):
            ports.unlink()
        command = [self._executable, "-c", str(self._directory / "nats-server.conf")]
        with (self._directory / "nats-server.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        self.url = _wait_until_ready(self._process, self._directory)

    async def restart(self) -> None:
        """Start it again, while the event loop goes on."""
        await asyncio.to_thread(self.start)

    def kill(self) -> None:
        """SIGKILL: it closes nothing and writes nothing."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Stop it, if it runs."""
        if self._process is not None:
            self._end(signal.SIGTERM)

    def enter_lame_duck_mode(self) -> None:
        """Tell it to take no more clients, and to part with those it has."""
        self._signal(signal.SIGUSR2)

    def reload(self, configuration: str) -> None:
        """Give it other lines of configuration, which it reads when it comes to it."""
        self._configuration = configuration
        self._write_configuration()
        self._signal(signal.SIGHUP)

    def _write_configuration(self) -> None:
        address = urlparse(self.url).netloc
        (self._directory / "nats-server.conf").write_text(
            f'listen: "{address}"\nports_file_dir: "{self._directory}"\n'
            f'jetstream {{ store_dir: "{self._directory}/js" }}\n{self._configuration}\n'
        )

    def _signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _end(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)
        self._process.wait(_SECONDS)
        self._process = None
