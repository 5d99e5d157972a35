"""What instrumenting adds to the start of a service: ``python -m benchmarks.startup``."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from tempfile import TemporaryDirectory

from .fragments import Part, run_alone
from .instrumentations import OTHER, has_other
from .tables import Table, number
from .variants import PLUGIN

_ROUNDS, _QUICK_ROUNDS = 15, 3
_LISTED = 30

IN_CODE = "SDK set up in code"
_BY_COMMAND = "opentelemetry-instrument"
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
SERVICES[_BY_COMMAND] = SERVICES[IN_CODE] + (
    "import opentelemetry.instrumentation.auto_instrumentation\n"
    "import opentelemetry.instrumentation.auto_instrumentation._load\n"
    "import opentelemetry.instrumentation.distro\n"
    "import opentelemetry.sdk._configuration\n"
)
_INSTRUMENTORS = {
    PLUGIN: ("opentelemetry_instrumentation_nats_payload", "NATSInstrumentor"),
    OTHER: ("otel_instrumentation_nats", "NatsInstrumentor"),
}
_MARK = "here the instrumentation begins"
_MEASURE = """
import sys, time
from importlib import import_module
def memory():
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1])
    except OSError:
        return 0
from nats.aio.client import Client
original = Client.publish
sys.stderr.write("{mark}\\n")
sys.stderr.flush()
pages, start = memory(), time.process_time()
module = import_module("{module}")
imported = time.process_time()
module.{instrumentor}().instrument(skip_dep_check=True)
end = time.process_time()
pages = memory() - pages
if Client.publish is original:
    raise SystemExit("{module} does not instrument")
import json, os
print(json.dumps([(imported - start) * 1e3, (end - imported) * 1e3,
    pages * os.sysconf("SC_PAGE_SIZE") / 2**20]))
"""


@dataclass(frozen=True)
class Added:
    """What an instrumentation adds to a service: medians over fresh processes."""

    service: str
    instrumentation: str
    import_ms: float
    """Of CPU time, as the next."""

    instrument_ms: float
    mebibytes: float
    """Of resident memory; 0 where there is no /proc."""


@dataclass(frozen=True)
class Startup:
    """What was measured."""

    added: Sequence[Added]
    imports: Mapping[str, float]
    """The least milliseconds of each module that the plugin brings, without those below it."""


def measure(*, quick: bool = False) -> Startup:
    """The combinations take turns, each in a fresh process."""
    rounds = _QUICK_ROUNDS if quick else _ROUNDS
    names = [PLUGIN, *([OTHER] if has_other() else [])]
    combinations = [(service, name) for service in SERVICES for name in names]
    values: dict[tuple[str, str], list[list[float]]] = defaultdict(list)
    with TemporaryDirectory(prefix="benchmarks-") as directory:
        run = _Runner(directory)
        for number_of_round in range(rounds + 1):
            for service, name in random.sample(combinations, len(combinations)):
                result = json.loads(run(service, name).stdout)
                if number_of_round:  # the first one has compiled the modules
                    values[service, name].append(result)
        imports = _imports(run, rounds)
    added = [
        Added(*key, *(median(column) for column in zip(*values[key], strict=True)))
        for key in combinations
    ]
    return Startup(added, imports)


class _Runner:
    """Starts services whose modules are compiled into ``directory``, as pip does on installing."""

    def __init__(self, directory: str) -> None:
        self._environment = {**os.environ, "PYTHONPYCACHEPREFIX": directory}
        self._environment.pop("PYTHONDONTWRITEBYTECODE", None)

    def __call__(self, service: str, name: str, *options: str) -> subprocess.CompletedProcess[str]:
        """Run one to its end."""
        return _run([sys.executable, *options, "-c", _code(service, name)], self._environment)


def _code(service: str, name: str) -> str:
    module, instrumentor = _INSTRUMENTORS[name]
    return SERVICES[service] + _MEASURE.format(mark=_MARK, module=module, instrumentor=instrumentor)


def _run(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done


def _imports(run: _Runner, rounds: int) -> dict[str, float]:
    """By ``-X importtime``, which makes imports a little slower."""
    times: dict[str, list[float]] = defaultdict(list)
    for _ in range(rounds):
        output = run(IN_CODE, PLUGIN, "-X", "importtime").stderr
        for line in output.partition(_MARK)[2].splitlines():
            columns = line.removeprefix("import time:").split("|")
            if len(columns) == 3:
                times[columns[2].strip()].append(int(columns[0]) / 1000)
    return {module: min(values) for module, values in times.items()}


def tables(startup: Startup) -> list[Table]:
    """What is added, and by which module."""
    rows: list[Sequence[str]] = [
        ("", "import, CPU ms", "instrument(), CPU ms", "together", "RSS, MiB")
    ]
    for added in startup.added:
        together = added.import_ms + added.instrument_ms
        values = (added.import_ms, added.instrument_ms, together, added.mebibytes)
        rows.append((f"{added.service}: {added.instrumentation}", *map(number, values)))
    return [Table("Added to a service that has nats-py and the SDK", rows), _by_module(startup)]


def _by_module(startup: Startup) -> Table:
    imports = sorted(startup.imports.items(), key=lambda item: -item[1])
    rows = [("", "ms"), *((f"``{name}``", number(own)) for name, own in imports[:_LISTED])]
    if len(imports) > _LISTED:
        others = imports[_LISTED:]
        rows.append((f"{len(others)} others", number(sum(own for _, own in others))))
    rows.append((f"all {len(imports)}", number(sum(startup.imports.values()))))
    return Table(f"Import of each module, itself alone ({IN_CODE})", rows)


def part(startup: Startup) -> Part:
    """For the page and for JSON."""
    added, imports = tables(startup)
    return Part(
        "startup",
        {"performance-startup": [added], "performance-imports": [imports]},
        {"added": [vars(row) for row in startup.added], "imports": dict(startup.imports)},
    )


if __name__ == "__main__":
    run_alone("startup", __doc__, lambda quick: part(measure(quick=quick)))
