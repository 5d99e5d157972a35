"""Listens to what the services publish, beside them and without any tracing of its own."""

# pyright: reportUnknownMemberType=false
# nats-py's own annotations leave types open.

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import nats
from nats.aio.msg import Msg

from .services.audit_store import SUBJECTS

FIELD = b',"_otel_trace_headers":'

Records = Counter[tuple[str, bytes]]
"""Subjects and payloads, and how often there is each."""


class Tap:
    """What was published until now, as the services gave it to nats-py."""

    def __init__(self) -> None:
        self.published = Records()

    async def take(self, msg: Msg) -> None:
        """Count one message."""
        self.published[msg.subject, as_sent(msg.data)] += 1


def as_sent(payload: bytes) -> bytes:
    """The payload without the member that the plugin has put before its last brace."""
    before, found, _ = payload.rpartition(FIELD)
    return before + b"}" if found else payload


@asynccontextmanager
async def running_tap(url: str) -> AsyncGenerator[Tap, None]:
    """A tap on all that the audit store is to keep."""
    tap = Tap()
    connection = await nats.connect(url)
    try:
        for subject in SUBJECTS:
            await connection.subscribe(subject, cb=tap.take)
        await connection.flush()
        yield tap
    finally:
        await connection.close()
