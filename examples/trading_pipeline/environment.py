"""What the processes find around them: executables, the plugin, environment variables."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path

from .errors import DemoError

PLUGIN = "nats_payload"
REPOSITORY = Path(__file__).resolve().parents[2]
SERVICES_PACKAGE = f"{__package__}.services"

# The settings that one service has and the others have not.
SERVICE_SETTINGS: Mapping[str, Mapping[str, str]] = {
    "socket_client": {},
    "realtime_strategies": {},
    "ta_bot": {},
    # Its schema refuses unknown fields, so the context must not reach it.
    "tradeengine": {"OTEL_PYTHON_NATS_CONSUMED_FIELD": "strip"},
    "data_manager": {},
    # It keeps payloads as they were sent, and its workers are behind a queue.
    "audit_store": {
        "OTEL_PYTHON_NATS_CONSUMED_FIELD": "strip",
        "OTEL_PYTHON_NATS_FOLLOW_HANDOFF": "all",
    },
}
SERVICES = tuple(SERVICE_SETTINGS)


def find_executable(name: str, remedy: str) -> str:
    """The executable of this Python's environment, or else the one on PATH."""
    beside = Path(sys.executable).parent
    found = shutil.which(name, path=str(beside)) or shutil.which(name)
    if not found:
        raise DemoError(f"{name} was found neither in {beside} nor on PATH: {remedy}")
    return found


def service_command(service: str) -> list[str]:
    """The command that runs the service as it is, with automatic instrumentation."""
    instrument = find_executable("opentelemetry-instrument", "pip install opentelemetry-distro")
    return [instrument, sys.executable, "-m", f"{SERVICES_PACKAGE}.{service}"]


def require_plugin() -> None:
    """Raise an error when the plugin is not installed."""
    if PLUGIN not in _instrumentations():
        raise DemoError(
            "opentelemetry-instrumentation-nats-payload is not installed: pip install it, "
            "or see what happens without it with --without-plugin"
        )


def process_environment(base: Mapping[str, str]) -> dict[str, str]:
    """The runner's environment without the settings that would change the demonstration."""
    kept = {name: value for name, value in base.items() if not name.startswith("OTEL_")}
    for name in ("NO_PROXY", "no_proxy"):
        kept[name] = ",".join(filter(None, (kept.get(name), "127.0.0.1")))
    return kept


def telemetry_settings(service: str, endpoint: str, with_plugin: bool) -> dict[str, str]:
    """The OpenTelemetry settings of one service."""
    # The other plugins of this Python's environment, should it have any, would add spans, and
    # one that fails would keep those after it from being loaded.
    disabled = _instrumentations() - {PLUGIN}
    if not with_plugin:
        disabled.add(PLUGIN)
    return {
        "OTEL_SERVICE_NAME": service,
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        # A burst of messages must not make the SDK drop spans.
        "OTEL_BSP_MAX_QUEUE_SIZE": "100000",
        "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": ",".join(sorted(disabled)),
        **SERVICE_SETTINGS[service],
    }


def _instrumentations() -> set[str]:
    return {entry.name for entry in entry_points(group="opentelemetry_instrumentor")}
