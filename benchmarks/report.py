"""Results as tables."""

from __future__ import annotations

from collections.abc import Iterator

from .instrumentations import OTHER
from .modes import MODES
from .results import Result, Results
from .tables import Table, number, size_name

_HEADER = ("", "CPU µs", "added µs", "bytes", "x bare", "x limit", f"x {OTHER}")


def tables(results: Results) -> Iterator[Table]:
    """All that is known of the smallest size, and of each mode the times of all sizes."""
    yield from _of_size(results, results.sizes[0])
    if len(results.sizes) > 1:
        for mode in MODES:
            yield _by_size(results, mode)


def _of_size(results: Results, size: int) -> Iterator[Table]:
    for mode in MODES:
        rows = [_row(result) for result in results if (result.size, result.mode) == (size, mode)]
        yield Table(f"{mode[0].upper()}{mode[1:]}, {size_name(size)}", [_HEADER, *rows])


def _row(result: Result) -> tuple[str, ...]:
    return (
        result.variant,
        number(result.microseconds),
        number(result.added_microseconds),
        f"{result.added_bytes:+}" if result.added_bytes else "",
        f"{result.ratio_to_bare:.2f}",
        _ratio(result.ratio_to_limit),
        _ratio(result.ratio_to_other),
    )


def _ratio(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _by_size(results: Results, mode: str) -> Table:
    """CPU time, and how many times that of ``bare``."""
    cells: dict[str, dict[int, str]] = {}
    for result in results:
        if result.mode == mode:
            text = f"{number(result.microseconds)} ({result.ratio_to_bare:.2f})"
            cells.setdefault(result.variant, {})[result.size] = text
    rows = [(name, *(of.get(size, "") for size in results.sizes)) for name, of in cells.items()]
    header = ("", *map(size_name, results.sizes))
    title = f"{mode[0].upper()}{mode[1:]}, CPU µs by size, in brackets x bare"
    return Table(title, [header, *rows])
