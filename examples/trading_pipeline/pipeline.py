"""Starts the whole pipeline, lets it work through the messages, and stops it."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from .broker import start_broker
from .child import Child, Echo
from .environment import SERVICES, process_environment, service_command, telemetry_settings
from .feed import Feed, running_feed
from .processes import Children, running_children
from .progress import Progress, shown_progress
from .rows import expected_rows, stored_rows

READY_TEXT = "service ready"
DATABASE = "trading.sqlite"
POLL_INTERVAL = 0.1
STALL_TIMEOUT = 30.0
STOP_TIMEOUT = 60.0


@dataclass(frozen=True)
class Options:
    """What the command line asks for."""

    messages: int
    rate: float
    with_plugin: bool
    verbose: bool


async def run_pipeline(options: Options, endpoint: str, console: Console) -> dict[str, int]:
    """Send all messages through the pipeline; return the rows stored, once all has stopped."""
    echo: Echo | None = _plain(console) if options.verbose else None
    with TemporaryDirectory(prefix="trading-pipeline-", ignore_cleanup_errors=True) as name:
        directory = Path(name)
        async with running_feed() as (feed, feed_url), running_children(echo) as children:
            console.print("starting nats-server and the services")
            services = await _start(children, directory, feed_url, endpoint, options)
            with shown_progress(
                console, options.messages, sum(expected_rows(options.messages).values())
            ) as progress:
                await children.guard(_play(feed, directory / DATABASE, options, progress))
            console.print("stopping the services, which send their last spans")
            await children.stop(services, STOP_TIMEOUT)
        return stored_rows(directory / DATABASE)


def _plain(console: Console) -> Echo:
    return lambda line: console.print(line, markup=False, highlight=False, soft_wrap=True)


async def _start(
    children: Children, directory: Path, feed_url: str, endpoint: str, options: Options
) -> list[Child]:
    environment = process_environment(os.environ)
    _, nats_url = await start_broker(children, directory, environment)
    environment |= {
        "NATS_URL": nats_url,
        "FEED_URL": feed_url,
        "DATABASE_PATH": str(directory / DATABASE),
    }
    services = [
        await children.start(
            service,
            service_command(service),
            environment | telemetry_settings(service, endpoint, options.with_plugin),
            READY_TEXT,
        )
        for service in SERVICES
    ]
    await children.wait_ready()
    return services


async def _play(feed: Feed, database: Path, options: Options, progress: Progress) -> None:
    """Play the feed until all is stored, or until nothing has been stored for too long."""
    player = asyncio.create_task(feed.play(options.messages, options.rate))
    try:
        await _watch(feed, database, expected_rows(options.messages), progress)
    finally:
        player.cancel()
        await asyncio.wait({player})


async def _watch(feed: Feed, database: Path, expected: dict[str, int], progress: Progress) -> None:
    clock = asyncio.get_running_loop().time
    seen, changed = (0, 0), clock()
    while clock() - changed < STALL_TIMEOUT:
        rows = stored_rows(database)
        now = feed.sent, sum(rows.values())
        progress.update(*now)
        if rows == expected:
            return
        if now != seen:
            seen, changed = now, clock()
        # SQLite tells other processes nothing of its changes.
        await asyncio.sleep(POLL_INTERVAL)
