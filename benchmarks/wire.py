"""Messages as nats-server sends them: a subscriber that is a socket and nothing else."""

from __future__ import annotations

import asyncio
from urllib.parse import urlparse

_CONNECT = b'CONNECT {"verbose":false,"headers":true,"protocol":1}\r\n'


class Wire:
    """A connection to nats-server that is subscribed to ``subject``."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, address: str, subject: str) -> Wire:
        """Connect, and return once the server knows the subscription."""
        server = urlparse(address)
        wire = cls(*await asyncio.open_connection(server.hostname, server.port))
        wire._writer.write(_CONNECT + b"SUB %b 1\r\nPING\r\n" % subject.encode())
        await wire._line(b"PONG")
        return wire

    async def message(self) -> bytes:
        """The next message, from the first letter of its protocol line to its last line break."""
        line = await self._line(b"MSG", b"HMSG")
        return line + await self._reader.readexactly(int(line.split()[-1]) + 2)

    async def close(self) -> None:
        """Disconnect."""
        self._writer.close()
        await self._writer.wait_closed()

    async def _line(self, *operations: bytes) -> bytes:
        """The next line that is one of ``operations``; a PING or INFO in between is skipped."""
        while True:
            line = await self._reader.readline()
            if not line:
                raise ConnectionError("nats-server closed the connection")
            if line.partition(b" ")[0].strip() in operations:
                return line
