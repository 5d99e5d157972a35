"""Bars, as SVG, without any library."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from .instrumentations import OTHER
from .modes import MODES
from .results import Result, Results
from .tables import number, size_name
from .variants import BARE, BARE_JSON, BY_HAND, LIMIT, METRICS, PLUGIN

_WIDTH, _LEFT, _RIGHT = 860, 250, 70
_BAR, _GAP, _TITLE = 14, 5, 34
_COLOURS = {BARE: "#7d8590", LIMIT: "#b7791f", PLUGIN: "#1f6feb", OTHER: "#8250df"}
_OF_PLUGIN, _WITH_JSON = "#79b0ff", "#c2c8cf"
_FONT = "font-family='system-ui, sans-serif' font-size='12'"
_SHOWN_BY_SIZE = (BARE, LIMIT, OTHER, PLUGIN, METRICS, BARE_JSON, BY_HAND, "plugin + json")


@dataclass(frozen=True)
class _Panel:
    title: str
    bars: Sequence[tuple[str, float]]

    @property
    def height(self) -> int:
        return _TITLE + len(self.bars) * (_BAR + _GAP) + 8

    def lines(self, top: int, limit: float) -> Iterator[str]:
        yield _text(12, top + 20, self.title, "font-weight='bold'")
        for number_of_bar, (name, value) in enumerate(self.bars):
            y = top + _TITLE + number_of_bar * (_BAR + _GAP)
            width = (_WIDTH - _LEFT - _RIGHT) * value / limit
            yield _text(_LEFT - 8, y + 11, name, "text-anchor='end'")
            yield (
                f"<rect x='{_LEFT}' y='{y}' width='{width:.1f}' height='{_BAR}'"
                f" fill='{_colour(name)}'/>"
            )
            yield _text(_LEFT + width + 6, y + 11, number(value))


def by_mode(results: Results) -> str:
    """CPU time of every variant at the smallest size, a panel for each mode, one scale."""
    size = results.sizes[0]
    panels = [_Panel(_title(mode, size), _bars(results, mode, size)) for mode in MODES]
    return _svg(panels, [max(value for panel in panels for _, value in panel.bars)] * len(panels))


def by_size(results: Results, mode: str) -> str:
    """CPU time of some variants in one mode, a panel for each size, each with its own scale."""
    panels = [
        _Panel(
            _title(mode, size),
            [bar for bar in _bars(results, mode, size) if bar[0] in _SHOWN_BY_SIZE],
        )
        for size in results.sizes
    ]
    return _svg(panels, [max(value for _, value in panel.bars) for panel in panels])


def _title(mode: str, size: int) -> str:
    return f"{mode[0].upper()}{mode[1:]}, {size_name(size)}: CPU µs of a message"


def _bars(results: Results, mode: str, size: int) -> list[tuple[str, float]]:
    def is_wanted(result: Result) -> bool:
        return (result.mode, result.size) == (mode, size)

    return [(result.variant, result.microseconds) for result in results if is_wanted(result)]


def _svg(panels: Sequence[_Panel], limits: Sequence[float]) -> str:
    lines: list[str] = []
    top = 4
    for panel, limit in zip(panels, limits, strict=True):
        lines += panel.lines(top, limit)
        top += panel.height
    start = (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {_WIDTH} {top}'"
        f" width='{_WIDTH}' height='{top}' {_FONT}>"
    )
    background = f"<rect width='{_WIDTH}' height='{top}' rx='6' fill='#ffffff'/>"
    return "\n".join([start, background, *lines, "</svg>", ""])


def _text(x: float, y: float, text: str, attributes: str = "") -> str:
    return f"<text x='{x:.1f}' y='{y}' fill='#1f2328' {attributes}>{escape(text)}</text>"


def _colour(name: str) -> str:
    if name.endswith("json"):
        return _WITH_JSON
    return _COLOURS.get(name, _OF_PLUGIN)
