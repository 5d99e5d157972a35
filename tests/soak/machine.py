"""Where figures were measured, and with what."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tests.nats_server import bundled_server

_PACKAGES = (
    "opentelemetry-instrumentation-nats-payload",
    "nats-py",
    "opentelemetry-sdk",
    "opentelemetry-exporter-otlp-proto-http",
    "msgspec",
)


def machine() -> dict[str, str]:
    """Names and values, for the page."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return {
        "CPU": f"{_cpu()}, {os.cpu_count()} cores",
        "memory": f"{memory:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "nats-server": _server_version(),
        **{name: _version(name) for name in _PACKAGES},
    }


def _cpu() -> str:
    """As Linux names it, with what tells apart the kinds that have one name."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    pairs = [line.partition(":") for line in lines if ":" in line]
    values = {key.strip(): value.strip() for key, _, value in reversed(pairs)}
    family = f"family {values['cpu family']}, model {values['model']}"
    return f"{values['model name']} ({family})" if "cpu family" in values else platform.machine()


def _server_version() -> str:
    command = [bundled_server(), "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.strip().rpartition("v")[2]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"
