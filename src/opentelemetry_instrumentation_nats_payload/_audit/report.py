"""What is printed at the end: a table for people, JSON for machines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .listening import Heard
from .tally import Tally, percent

Rows = Sequence[tuple[str, Tally]]

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
    """One JSON document, on several lines."""
    document: dict[str, Any] = {
        "subjects": [{"subject": subject, **tally.counts()} for subject, tally in rows],
        "total": total.counts(),
        "seconds": round(heard.seconds, 3),
        "missed": heard.missed,
        "internal": heard.internal,
        "disconnections": heard.disconnections,
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def print_table(console: Console, rows: Rows, total: Tally, heard: Heard) -> None:
    """The table, and below it what it does not say."""
    console.print(_fitting(console, rows, total))
    for note in notes(total, heard):
        console.print(Text(note), soft_wrap=True)


def _fitting(console: Console, rows: Rows, total: Tally) -> Table:
    """All columns, or without those of zeros where the terminal is too narrow for all."""
    counts = total.counts()
    columns = list(_HEADINGS)
    table = _table(columns, rows, total)
    if _width(console, table) > console.width:
        columns = [name for name in columns if counts[name]]
        table = _table(columns, rows, total)
    return table


def _width(console: Console, table: Table) -> int:
    return console.measure(table, options=console.options.update(width=1000)).maximum


def _table(columns: Sequence[str], rows: Rows, total: Tally) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_footer=True, pad_edge=False)
    table.add_column("Subject", Text("Total"), overflow="fold")
    table.add_column("With\ncontext", _share(total), justify="right", no_wrap=True)
    counts = total.counts()
    for name in columns:
        table.add_column(_HEADINGS[name], f"{counts[name]:,}", justify="right", no_wrap=True)
    for subject, tally in rows:
        counts = tally.counts()
        table.add_row(Text(subject), _share(tally), *(f"{counts[n]:,}" for n in columns))
    return table


def _share(tally: Tally) -> Text:
    share = tally.share
    style = "" if share is None else "green" if share == 100 else "red" if not share else "yellow"
    return Text(percent(share), style=style)


def notes(total: Tally, heard: Heard) -> list[str]:
    """What the counts do not say."""
    found = [_heard(total, heard)]
    if total.traces and total.carrying:
        found.append(f"{total.bytes_added / total.carrying:.0f} bytes a context.")
    if heard.missed:
        found.append(
            f"Missed {heard.missed:,} messages, which came faster than they could be looked at."
        )
    if heard.disconnections:
        found.append(
            f"The connection was lost {heard.disconnections} times; "
            "what was published meanwhile is not in these counts."
        )
    found += [f"The server said: {problem}" for problem in dict.fromkeys(heard.problems)]
    return found


def _heard(total: Tally, heard: Heard) -> str:
    rate = total.messages / heard.seconds if heard.seconds else 0
    text = f"{total.messages:,} messages in {heard.seconds:.1f} s, {rate:,.0f} a second."
    if heard.internal:
        text += f" {heard.internal:,} more were replies, or NATS's own, and are not counted."
    return text
