"""Publishes an order to itself."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

import nats


async def main() -> None:
    """One message, processed."""
    client = await nats.connect(os.environ["NATS_URL"])
    done = asyncio.Event()

    async def on_order(message: Any) -> None:
        done.set()

    await client.subscribe("plain.orders", cb=on_order)
    await client.publish("plain.orders", b'{"order":1}')
    await done.wait()
    await client.drain()
    sys.stdout.write("done\n")


if __name__ == "__main__":
    asyncio.run(main())
