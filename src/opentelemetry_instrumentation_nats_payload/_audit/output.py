"""What is written on standard output and standard error, and made fit for a terminal."""

from __future__ import annotations

import io
import os
import sys
from typing import cast

from .errors import AuditError


def prepare() -> None:
    """Write what the encoding of standard output does not have as an escape."""
    stdout = cast("object", sys.stdout)
    if isinstance(stdout, io.TextIOWrapper):
        cast("io.TextIOWrapper", stdout).reconfigure(errors="backslashreplace")


def write(text: str) -> None:
    """Print a line on standard output.

    Raises:
        AuditError: nobody reads it any more, or the disk is full.
    """
    try:
        print(text, flush=True)  # noqa: T201
    except OSError as error:
        # Python tries it again at its end, and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise AuditError(f"cannot write the report: {error.strerror}") from error


class Page(io.StringIO):
    """Takes what rich prints, and looks like standard output to it."""

    @property
    def encoding(self) -> str | None:  # pyright: ignore[reportIncompatibleVariableOverride]
        return getattr(sys.stdout, "encoding", None)

    def isatty(self) -> bool:
        return bool(sys.stdout and sys.stdout.isatty())

    def __str__(self) -> str:
        lines = (line.rstrip() for line in self.getvalue().splitlines())
        return "\n".join(lines).strip("\n")


def complain(text: str) -> None:
    """Print a line on standard error."""
    print(f"nats-trace-audit: {printable(text)}", file=sys.stderr)  # noqa: T201


def printable(text: str) -> str:
    """``text`` with escapes for what would control a terminal.

    A subject may have any character but whitespace.
    """
    if text.isprintable():
        return text
    escaped = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return "".join(escaped)
