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
from .rows import Databases, Stored, clean_rows, expected_rows, stored_rows
from .tap import running_tap

READY_TEXT = "service ready"
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


async def run_pipeline(options: Options, endpoint: str, console: Console) -> Stored:
    """Send all messages through the pipeline; return what is stored, once all has stopped."""
    echo: Echo | None = _plain(console) if options.verbose else None
    with TemporaryDirectory(prefix="trading-pipeline-", ignore_cleanup_errors=True) as name:
        databases = Databases(Path(name, "trading.sqlite"), Path(name, "audit.sqlite"))
        async with running_feed() as (feed, feed_url), running_children(echo) as children:
            console.print("starting nats-server and the services")
            environment = process_environment(os.environ)
            _, nats_url = await start_broker(children, Path(name), environment)
            environment |= _addresses(nats_url, feed_url, databases)
            async with running_tap(nats_url) as tap:
                services = await _start(children, environment, endpoint, options)
                rows = sum(expected_rows(options.messages).values())
                with shown_progress(console, options.messages, rows) as progress:
                    await children.guard(_play(feed, databases, options, progress))
                console.print("stopping the services, which send their last spans")
                await children.stop(services, STOP_TIMEOUT)
        return Stored(stored_rows(databases), clean_rows(databases, tap.published))


def _plain(console: Console) -> Echo:
    return lambda line: console.print(line, markup=False, highlight=False, soft_wrap=True)


def _addresses(nats_url: str, feed_url: str, databases: Databases) -> dict[str, str]:
    return {
        "NATS_URL": nats_url,
        "FEED_URL": feed_url,
        "DATABASE_PATH": str(databases.documents),
        "AUDIT_PATH": str(databases.audit),
    }


async def _start(
    children: Children, environment: dict[str, str], endpoint: str, options: Options
) -> list[Child]:
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


async def _play(feed: Feed, databases: Databases, options: Options, progress: Progress) -> None:
    """Play the feed until all is stored, or until nothing has been stored for too long."""
    player = asyncio.create_task(feed.play(options.messages, options.rate))
    try:
        await _watch(feed, databases, expected_rows(options.messages), progress)
    finally:
        player.cancel()
        await asyncio.wait({player})


async def _watch(
    feed: Feed, databases: Databases, expected: dict[str, int], progress: Progress
) -> None:
    clock = asyncio.get_running_loop().time
    seen, changed = (0, 0), clock()
    while clock() - changed < STALL_TIMEOUT:
        rows = stored_rows(databases)
        now = feed.sent, sum(rows.values())
        progress.update(*now)
        if rows == expected:
            return
        if now != seen:
            seen, changed = now, clock()
        # SQLite tells other processes nothing of its changes.
        await asyncio.sleep(POLL_INTERVAL)
