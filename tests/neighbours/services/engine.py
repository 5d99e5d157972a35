"""A service on plain nats-py that knows nothing of tracing: an order is filled."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from typing import Any

import nats


async def main() -> None:
    """Serve until told to stop."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    client = await nats.connect(os.environ["NATS_URL"])

    async def on_order(message: Any) -> None:
        order = json.loads(message.data)
        await client.publish(order["reply"], b'{"filled":true}')

    async def on_quote(message: Any) -> None:
        await message.respond(b'{"price":1}')

    await client.subscribe("orders.new", queue="engine", cb=on_order)
    await client.subscribe("quotes.get", queue="engine", cb=on_quote)
    await client.flush()
    await client.publish("ready.engine", b"{}")
    await stop.wait()
    await client.drain()


if __name__ == "__main__":
    asyncio.run(main())
