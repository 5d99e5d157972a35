"""What instrumenting adds to the start of a service: ``python -m benchmarks.startup``."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from tempfile import TemporaryDirectory

from .fragments import Part, run_alone
from .imports import Import, measure_imports, tables_of_imports
from .instrumentations import OTHER, has_other
from .starts import BASE, MEASURE, SERVICES, Runner
from .tables import Table, number
from .variants import PLUGIN

_ROUNDS, _QUICK_ROUNDS = 15, 3


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
    imports: Mapping[str, Import]


def measure(*, quick: bool = False) -> Startup:
    """The combinations take turns, each in a fresh process."""
    rounds = _QUICK_ROUNDS if quick else _ROUNDS
    names = [PLUGIN, *([OTHER] if has_other() else []), BASE]
    combinations = [(service, name) for service in SERVICES for name in names]
    values: dict[tuple[str, str], list[list[float]]] = defaultdict(list)
    with TemporaryDirectory(prefix="benchmarks-") as directory:
        run = Runner(directory)
        for number_of_round in range(rounds + 1):
            for service, name in random.sample(combinations, len(combinations)):
                result = json.loads(run(service, name, MEASURE).stdout)
                if number_of_round:  # the first one has compiled the modules
                    values[service, name].append(result)
        imports = measure_imports(run, rounds)
    added = [
        Added(*key, *(median(column) for column in zip(*values[key], strict=True)))
        for key in combinations
    ]
    return Startup(added, imports)


def tables(startup: Startup) -> list[Table]:
    """What is added, and by which module."""
    rows: list[Sequence[str]] = [
        ("", "import, CPU ms", "instrument(), CPU ms", "together", "RSS, MiB")
    ]
    for added in startup.added:
        together = added.import_ms + added.instrument_ms
        values = (added.import_ms, added.instrument_ms, together, added.mebibytes)
        rows.append((f"{added.service}: {added.instrumentation}", *map(number, values)))
    added = Table("Added to a service that has nats-py and the SDK", rows)
    return [added, *tables_of_imports(startup.imports)]


def part(startup: Startup) -> Part:
    """For the page and for JSON."""
    added, *imports = tables(startup)
    return Part(
        "startup",
        {"performance-startup": [added], "performance-imports": imports},
        {
            "added": [vars(row) for row in startup.added],
            "imports": {name: vars(module) for name, module in startup.imports.items()},
        },
    )


if __name__ == "__main__":
    run_alone("startup", __doc__, lambda quick: part(measure(quick=quick)))
