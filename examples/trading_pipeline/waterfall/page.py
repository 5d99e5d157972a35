"""The page around the rows."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections import Counter
from collections.abc import Collection

from ..spans import Trace
from ..summary import Summary
from ..traces import faults
from .figures import figures_of
from .lane import scale
from .layout import axis_of, rows_of, ticks_of
from .markup import Markup, fill, joined, resource
from .rows import render_row

# As page.css has them.
COLOURS = 8

_FIGURE = (
    '<div class="figure $mood"><dt>$label</dt><dd>$value</dd><dd class="note">$note</dd></div>'
)
_SERVICE = '<li class="$colour"><i class="dot"></i>$service <span>$count</span></li>'

_WORDS = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine")

_WITH_PLUGIN = (
    "One message of the market data, from the exchange's websocket to the database. The plugin"
    " carries the W3C trace context inside the JSON payload of each NATS message; no service"
    " adds it by hand."
)
_WITHOUT_PLUGIN = (
    "The same services with the plugin switched off: no context travels with the messages, and"
    " what a message led to is not one trace."
)


class Palette:
    """A colour for each service, the known ones first; more services than colours share them."""

    def __init__(self, services: Collection[str], trace: Trace) -> None:
        names = dict.fromkeys([*services, *(span.service for span in trace)])
        self._places = {name: place for place, name in enumerate(names)}

    def __call__(self, service: str) -> str:
        """The class of the service's elements."""
        return f"colour-{self._places[service] % COLOURS}"

    def place(self, service: str) -> int:
        """Where the service comes in a list."""
        return self._places[service]


def render_page(trace: Trace, summary: Summary, services: Collection[str]) -> str:
    """The whole page; `services` are those that a complete trace has spans of."""
    style = resource("page.css")
    axis, palette = axis_of(trace), Palette(services, trace)
    names = {span.span_id: f"{span.service}: {span.name}" for span in trace}
    rows = enumerate(rows_of(trace))
    return fill(
        resource("page.html"),
        policy=_policy(style),
        style=Markup(style),
        title=_title(trace, services),
        lead=_WITH_PLUGIN if summary.with_plugin else _WITHOUT_PLUGIN,
        trace_id=trace[0].trace_id,
        figures=_figures(trace, summary, services),
        legend=_legend(trace, palette),
        scale=scale(axis, ticks_of(axis)),
        rows=joined(render_row(row, number, axis, palette, names) for number, row in rows),
    )


def _policy(style: str) -> str:
    """Nothing may be loaded or run, but for this style."""
    digest = b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def _title(trace: Trace, services: Collection[str]) -> str:
    if faults(trace, services):
        return "An incomplete trace"
    count = len({span.service for span in trace})
    word = _WORDS[count] if count < len(_WORDS) else str(count)
    return f"{word} services, one trace"


def _figures(trace: Trace, summary: Summary, services: Collection[str]) -> Markup:
    return joined(
        fill(_FIGURE, label=figure.label, value=figure.value, note=figure.note, mood=figure.mood)
        for figure in figures_of(trace, summary, services)
    )


def _legend(trace: Trace, palette: Palette) -> Markup:
    counts = Counter(span.service for span in trace)
    return joined(
        fill(_SERVICE, colour=palette(service), service=service, count=count)
        for service, count in sorted(counts.items(), key=lambda item: palette.place(item[0]))
    )
