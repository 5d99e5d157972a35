"""Reads the exchange's websocket streams and publishes them as market data on NATS."""

from __future__ import annotations

import asyncio
import logging
import os
from typing import Any

import orjson
from nats.aio.client import Client
from websockets.asyncio.client import ClientConnection, connect

from .lifecycle import announce_ready, run
from .market_data import Depth, MarketData, Trade

logger = logging.getLogger("socket_client")


class SocketClient:
    """Publishes one message of market data for each message of the exchange."""

    def __init__(self, nc: Client, url: str) -> None:
        self._nc = nc
        self._url = url
        self.connected = asyncio.Event()

    async def read(self) -> None:
        """Read the streams until cancelled, connecting again when the exchange hangs up."""
        async for websocket in connect(self._url):
            self.connected.set()
            logger.info("connected to %s", self._url)
            await self._publish_all(websocket)
            logger.warning("the exchange closed the connection, connecting again")

    async def _publish_all(self, websocket: ClientConnection) -> None:
        async for raw in websocket:
            try:
                data = normalise(orjson.loads(raw)["data"])
            except (KeyError, ValueError) as error:
                logger.warning("skipped a message of the exchange: %r", error)
                continue
            subject = f"market.{data['type']}.{data['symbol']}"
            await self._nc.publish(subject, orjson.dumps(data))


def normalise(event: dict[str, Any]) -> MarketData:
    """The exchange's event with field names that mean something outside the exchange."""
    if event["e"] == "trade":
        return _trade(event)
    if event["e"] == "depthUpdate":
        return _depth(event)
    raise ValueError(f"unknown event type {event['e']!r}")


def _trade(event: dict[str, Any]) -> Trade:
    return {
        "type": "trade",
        "exchange": "binance",
        "symbol": event["s"],
        "trade_id": event["t"],
        "price": event["p"],
        "quantity": event["q"],
        "buyer_is_maker": event["m"],
        "event_time": event["E"],
    }


def _depth(event: dict[str, Any]) -> Depth:
    return {
        "type": "depth",
        "exchange": "binance",
        "symbol": event["s"],
        "first_update_id": event["U"],
        "last_update_id": event["u"],
        "bids": event["b"],
        "asks": event["a"],
        "event_time": event["E"],
    }


async def serve(nc: Client, stopping: asyncio.Event) -> None:
    """Read and publish until asked to stop, then send out what is still buffered."""
    client = SocketClient(nc, os.environ["FEED_URL"])
    reader = asyncio.create_task(client.read())
    stop = asyncio.create_task(stopping.wait())
    connected = asyncio.create_task(client.connected.wait())
    await asyncio.wait({connected, reader, stop}, return_when=asyncio.FIRST_COMPLETED)
    if connected.done():
        await announce_ready(nc)
    await asyncio.wait({reader, stop}, return_when=asyncio.FIRST_COMPLETED)
    if reader.done():
        # Reading ends only by an error, which must end the service with a traceback.
        reader.result()
    reader.cancel()
    await asyncio.gather(reader, return_exceptions=True)
    await nc.drain()


if __name__ == "__main__":
    run("socket_client", serve)
