"""Three nats-servers that are one cluster."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.nats_server import nats_server

NODES = ("a", "b", "c")


class Cluster:
    """Its servers by name."""

    def __init__(self, directory: Path, urls: dict[str, str]) -> None:
        self._directory = directory
        self.urls = urls

    def kill(self, name: str) -> None:
        """SIGKILL."""
        ports = next((self._directory / name).glob("*.ports"))
        os.kill(int(ports.stem.rpartition("_")[2]), signal.SIGKILL)

    def beginning_with(self, name: str) -> list[str]:
        """The URLs, that of ``name`` first."""
        return [self.urls[name], *(url for key, url in self.urls.items() if key != name)]


@contextmanager
def running_cluster() -> Generator[Cluster]:
    """One that lives as long as the block."""
    routes = {name: f"127.0.0.1:{port}" for name, port in zip(NODES, _free_ports(), strict=True)}
    with TemporaryDirectory(prefix="soak-") as root, ExitStack() as stack:
        urls: dict[str, str] = {}
        for name, listen in routes.items():
            directory = Path(root, name)
            directory.mkdir()
            known = json.dumps([f"nats://{route}" for route in routes.values()])
            configuration = (
                f"server_name: {name}\n"
                f'cluster {{ name: soak, listen: "{listen}", routes: {known} }}'
            )
            urls[name] = stack.enter_context(nats_server(directory, configuration))
        yield Cluster(Path(root), urls)


def _free_ports() -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in NODES]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
