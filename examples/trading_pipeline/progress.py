"""Shows how far the run has come: bars on a terminal, a few plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

LINES = 4


class Progress(Protocol):
    """Where the run reports how far it has come."""

    def update(self, fed: int, stored: int) -> None:
        """Show the market messages fed and the rows stored until now."""
        ...


class _Lines:
    def __init__(self, console: Console, messages: int, rows: int) -> None:
        self._console = console
        self._messages = messages
        self._rows = rows
        self._shown = 0

    def update(self, fed: int, stored: int) -> None:
        share = stored * LINES // self._rows
        if share > self._shown:
            self._shown = share
            self._console.print(
                f"fed {fed}/{self._messages} messages, stored {stored}/{self._rows} rows"
            )


class _Bars:
    def __init__(self, bars: Bars, messages: int, rows: int) -> None:
        self._bars = bars
        self._fed = bars.add_task("messages fed", total=messages)
        self._stored = bars.add_task("rows stored", total=rows)

    def update(self, fed: int, stored: int) -> None:
        self._bars.update(self._fed, completed=fed)
        self._bars.update(self._stored, completed=stored)


@contextmanager
def shown_progress(console: Console, messages: int, rows: int) -> Generator[Progress, None, None]:
    """Progress towards that many messages and rows."""
    if not console.is_terminal:
        yield _Lines(console, messages, rows)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Bars(*columns, TimeElapsedColumn(), console=console) as bars:
        yield _Bars(bars, messages, rows)
