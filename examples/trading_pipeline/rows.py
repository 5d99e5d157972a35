"""How many rows the data manager has stored, and how many there should be."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

# What one market message leads to: a signal of each of two services, and for each signal the
# three events of its execution, which come from JetStream.
ROWS_PER_MESSAGE = {"market": 1, "signals": 2, "execution": 6}


def expected_rows(messages: int) -> dict[str, int]:
    """The rows of each hop when every message has gone all the way."""
    return {hop: messages * rows for hop, rows in ROWS_PER_MESSAGE.items()}


def stored_rows(database: Path) -> dict[str, int]:
    """The rows of each hop now."""
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        counts = dict(connection.execute("SELECT hop, count(*) FROM documents GROUP BY hop"))
    return {hop: counts.get(hop, 0) for hop in ROWS_PER_MESSAGE}
