"""A proxy between clients and a nats-server that cuts, holds and stalls connections exactly."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlparse

_WITH_BODY = re.compile(rb"H?(PUB|MSG) (?P<subject>\S+) .*?(?P<size>\d+)\r\n", re.IGNORECASE)


class Proxy:
    """What passes, and what does not. One event loop with the clients, so nothing is by chance.

    Attributes:
        url: what clients connect to.
        open: cleared, a new connection is accepted but the server is not reached.
        to_server: cleared, nothing that clients send is read any more.
        to_client: the same for what the server sends.
    """

    def __init__(self, server: str) -> None:
        self._server = server
        self._cuts: dict[asyncio.Event, tuple[int, int]] = {}
        self._connections: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self.url = ""
        self.open, self.to_server, self.to_client = (
            asyncio.Event(),
            asyncio.Event(),
            asyncio.Event(),
        )
        for event in (self.open, self.to_server, self.to_client):
            event.set()

    def connect_to(self, server: str) -> None:
        """Where connections go from now on."""
        self._server = server

    def cut_after(self, way: asyncio.Event, messages: int, more: int) -> None:
        """Cut once, ``more`` bytes after so many messages went one way, and hold reconnects.

        Args:
            way: ``to_server`` or ``to_client``.
            messages: to subjects that start with ``fault.``; others do not count.
            more: bytes of the next one.
        """
        self._cuts[way] = (messages, more)

    def cut(self) -> None:
        """End all connections as a server does that goes away, and hold reconnects."""
        self.open.clear()
        self.to_server.set()
        self.to_client.set()
        for writer in self._writers:
            with suppress(OSError, RuntimeError):
                writer.write_eof()
        self._writers.clear()

    def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take a connection."""
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def close(self) -> None:
        """End the connections that are left."""
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError):
                await self._connect(reader, writer)
        finally:
            await _close(writer)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self.open.wait()
        address = urlparse(self._server)
        server_reader, server = await asyncio.open_connection(address.hostname, address.port)
        writers = {writer, server}
        self._writers |= writers
        try:
            await asyncio.gather(
                self._pump(reader, server, self.to_server),
                self._pump(server_reader, writer, self.to_client),
            )
        finally:
            self._writers -= writers
            await _close(server)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: asyncio.Event
    ) -> None:
        """Pass on whole commands; after a cut, read to the end and pass on nothing."""
        rest = b""
        while True:
            await way.wait()
            data = await reader.read(65536)
            await way.wait()  # held since
            if not data:
                break
            if writer not in self._writers:
                continue
            commands, rest = _split(rest + data)
            for command in commands:
                await self._pass(command, writer, way)
        with suppress(OSError, RuntimeError):
            writer.write_eof()

    async def _pass(self, command: bytes, writer: asyncio.StreamWriter, way: asyncio.Event) -> None:
        messages, more = self._cuts.get(way, (0, 0))
        if way in self._cuts and _is_counted(command):
            if messages == 0:
                del self._cuts[way]
                self._write(command[:more], writer)
                return self.cut()
            self._cuts[way] = (messages - 1, more)
        self._write(command, writer)
        return None

    def _write(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        if writer in self._writers and not writer.is_closing():
            writer.write(data)


async def _close(writer: asyncio.StreamWriter) -> None:
    """Without what was not sent: the other side may not read it."""
    writer.transport.abort()
    with suppress(OSError):
        await writer.wait_closed()


def _is_counted(command: bytes) -> bool:
    match = _WITH_BODY.match(command)
    return match is not None and match["subject"].startswith(b"fault.")


def _split(data: bytes) -> tuple[list[bytes], bytes]:
    """The whole commands of the protocol that ``data`` starts with, and what is left."""
    commands = list(_commands(data))
    return commands, data[sum(map(len, commands)) :]


def _commands(data: bytes) -> Iterator[bytes]:
    start = 0
    while (end := data.find(b"\r\n", start) + 2) >= 2:
        match = _WITH_BODY.match(data, start)
        if match is not None:
            end += int(match["size"]) + 2
        if end > len(data):
            return
        yield data[start:end]
        start = end


@asynccontextmanager
async def proxy_to(server: str) -> AsyncGenerator[Proxy]:
    """A proxy on a free port."""
    proxy = Proxy(server)
    listener = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.url = f"nats://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        listener.close()
        await proxy.close()
