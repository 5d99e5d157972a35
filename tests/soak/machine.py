"""Where figures were measured, and with what."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from hashlib import sha256
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
_SOURCE = Path(__file__).resolve().parents[2] / "src"
_LOOK_SECONDS = 3.0


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


def source() -> str:
    """The code of the package, as the beginning of a digest: one run is of one code."""
    digest = sha256()
    for path in sorted(_SOURCE.rglob("*.py")):
        digest.update(path.relative_to(_SOURCE).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def busy_share() -> float:
    """How much of the machine others use, looked at for a few seconds in which we do nothing."""
    before = _ticks()
    time.sleep(_LOOK_SECONDS)
    idle, total = (after - then for after, then in zip(_ticks(), before, strict=True))
    return 1 - idle / max(total, 1)


def _ticks() -> tuple[int, int]:
    """Of all cores since the start: those in which nothing was done, and all."""
    values = [int(value) for value in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return values[3] + values[4], sum(values)


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
