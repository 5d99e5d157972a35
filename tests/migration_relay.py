"""A service that knows nothing of tracing: ``python migration_relay.py SOURCE TARGET``.

It makes a new message of each that comes in, which it shares with other processes of its kind. On
SIGTERM it finishes what it has, and ends.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys

import nats
from nats.aio.msg import Msg


async def main(source: str, target: str) -> None:
    """Run until SIGTERM, and say when it is ready."""
    client = await nats.connect(os.environ["NATS_URL"])
    is_stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, is_stopping.set)

    async def relay(message: Msg) -> None:
        order = json.loads(message.data)["order"]
        await client.publish(target, json.dumps({"order": order}).encode())

    await client.subscribe(source, queue="relay", cb=relay)
    await client.flush()
    await client.flush()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await is_stopping.wait()
    await client.drain()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
