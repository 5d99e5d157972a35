"""Messages that came through a queue, and the span of a batch of them as it should be."""

from __future__ import annotations

import asyncio
from typing import Any

from nats.aio.msg import Msg

from expected import Expected
from handoff_services import in_task, putting
from spans import Recorded, attributes


async def messages(nc: Any, *subjects: str, **more: Any) -> list[Msg]:
    """One of each of ``subjects``, that came through a callback and a queue."""
    queue = asyncio.Queue[Any]()
    for subject in subjects:
        await (await putting(nc, subject, queue)).send(**more)
        for subscription in list(nc._subs.values()):
            await subscription.unsubscribe()
    return [await in_task(queue.get) for _ in subjects]


def batch(
    expected: Expected, trace_id: int, span: int, *links: tuple[int, int], **more: Any
) -> Recorded:
    """A batch of messages on ``batch.in``, as its span should be."""
    values: dict[str, Any] = {
        **expected.connection,
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.batch.message_count": len(links),
        "messaging.destination.name": "batch.in",
    }
    values.update(more)
    recorded = {k: v for k, v in values.items() if v is not None}
    name = f"process {recorded.get('messaging.destination.name', '')}".strip()
    return Recorded(name, "CONSUMER", attributes(recorded), trace_id, span, None, links)
