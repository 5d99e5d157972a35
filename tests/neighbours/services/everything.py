"""All that an application does with nats-py, on the loop that LOOP names."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
from typing import Any

import nats

_URL = os.environ["NATS_URL"]


async def _publish_from_thread() -> None:
    client = await nats.connect(_URL)
    await client.publish("thread", b'{"from":"thread"}')
    await client.drain()


async def _pipeline(client: Any) -> None:
    """A message that is handed to a thread, a pool and a task, each of which publishes."""
    done: asyncio.Queue[str] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def in_pool() -> None:
        asyncio.run_coroutine_threadsafe(client.publish("pool", b"{}"), loop).result()

    async def on_order(message: Any) -> None:
        logging.getLogger("service").warning("order")
        thread = threading.Thread(target=asyncio.run, args=(_publish_from_thread(),))
        thread.start()
        await asyncio.to_thread(thread.join)
        await loop.run_in_executor(None, in_pool)
        await asyncio.create_task(client.publish("task", b"{}"))
        await asyncio.gather(client.publish("gathered", b"{}"), asyncio.sleep(0))

    async def on_other(message: Any) -> None:
        await done.put(message.subject)

    await client.subscribe("orders", cb=on_order)
    for subject in ("thread", "pool", "task", "gathered"):
        await client.subscribe(subject, cb=on_other)
    await client.publish("orders", b'{"order":1}')
    sys.stdout.write(f"{sorted([await done.get() for _ in range(4)])}\n")


async def main() -> None:
    """The pipeline, and a clean end."""
    client = await nats.connect(_URL)
    await _pipeline(client)
    await client.drain()


def run() -> None:
    """On uvloop, or on asyncio's loop."""
    if os.environ.get("LOOP") == "uvloop":
        import uvloop

        uvloop.run(main())
    else:
        asyncio.run(main())


if __name__ == "__main__":
    run()
