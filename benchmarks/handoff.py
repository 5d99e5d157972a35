"""What ``follow_handoff`` costs: ``python -m benchmarks.handoff``."""

from __future__ import annotations

import argparse
import platform
from collections import defaultdict
from collections.abc import Iterator, Sequence
from multiprocessing import get_context
from pathlib import Path
from statistics import median

from . import handoff_messages as messages
from . import handoff_micro as micro
from .handoff_messages import FIELDS, FOLLOWS, VARIANTS, WAYS, Task, Times, Variant
from .server import running_server
from .tables import Table

# See plan.py: a class whose methods were replaced a thousand times gets slower.
_ROUNDS_PER_PROCESS = 12
_MICRO_ROUNDS = 100
_COMMAND = "python -m benchmarks.handoff"

Rows = list[Sequence[str]]


def main() -> None:
    """Measure, print the tables, and write them where that is asked for."""
    options = _parse()
    times, least = _run(options.rounds, options.messages)
    tables = [Table(title, rows) for title, rows in _tables(times, least)]
    for table in tables:
        print(f"\n{table.text()}")
    if options.rst:
        text = "\n".join(table.rst() for table in tables)
        header = f".. Written by {_COMMAND} --rst FILE, on Python {platform.python_version()}.\n\n"
        options.rst.write_text(header + text, encoding="utf-8")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=_COMMAND, description=__doc__)
    parser.add_argument("--rounds", type=int, default=36)
    parser.add_argument("--messages", type=int, default=100, help="a round and variant")
    parser.add_argument("--rst", type=Path, metavar="FILE", help="where to write the tables too")
    return parser.parse_args()


def _run(rounds: int, count: int) -> tuple[Times, micro.Micro]:
    """Everything, in one process after the other."""
    merged: Times = defaultdict(list)
    with running_server() as address, get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        starts = range(0, rounds, _ROUNDS_PER_PROCESS)
        tasks = [Task(address, min(_ROUNDS_PER_PROCESS, rounds - start), count) for start in starts]
        for part in pool.imap(messages.measure, tasks, chunksize=1):
            for variant, values in part.items():
                merged[variant] += values
        least = pool.apply(micro.measure, (address, _MICRO_ROUNDS))
    return merged, least


def _tables(times: Times, least: micro.Micro) -> Iterator[tuple[str, Rows]]:
    yield (
        "CPU of a message, publish to the end of the work: µs, and times ``off``",
        _messages(times),
    )
    yield (
        "One look at ``msg.data``, µs",
        [
            ["", "µs"],
            *([name, f"{least.reads[name]:.3f}"] for name in micro.READS),
        ],
    )
    yield (
        "``put`` and ``get`` of an item that is of no message, µs",
        [
            ["", "``off``", "``queue``", "ratio"],
            *(_put_and_get(least, name) for name in micro.PUT_AND_GET),
        ],
    )


def _messages(times: Times) -> Rows:
    ratios = messages.medians(times, lambda v: Variant(v.way, v.field, v.field and FOLLOWS[0]))
    rows: Rows = [["", "plain", "``off``", *(f"``{follow}``" for follow in FOLLOWS[1:])]]
    for way in WAYS:
        for field in FIELDS:
            of = {v.follow: v for v in VARIANTS if v.way == way and v.field == field}
            plain, off = median(times[Variant(way)]), median(times[of[FOLLOWS[0]]])
            cells = [f"{ratios[of[follow]]:.2f}" for follow in FOLLOWS[1:]]
            rows.append([f"{way}, ``{field}``", f"{plain:.0f}", f"{off:.0f}", *cells])
    return rows


def _put_and_get(least: micro.Micro, name: str) -> Sequence[str]:
    plain, followed = least.plain[name], least.followed[name]
    return [name, f"{plain:.3f}", f"{followed:.3f}", f"{followed / plain:.2f}"]


if __name__ == "__main__":
    main()
