"""Which modules the plugin brings, and what each takes."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from .starts import BASE, IN_CODE, INSTRUMENTORS, MARK, MEASURE, WATCH, Runner
from .tables import Table, number
from .variants import PLUGIN

_LISTED = 30
_IMPORTS = ("", "modules", "ms", "RSS, KiB")


@dataclass(frozen=True)
class Import:
    """A module that the plugin brings, without those that it imports itself."""

    milliseconds: float
    """The least of several runs, by ``-X importtime``, which makes imports a little slower."""

    kibibytes: float
    """Of resident memory."""

    is_of_base: bool
    """Whether the base class of instrumentors brings it."""


def measure_imports(run: Runner, rounds: int) -> dict[str, Import]:
    """By module, where the SDK is set up in code."""
    of_base = _milliseconds(run, BASE, 1)
    memory: dict[str, list[float]] = defaultdict(list)
    for _ in range(rounds):
        for module, kibibytes in json.loads(run(IN_CODE, PLUGIN, WATCH).stdout).items():
            memory[module].append(kibibytes)
    return {
        module: Import(milliseconds, median(memory.get(module, [0.0])), module in of_base)
        for module, milliseconds in _milliseconds(run, PLUGIN, rounds).items()
    }


def _milliseconds(run: Runner, name: str, rounds: int) -> dict[str, float]:
    times: dict[str, list[float]] = defaultdict(list)
    for _ in range(rounds):
        output = run(IN_CODE, name, MEASURE, "-X", "importtime").stderr
        for line in output.partition(MARK)[2].splitlines():
            columns = line.removeprefix("import time:").split("|")
            if len(columns) == 3:
                times[columns[2].strip()].append(int(columns[0]) / 1000)
    return {module: min(values) for module, values in times.items()}


def tables_of_imports(imports: Mapping[str, Import]) -> list[Table]:
    """By whose they are, and the slowest one by one."""
    return [_by_origin(imports), _by_module(imports)]


def _by_origin(modules: Mapping[str, Import]) -> Table:
    """Whose the modules are."""
    package = INSTRUMENTORS[PLUGIN][0]
    origins: dict[str, list[Import]] = {
        "the base class of instrumentors, and what it imports": [],
        "``msgspec``, and what it imports": [],
        "the plugin": [],
    }
    base, others, own = origins.values()
    for name, module in modules.items():
        is_own = name.partition(".")[0] == package
        (base if module.is_of_base else own if is_own else others).append(module)
    rows = [_IMPORTS, *(_sum(name, group) for name, group in origins.items())]
    return Table(f"Modules that are imported, by whose they are ({IN_CODE})", rows)


def _by_module(modules: Mapping[str, Import]) -> Table:
    imports = sorted(modules.items(), key=lambda item: -item[1].milliseconds)
    rows = [_IMPORTS, *(_sum(f"``{name}``", [module]) for name, module in imports[:_LISTED])]
    others = [module for _, module in imports[_LISTED:]]
    if others:
        rows.append(_sum("others", others))
    rows.append(_sum("all", list(modules.values())))
    return Table(f"Import of each module, itself alone ({IN_CODE})", rows)


def _sum(name: str, modules: Sequence[Import]) -> Sequence[str]:
    milliseconds = sum(module.milliseconds for module in modules)
    kibibytes = sum(module.kibibytes for module in modules)
    return (name, str(len(modules)), number(milliseconds), f"{kibibytes:.0f}")
