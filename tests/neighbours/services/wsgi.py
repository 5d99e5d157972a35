"""A WSGI application: each request has a loop and a connection of its own."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable
from typing import Any

import nats


async def _publish() -> None:
    client = await nats.connect(os.environ["NATS_URL"])
    await client.publish("orders.plain", b'{"order":1}')
    await client.drain()


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Publishes an order."""
    asyncio.run(_publish())
    start_response("200 OK", [("Content-Type", "application/json")])
    return [b'{"pid": %d}' % os.getpid()]
