"""What is printed at the end: a table for people, JSON for machines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .heard import Heard
from .output import printable
from .tally import Tally, percent

Rows = Sequence[tuple[str, Tally]]

_MAX_LENGTH: Final = 80
_LEAST_SUBJECT: Final = 16
"""Characters of a subject in the table, and in one line of a table for a narrow terminal."""

_HEADINGS = {
    "messages": "Messages",
    "payload": "In\npayload",
    "alias": "Under\nalias",
    "headers": "In\nheaders",
    "both": "In\nboth",
    "none": "None",
    "invalid": "Invalid",
    "not_eligible": "Not\nable",
    "sampled": "Sampled",
    "traces": "Traces",
    "bytes_added": "Bytes\nadded",
}


def as_json(rows: Rows, total: Tally, heard: Heard) -> str:
    """One JSON document, on several lines, in ASCII."""
    document: dict[str, Any] = {
        "subjects": [{"subject": subject, **tally.counts()} for subject, tally in rows],
        "total": total.counts(),
        "seconds": round(heard.seconds, 3),
        "missed": heard.missed,
        "unreadable": heard.unreadable,
        "internal": heard.internal,
        "disconnections": heard.disconnections,
        "problems": heard.problems,
    }
    return json.dumps(document, indent=2)


def print_table(console: Console, rows: Rows, total: Tally, heard: Heard) -> None:
    """The table, and below it what it does not say. A console too narrow for numbers is widened."""
    counts = total.counts()
    columns = list(_HEADINGS)
    if _width(console, rows, total, columns) > console.width:
        columns = [name for name in columns if counts[name]]
    subjects = max((len(_short(subject)) for subject, _ in rows), default=0)
    least = _width(console, rows, total, columns) - max(0, subjects - _LEAST_SUBJECT)
    console.width = max(console.width, least)
    console.print(_table(columns, rows, total))
    for line in (_heard(total, heard), *_costs(rows, total), *notes(heard)):
        console.print(Text(printable(line)), soft_wrap=True)


def _width(console: Console, rows: Rows, total: Tally, columns: Sequence[str]) -> int:
    table = _table(columns, rows, total)
    return console.measure(table, options=console.options.update(width=1000)).maximum


def _table(columns: Sequence[str], rows: Rows, total: Tally) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_footer=True, pad_edge=False)
    table.add_column("Subject", Text("Total"), overflow="fold")
    table.add_column("With\ncontext", _share(total), justify="right", no_wrap=True)
    for name in columns:
        table.add_column(_HEADINGS[name], _cell(name, total), justify="right", no_wrap=True)
    for subject, tally in rows:
        cells = (_cell(name, tally) for name in columns)
        table.add_row(Text(_short(subject)), _share(tally), *cells)
    return table


def _short(subject: str) -> str:
    text = printable(subject)
    return text if len(text) <= _MAX_LENGTH else f"{text[: _MAX_LENGTH - 3]}..."


def _cell(name: str, tally: Tally) -> str:
    return percent(tally.sampled_share) if name == "sampled" else f"{tally.counts()[name]:,}"


def _share(tally: Tally) -> Text:
    share = tally.share
    style = "" if share is None else "green" if share == 100 else "red" if not share else "yellow"
    return Text(percent(share), style=style)


def _heard(total: Tally, heard: Heard) -> str:
    rate = total.messages / heard.seconds if heard.seconds else 0
    messages = _number(total.messages, "message")
    return f"{messages} in {heard.seconds:.1f} s, {rate:,.0f} a second."


def _costs(rows: Rows, total: Tally) -> list[str]:
    found: list[str] = []
    if total.carrying:
        found.append(f"{total.bytes_added / total.carrying:.0f} bytes a context.")
    if any(tally.has_forgotten for tally in (total, *(tally for _, tally in rows))):
        found.append("There were more traces than are told apart.")
    return found


def notes(heard: Heard) -> list[str]:
    """What the counts do not say."""
    found: list[str] = []
    if heard.internal:
        found.append(
            f"{_number(heard.internal, 'more message')} came that were replies, NATS's own or "
            "JetStream's deliveries, and are not counted."
        )
    if heard.missed:
        found.append(
            f"Missed {_number(heard.missed, 'message')}: they came faster than they could be "
            "looked at."
        )
    if heard.unreadable:
        found.append(
            f"Could not read {_number(heard.unreadable, 'message')}: nats-py does not take "
            "their subject or headers."
        )
    if heard.disconnections:
        found.append(
            f"Lost the connection {_number(heard.disconnections, 'time')}; what was published "
            "meanwhile is not counted."
        )
    return found + [f"The server said: {problem}" for problem in heard.problems]


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
