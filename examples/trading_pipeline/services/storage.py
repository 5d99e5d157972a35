"""The data manager's database."""

from __future__ import annotations

import json
import sqlite3
import time
from typing import Any


class Storage:
    """Stores documents in SQLite."""

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(path)
        # Readers must not wait for the writer, nor the writer for the disk at each row.
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=NORMAL")
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS documents (id INTEGER PRIMARY KEY, hop TEXT NOT NULL,"
            " subject TEXT NOT NULL, document TEXT NOT NULL, stored_at INTEGER NOT NULL)"
        )
        self._connection.commit()

    def store(self, hop: str, subject: str, document: dict[str, Any]) -> None:
        """Store one document."""
        row = (hop, subject, json.dumps(document), time.time_ns() // 1_000_000)
        with self._connection:
            self._connection.execute(
                "INSERT INTO documents (hop, subject, document, stored_at) VALUES (?, ?, ?, ?)",
                row,
            )

    def close(self) -> None:
        """Close the database."""
        self._connection.close()
