"""A task of taskiq, and who asks for it: ``taskiq worker tasks:broker``, ``python tasks.py``."""

from __future__ import annotations

import asyncio
import os
import sys

from taskiq_nats import PullBasedJetStreamBroker
from taskiq_nats.result_backend import NATSObjectStoreResultBackend

_URL = os.environ["NATS_URL"]
broker = PullBasedJetStreamBroker(_URL, durable="workers").with_result_backend(
    NATSObjectStoreResultBackend(_URL)
)


@broker.task
async def hello(name: str) -> str:
    """The task."""
    return f"Hello, {name}!"


async def main() -> None:
    """Ask for it."""
    await broker.startup()
    task = await hello.kiq("NATS")
    result = await task.wait_result(timeout=20)
    sys.stdout.write(f"{result.return_value}\n")
    await broker.shutdown()


if __name__ == "__main__":
    asyncio.run(main())
