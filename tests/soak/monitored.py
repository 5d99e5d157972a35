"""A nats-server with its monitoring port."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.request import urlopen

from tests.nats_server import nats_server

from .counts import cpu_seconds, resident_bytes


@dataclass(frozen=True)
class Broker:
    """A running nats-server."""

    url: str
    monitoring: str
    pid: int

    def variables(self) -> dict[str, Any]:
        """What ``/varz`` says."""
        with urlopen(f"{self.monitoring}/varz", timeout=10) as response:  # noqa: S310
            return json.load(response)

    def subscriptions(self) -> int:
        """How many of its clients it knows."""
        return int(self.variables()["subscriptions"])

    def cpu_seconds(self) -> float:
        """Used since its start."""
        return cpu_seconds(self.pid)

    def resident_bytes(self) -> int:
        """Its RSS."""
        return resident_bytes(self.pid)


@contextmanager
def running_broker(configuration: str = "") -> Generator[Broker]:
    """One that lives as long as the block."""
    with TemporaryDirectory(prefix="soak-") as name:
        directory = Path(name)
        with nats_server(directory, f'http: "127.0.0.1:-1"\n{configuration}') as url:
            ports = next(directory.glob("*.ports"))
            monitoring = str(json.loads(ports.read_text())["monitoring"][0])
            yield Broker(url, monitoring, int(ports.stem.rpartition("_")[2]))
