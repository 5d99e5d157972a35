"""Keeps every message of the pipeline to the byte, and tells of each row; has no tracing code."""

# pyright: reportUnknownMemberType=false
# nats-py's own annotations leave types open.

from __future__ import annotations

import asyncio
import json
import logging
import os
import sqlite3
import time

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from .lifecycle import announce_ready, run

logger = logging.getLogger("audit_store")

SUBJECTS = ("market.>", "signals.>", "execution.>")


class AuditStorage:
    """Rows of subject and payload in SQLite."""

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(path)
        # Readers must not wait for the writer, nor the writer for the disk at each row.
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=NORMAL")
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS audit (id INTEGER PRIMARY KEY, subject TEXT NOT NULL,"
            " payload BLOB NOT NULL, stored_at INTEGER NOT NULL)"
        )
        self._connection.commit()

    def add(self, subject: str, payload: bytes) -> int:
        """Store one message; return the number of its row."""
        row = (subject, payload, time.time_ns() // 1_000_000)
        with self._connection:
            cursor = self._connection.execute(
                "INSERT INTO audit (subject, payload, stored_at) VALUES (?, ?, ?)", row
            )
        return cursor.lastrowid or 0

    def close(self) -> None:
        """Close the database."""
        self._connection.close()


class AuditStore:
    """The callback fills a queue; workers store what is in it and publish an event for each row."""

    def __init__(self, nc: Client, storage: AuditStorage, workers: int) -> None:
        self._nc = nc
        self._storage = storage
        self._worker_count = workers
        self._queue: asyncio.Queue[Msg] = asyncio.Queue()
        self._workers: list[asyncio.Task[None]] = []
        self._subscriptions: list[Subscription] = []

    async def start(self) -> None:
        """Start the workers, then subscribe to all of the pipeline."""
        self._workers = [asyncio.create_task(self._work()) for _ in range(self._worker_count)]
        for subject in SUBJECTS:
            subscription = await self._nc.subscribe(subject, "audit-store", self.on_message)
            self._subscriptions.append(subscription)

    async def stop(self) -> None:
        """Store what has been published until now, then stop the workers."""
        for subscription in self._subscriptions:
            await subscription.drain()
        await self._queue.join()
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        await self._nc.drain()

    async def on_message(self, msg: Msg) -> None:
        """Leave the message to the workers."""
        await self._queue.put(msg)

    async def _work(self) -> None:
        while True:
            try:
                msg = await asyncio.wait_for(self._queue.get(), timeout=1.0)
            except asyncio.TimeoutError:
                continue
            try:
                await self._keep(msg)
            except Exception:
                logger.exception("could not store a message on %s", msg.subject)
            finally:
                self._queue.task_done()

    async def _keep(self, msg: Msg) -> None:
        row = self._storage.add(msg.subject, msg.data)
        event = {"row": row, "bytes": len(msg.data)}
        await self._nc.publish(f"audit.{msg.subject}", json.dumps(event).encode())


async def serve(nc: Client, stopping: asyncio.Event) -> None:
    """Store messages until asked to stop, then store those that have arrived."""
    storage = AuditStorage(os.environ["AUDIT_PATH"])
    store = AuditStore(nc, storage, workers=int(os.environ.get("AUDIT_WORKERS", "3")))
    try:
        await store.start()
        await announce_ready(nc)
        await stopping.wait()
        await store.stop()
    finally:
        storage.close()


if __name__ == "__main__":
    run("audit_store", serve)
