"""What every service does the same way: logging, the connection to NATS, and shutdown."""

# pyright: reportUnknownMemberType=false
# nats-py's own annotations leave types open.

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Awaitable, Callable

import nats
from nats.aio.client import Client

logger = logging.getLogger(__name__)

Serve = Callable[[Client, asyncio.Event], Awaitable[None]]


def run(name: str, serve: Serve) -> None:
    """Run `serve` until SIGTERM or SIGINT; it drains the connection before it returns."""
    logging.basicConfig(
        level=os.environ.get("LOG_LEVEL", "INFO"),
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    asyncio.run(_connect_and_serve(name, serve))


async def announce_ready(nc: Client) -> None:
    """Log that the service takes messages, once the server knows its subscriptions."""
    await nc.flush()
    logger.info("service ready")


async def _connect_and_serve(name: str, serve: Serve) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    nc = await nats.connect(os.environ["NATS_URL"], name=name, error_cb=_log_error)
    await serve(nc, stopping)
    logger.info("service stopped")


async def _log_error(error: Exception) -> None:
    logger.error("NATS: %s", error, exc_info=error)
