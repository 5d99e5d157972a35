"""Medians over rounds, as a table and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from statistics import median

from .variants import BARE, BARE_JSON, LIMIT

_COLUMNS = "{:<28}{:>10}{:>12}{:>10}{:>16}{:>10}"


@dataclass(frozen=True)
class Sample:
    """What one process measured of a variant."""

    size: int
    mode: str
    variant: str
    has_json: bool
    times: list[float]
    """CPU microseconds per message, one for each round."""


@dataclass(frozen=True)
class Result:
    """A variant at one payload size: medians over all rounds."""

    size: int
    mode: str
    variant: str
    microseconds: float
    added_microseconds: float
    """Over ``bare + json`` for variants that encode and decode, else over ``bare``."""

    ratio_to_bare: float
    ratio_to_bare_json: float | None
    """None for variants that neither encode nor decode."""

    ratio_to_limit: float | None
    """None for variants that encode and decode, and without an SDK."""


def summarise(samples: Iterable[Sample]) -> Iterator[Result]:
    """One result for all samples of a variant at one size, size after size."""
    merged: dict[tuple[int, str, str], Sample] = {}
    for sample in samples:
        of_variant = merged.setdefault((sample.size, sample.mode, sample.variant), sample)
        if of_variant is not sample:
            of_variant.times.extend(sample.times)
    for sample in merged.values():
        bare = merged[sample.size, sample.mode, BARE].times
        bare_json = merged[sample.size, sample.mode, BARE_JSON].times
        limit = None if sample.has_json else merged.get((sample.size, sample.mode, LIMIT))
        yield Result(
            size=sample.size,
            mode=sample.mode,
            variant=sample.variant,
            microseconds=median(sample.times),
            added_microseconds=_added(sample.times, bare_json if sample.has_json else bare),
            ratio_to_bare=_ratio(sample.times, bare),
            ratio_to_bare_json=_ratio(sample.times, bare_json) if sample.has_json else None,
            ratio_to_limit=_ratio(sample.times, limit.times) if limit else None,
        )


def _ratio(times: Sequence[float], reference: Sequence[float]) -> float:
    """The median of the ratios of each round, which no change of speed between rounds disturbs."""
    return median(mine / other for mine, other in zip(times, reference, strict=True))


def _added(times: Sequence[float], reference: Sequence[float]) -> float:
    return median(mine - other for mine, other in zip(times, reference, strict=True))


def table(results: Sequence[Result]) -> str:
    """The results as plain text, one block for each payload size."""
    lines: list[str] = []
    for size, of_size in groupby(results, attrgetter("size")):
        title = f"payload of {size} bytes"
        lines += [
            "",
            _COLUMNS.format(title, "CPU µs", "added µs", "x bare", f"x {BARE_JSON}", "x limit"),
        ]
        for mode, of_mode in groupby(of_size, attrgetter("mode")):
            lines += [f"{mode}:"]
            lines += map(_line, of_mode)
    return "\n".join(lines)


def _line(result: Result) -> str:
    json_ratio = result.ratio_to_bare_json
    return _COLUMNS.format(
        "  " + result.variant,
        f"{result.microseconds:.1f}",
        f"{result.added_microseconds:.1f}",
        f"{result.ratio_to_bare:.2f}",
        "" if json_ratio is None else f"{json_ratio:.2f}",
        "" if result.ratio_to_limit is None else f"{result.ratio_to_limit:.2f}",
    ).rstrip()


def save(results: Sequence[Result], path: Path) -> None:
    """Write the results to a JSON file."""
    path.write_text(json.dumps([asdict(result) for result in results], indent=2) + "\n")
