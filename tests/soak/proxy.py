"""A TCP proxy on loopback whose connections can be cut."""

from __future__ import annotations

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import urlparse

_CHUNK = 65_536


class Proxy:
    """Passes bytes between clients and ``target``, a URL."""

    def __init__(self, target: str) -> None:
        self._target = urlparse(target)
        self._writers: set[StreamWriter] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self.url = ""

    async def accept(self, reader: StreamReader, writer: StreamWriter) -> None:
        """A client has connected."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        there = await asyncio.open_connection(self._target.hostname, self._target.port)
        ends = {writer, there[1]}
        self._writers |= ends
        try:
            await asyncio.gather(_pass(reader, there[1]), _pass(there[0], writer))
        finally:
            self._writers -= ends

    def cut(self) -> None:
        """End all connections, as a network does: without a word."""
        for writer in self._writers:
            writer.transport.abort()

    async def close(self) -> None:
        """End all connections, and wait until that is done."""
        self.cut()
        await asyncio.gather(*self._tasks)


async def _pass(reader: StreamReader, writer: StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
    with suppress(ConnectionError):
        writer.close()
        await writer.wait_closed()


@asynccontextmanager
async def running_proxy(target: str) -> AsyncGenerator[Proxy, None]:
    """One in this event loop, as long as the block lasts."""
    proxy = Proxy(target)
    server = await asyncio.start_server(proxy.accept, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    proxy.url = f"nats://127.0.0.1:{port}"
    try:
        yield proxy
    finally:
        server.close()
        await proxy.close()
        await server.wait_closed()
