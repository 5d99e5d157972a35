"""A websocket server that plays trades and depth updates the way Binance's streams send them."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from itertools import islice
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

OPENING_PRICES = {"BTCUSDT": 64250.0, "ETHUSDT": 3120.0, "SOLUSDT": 148.0}
BOOK_LEVELS = 5


class Feed:
    """Sends market messages to the client that is connected."""

    def __init__(self) -> None:
        self._client: ServerConnection | None = None
        self._connected = asyncio.Event()
        self.sent = 0

    async def accept(self, connection: ServerConnection) -> None:
        """Keep the client's connection open until either side closes it."""
        self._client = connection
        self._connected.set()
        await connection.wait_closed()

    async def play(self, messages: int, rate: float) -> None:
        """Send the messages, `rate` of them a second."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        for number, message in enumerate(islice(market_messages(), messages)):
            await asyncio.sleep(start + number / rate - loop.time())
            await self._send(json.dumps(message))
            self.sent += 1

    async def _send(self, message: str) -> None:
        while True:
            await self._connected.wait()
            assert self._client
            try:
                return await self._client.send(message)
            except ConnectionClosed:
                self._connected.clear()


@asynccontextmanager
async def running_feed() -> AsyncGenerator[tuple[Feed, str], None]:
    """A feed on a free loopback port, and its address."""
    feed = Feed()
    listener = socket.create_server(("127.0.0.1", 0))
    async with serve(feed.accept, sock=listener, compression=None):
        yield feed, f"ws://127.0.0.1:{listener.getsockname()[1]}/stream"


def market_messages(seed: int = 7) -> Iterator[dict[str, Any]]:
    """Trades and depth updates of all symbols in turn, without end."""
    chance = random.Random(seed)
    prices = dict(OPENING_PRICES)
    number = 0
    while True:
        for symbol, price in prices.items():
            prices[symbol] = price * (1 + chance.gauss(0, 0.0004))
            for event in (_trade, _depth):
                number += 1
                data = event(symbol, prices[symbol], number, chance)
                yield {"stream": f"{symbol.lower()}@{event.__name__[1:]}", "data": data}


def _trade(symbol: str, price: float, number: int, chance: random.Random) -> dict[str, Any]:
    now = time.time_ns() // 1_000_000
    return {
        "e": "trade",
        "E": now,
        "s": symbol,
        "t": 3_000_000 + number,
        "p": f"{price:.8f}",
        "q": f"{chance.uniform(0.001, 2):.8f}",
        "T": now - chance.randrange(5),
        "m": chance.random() < 0.5,
        "M": True,
    }


def _depth(symbol: str, price: float, number: int, chance: random.Random) -> dict[str, Any]:
    tick = price / 20_000
    return {
        "e": "depthUpdate",
        "E": time.time_ns() // 1_000_000,
        "s": symbol,
        "U": 9_000_000 + number * 10,
        "u": 9_000_009 + number * 10,
        "b": _levels(price, -tick, chance),
        "a": _levels(price, tick, chance),
    }


def _levels(price: float, tick: float, chance: random.Random) -> list[list[str]]:
    return [
        [f"{price + tick * level:.8f}", f"{chance.uniform(0.01, 5):.8f}"]
        for level in range(1, BOOK_LEVELS + 1)
    ]
