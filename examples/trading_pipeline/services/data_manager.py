"""Stores every message of the pipeline; traced by hand, as services are without the plugin."""

# pyright: reportUnknownMemberType=false
# nats-py's own annotations leave types open.

from __future__ import annotations

import asyncio
import json
import logging
import os
from contextlib import AbstractContextManager
from typing import Any

from nats.aio.client import Client
from nats.aio.msg import Msg
from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind

from .execution_reader import ExecutionReader
from .lifecycle import announce_ready, run
from .storage import Storage

try:
    from opentelemetry_instrumentation_nats_payload import NATSTracePropagator
except ImportError:  # only with --without-plugin
    NATSTracePropagator = None

logger = logging.getLogger("data_manager")
tracer = trace.get_tracer("data_manager")

# The first tokens of the subjects that are subscribed to; executions come from their stream.
HOPS = ("market", "signals")


class DataManager:
    """Callbacks fill a queue, workers empty it, so that storing never holds up receiving."""

    def __init__(self, nc: Client, storage: Storage, workers: int) -> None:
        self._nc = nc
        self._storage = storage
        self._worker_count = workers
        self._queue: asyncio.Queue[Msg] = asyncio.Queue()
        self._workers: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Start the workers, then subscribe to market data and signals."""
        self._workers = [asyncio.create_task(self._work()) for _ in range(self._worker_count)]
        for hop in HOPS:
            await self._nc.subscribe(f"{hop}.>", queue="data-manager", cb=self.on_message)

    async def stop(self) -> None:
        """Receive and store what has been published until now, then stop the workers."""
        await self._nc.drain()
        await self._queue.join()
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)

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
                self.store(msg)
            except Exception:
                logger.exception("could not store a message on %s", msg.subject)
            finally:
                self._queue.task_done()

    def store(self, msg: Msg) -> None:
        """Store the message, by whichever way it came."""
        hop = msg.subject.partition(".")[0]
        document = json.loads(msg.data)
        with storing_span(document, hop):
            self._storage.store(hop, msg.subject, without_trace_headers(document))


def storing_span(document: dict[str, Any], hop: str) -> AbstractContextManager[Span]:
    """A span around storing the document, in the trace that the document belongs to."""
    attributes = {"db.system.name": "sqlite", "db.collection.name": "documents"}
    if NATSTracePropagator is None:
        return tracer.start_as_current_span(
            f"store {hop}", kind=SpanKind.CONSUMER, attributes=attributes
        )
    return NATSTracePropagator.create_span_from_message(
        tracer, document, f"store {hop}", attributes=attributes
    )


def without_trace_headers(document: dict[str, Any]) -> dict[str, Any]:
    """The document as it was before it was traced."""
    if NATSTracePropagator is None:
        return document
    return NATSTracePropagator.remove_trace_headers(document)


async def serve(nc: Client, stopping: asyncio.Event) -> None:
    """Store messages until asked to stop, then store those that have arrived."""
    storage = Storage(os.environ["DATABASE_PATH"])
    manager = DataManager(nc, storage, workers=int(os.environ.get("STORE_WORKERS", "10")))
    reader = ExecutionReader(nc.jetstream(), "data-manager", manager.store)
    try:
        await manager.start()
        await announce_ready(nc)
        await reader.read(stopping)
        await manager.stop()
    finally:
        storage.close()


if __name__ == "__main__":
    run("data_manager", serve)
