"""The line that says how the audit goes, on the terminal's standard error."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner

from .tally import percent

State = Callable[[], tuple[int, float | None, float]]
"""Messages until now, the share with a context in percent, and seconds until now."""


@contextlib.contextmanager
def progress(state: State, *, is_shown: bool) -> Generator[Callable[[], None]]:
    """A function that shows ``state`` anew. Where there is no terminal it shows nothing."""
    console = Console(stderr=True)
    if not (is_shown and console.is_terminal):
        yield lambda: None
        return
    spinner = Spinner("dots", "connecting")
    # Without redirections, which would send what is printed for a pipe to the terminal.
    with Live(
        spinner, console=console, transient=True, redirect_stdout=False, redirect_stderr=False
    ):
        yield lambda: spinner.update(text=_text(*state()))


def _text(messages: int, share: float | None, seconds: float) -> str:
    rate = messages / seconds if seconds else 0
    heard = f"{seconds:.0f} s: {messages:,} messages, {rate:,.0f} a second"
    return f"{heard}, {percent(share)} with context"
