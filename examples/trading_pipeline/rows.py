"""What the data manager and the audit store have stored, and what they should have."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .tap import Records

# What one market message leads to: a signal of each of two services, and for each signal the
# three events of its execution, which come from JetStream. The audit store keeps them all.
ROWS_PER_MESSAGE = {"market": 1, "signals": 2, "execution": 6, "audit": 9}


@dataclass(frozen=True)
class Databases:
    """Where the services store."""

    documents: Path
    """The data manager's."""

    audit: Path


@dataclass(frozen=True)
class Stored:
    """What a run has stored."""

    rows: dict[str, int]
    """Of each hop, and of the audit store."""

    clean: int
    """How many payloads of the audit store are to the byte what was published."""


def expected_rows(messages: int) -> dict[str, int]:
    """The rows of each hop when every message has gone all the way."""
    return {hop: messages * rows for hop, rows in ROWS_PER_MESSAGE.items()}


def stored_rows(databases: Databases) -> dict[str, int]:
    """The rows of each hop now."""
    documents = _read(databases.documents, "SELECT hop, count(*) FROM documents GROUP BY hop")
    audited = _read(databases.audit, "SELECT 'audit', count(*) FROM audit")
    counts: dict[str, int] = dict([*documents, *audited])
    return {hop: counts.get(hop, 0) for hop in ROWS_PER_MESSAGE}


def clean_rows(databases: Databases, published: Records) -> int:
    """How many rows of the audit store are among what was published."""
    rows = Records(_read(databases.audit, "SELECT subject, payload FROM audit"))
    return (rows & published).total()


def _read(database: Path, query: str) -> list[tuple[str, Any]]:
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        return connection.execute(query).fetchall()
