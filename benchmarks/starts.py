"""Services that start with an instrumentation, or a part of one, each in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys

from .instrumentations import OTHER
from .variants import PLUGIN

IN_CODE = "SDK set up in code"
BY_COMMAND = "opentelemetry-instrument"
SERVICES = {
    IN_CODE: (
        "import asyncio, json, logging\n"
        "import nats\n"
        "from opentelemetry import metrics, trace\n"
        "from opentelemetry.sdk.metrics import MeterProvider\n"
        "from opentelemetry.sdk.trace import TracerProvider\n"
        "trace.set_tracer_provider(TracerProvider(shutdown_on_exit=False))\n"
        "metrics.set_meter_provider(MeterProvider(shutdown_on_exit=False))\n"
    ),
}
SERVICES[BY_COMMAND] = SERVICES[IN_CODE] + (
    "import opentelemetry.instrumentation.auto_instrumentation\n"
    "import opentelemetry.instrumentation.auto_instrumentation._load\n"
    "import opentelemetry.instrumentation.distro\n"
    "import opentelemetry.sdk._configuration\n"
)
BASE = "base class alone"
INSTRUMENTORS = {
    PLUGIN: ("opentelemetry_instrumentation_nats_payload", "NATSInstrumentor"),
    OTHER: ("otel_instrumentation_nats", "NatsInstrumentor"),
    BASE: ("opentelemetry.instrumentation.instrumentor", ""),
}
MARK = "here the instrumentation begins"
_BEGIN = f"""
import sys, time
from importlib import import_module
from benchmarks.resident import Resident, resident_kibibytes as memory
from nats.aio.client import Client
original = Client.publish
sys.stderr.write("{MARK}\\n")
sys.stderr.flush()
"""
_INSTRUMENT = """
module.{instrumentor}().instrument(skip_dep_check=True)
if Client.publish is original:
    raise SystemExit("{module} does not instrument")
"""
MEASURE = """
before, start = memory(), time.process_time()
module = import_module("{module}")
imported = time.process_time()
{instrument}
end = time.process_time()
added = memory() - before
import json
print(json.dumps([(imported - start) * 1e3, (end - imported) * 1e3, added / 1024]))
"""
WATCH = """
resident = Resident()
module = import_module("{module}")
{instrument}
import json
print(json.dumps(resident.own))
"""


class Runner:
    """Starts services whose modules are compiled into ``directory``, as pip does on installing."""

    def __init__(self, directory: str) -> None:
        self._environment = {**os.environ, "PYTHONPYCACHEPREFIX": directory}
        self._environment.pop("PYTHONDONTWRITEBYTECODE", None)

    def __call__(
        self, service: str, name: str, template: str, *options: str
    ) -> subprocess.CompletedProcess[str]:
        """Run one to its end."""
        code = SERVICES[service] + _BEGIN + _filled(template, *INSTRUMENTORS[name])
        return _run([sys.executable, *options, "-c", code], self._environment)


def _filled(template: str, module: str, instrumentor: str) -> str:
    instrument = _INSTRUMENT.format(module=module, instrumentor=instrumentor)
    return template.format(module=module, instrument=instrument if instrumentor else "")


def _run(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done
