"""Instructions of a message, beside the recorded ones: ``python -m benchmarks.instructions``.

Fails if publishing or processing, sampled or without an SDK, takes more than 5 % more of them.
"""

from __future__ import annotations

import argparse
import json
import platform
import signal
import sys
from importlib.metadata import version
from pathlib import Path

from . import callgrind
from .instructions_record import UPDATE, Comparison, Count, Counts
from .instructions_workload import CALLS, OPERATIONS, SERVICES
from .server import running_server
from .tables import Table

RECORD = Path(__file__).with_name("instructions.json")
_REFERENCES = {
    "publish, sampled": "publish, limit",
    "process, sampled": "process, limit",
    "publish, no SDK": "publish, bare",
    "process, no SDK": "publish, bare",  # processing is nothing then
}
"""By the operation that is recorded."""

_PACKAGES = (
    "nats-py",
    "opentelemetry-api",
    "opentelemetry-sdk",
    "opentelemetry-instrumentation",
    "msgspec",
    "wrapt",
)


def main() -> None:
    """Count, print, and compare."""
    options = _parse()
    signal.signal(signal.SIGTERM, _exit)
    try:
        counts, others = measure()
    except callgrind.CallgrindError as error:
        sys.exit(str(error))
    if options.json:
        values = {**counts.as_json(), "others": others}
        options.json.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
    if options.update:
        counts.save(RECORD)
    comparison = Comparison(counts, Counts.load(RECORD))
    print(comparison.table().text(), _table(others).text(), *comparison.notes(), sep="\n\n")
    message = failure(comparison)
    if message is not None:
        print(message)
        sys.exit(1)


def measure() -> tuple[Counts, dict[str, int]]:
    """What is recorded, and the other operations, which are there to compare with."""
    workload = f"{__package__}.instructions_workload"
    with running_server() as address:
        runs = {name: ("-m", workload, name, address) for name in SERVICES}
        results = callgrind.count(runs, CALLS)
    counts = {
        f"{operation}, {service}": count
        for service, of_service in results.items()
        for operation, count in zip(OPERATIONS, of_service, strict=True)
    }
    pairs = {name: Count(counts[name], counts[other]) for name, other in _REFERENCES.items()}
    others = {name: count for name, count in counts.items() if name not in pairs}
    return Counts(pairs, _versions()), others


def _versions() -> dict[str, str]:
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return {"Python": python, **{package: version(package) for package in _PACKAGES}}


def _table(others: dict[str, int]) -> Table:
    rows = [("", "now"), *((name, f"{count:,}") for name, count in others.items())]
    return Table("For comparison", rows)


def failure(comparison: Comparison) -> str | None:
    """What is wrong, and what to do about it."""
    failures = comparison.failures()
    if not failures:
        return None
    versions = ", ".join(" ".join(item) for item in comparison.recorded.versions.items())
    last = f"Recorded with {versions}.\nIf this is how it is meant to be, record it: {UPDATE}"
    return "\n".join(("", *failures, last))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.instructions", description=__doc__)
    parser.add_argument("--update", action="store_true", help=f"write {RECORD.name}, and pass")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the counts too")
    options = parser.parse_args()
    if platform.python_implementation() != "CPython" or sys.version_info[:2] != (3, 11):
        parser.error("the record is of CPython 3.11")
    return options


def _exit(signal_number: int, _: object) -> None:
    """End as after an exception: what was started is stopped on the way."""
    sys.exit(128 + signal_number)


if __name__ == "__main__":
    main()
