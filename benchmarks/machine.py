"""When, where and of what something was measured."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from textwrap import fill

from opentelemetry_instrumentation_nats_payload import __version__

from .server import executable

_PACKAGES = (
    "nats-py",
    "opentelemetry-api",
    "opentelemetry-sdk",
    "opentelemetry-instrumentation",
    "msgspec",
    "wrapt",
    "otel-instrumentation-nats",
)


def description() -> dict[str, str]:
    """What a figure means nothing without."""
    server = subprocess.run([executable(), "--version"], capture_output=True, text=True, check=True)
    return {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": f"{_processor()}, {os.cpu_count()} cores, {platform.system()}"
        f" {platform.release()}",
        "Python": f"{platform.python_version()} ({platform.python_implementation()})",
        "opentelemetry-instrumentation-nats-payload": __version__,
        **{package: _version(package) for package in _PACKAGES},
        "nats-server": server.stdout.rpartition(" ")[2].strip().removeprefix("v"),
    }


def as_text(facts: dict[str, str]) -> str:
    """One line for each fact."""
    return "\n".join(f"{name}: {fact}" for name, fact in facts.items())


def as_rst(facts: dict[str, str]) -> str:
    """A paragraph."""
    values = dict(facts)
    text = f"Measured {values.pop('date')}, {values.pop('machine')}: "
    text += ", ".join(f"{name} {fact}" for name, fact in values.items()) + "."
    return fill(text, 100, break_on_hyphens=False) + "\n"


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
