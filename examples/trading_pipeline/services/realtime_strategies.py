"""Turns every message of market data into a signal, message by message, without history."""

# pyright: reportUnknownMemberType=false
# nats-py's own annotations leave types open.

from __future__ import annotations

import asyncio
import json
import os
import time
import uuid
from dataclasses import dataclass
from typing import Any

from nats.aio.client import Client
from nats.aio.msg import Msg

from .lifecycle import announce_ready, run
from .market_data import Depth, MarketData, Trade, reference_price


@dataclass(frozen=True)
class Settings:
    """The service's settings, read from the environment."""

    queue: str
    smoothing: float

    @classmethod
    def from_environment(cls) -> Settings:
        """Read the settings; the defaults suit a single exchange."""
        return cls(
            queue=os.environ.get("QUEUE_GROUP", "realtime-strategies"),
            smoothing=float(os.environ.get("MOMENTUM_SMOOTHING", "0.2")),
        )


class RealtimeStrategies:
    """Momentum for trades and the imbalance of the order book for depth."""

    def __init__(self, nc: Client, settings: Settings) -> None:
        self._nc = nc
        self._settings = settings
        self._averages: dict[str, float] = {}

    async def start(self) -> None:
        """Take a share of all market data."""
        await self._nc.subscribe(
            subject="market.>", queue=self._settings.queue, cb=self.on_market_data
        )

    async def on_market_data(self, msg: Msg) -> None:
        """Publish the signal of the strategy that fits the message."""
        data: MarketData = json.loads(msg.data)
        if data["type"] == "trade":
            signal = self._signal(data, "momentum", self._momentum(data))
        else:
            signal = self._signal(data, "book_imbalance", imbalance(data))
        await self._nc.publish(
            subject=f"signals.realtime.{data['symbol']}", payload=json.dumps(signal).encode()
        )

    def _momentum(self, trade: Trade) -> float:
        price = float(trade["price"])
        average = self._averages.get(trade["symbol"], price)
        self._averages[trade["symbol"]] = average + self._settings.smoothing * (price - average)
        return (price - average) / average * 1000

    def _signal(self, data: MarketData, strategy: str, score: float) -> dict[str, Any]:
        return {
            "signal_id": str(uuid.uuid4()),
            "strategy": strategy,
            "symbol": data["symbol"],
            "side": "BUY" if score >= 0 else "SELL",
            "price": reference_price(data),
            "confidence": min(abs(score), 1.0),
            "created_at": time.time_ns() // 1_000_000,
        }


def imbalance(depth: Depth) -> float:
    """How much more quantity is bid than asked, from -1 to 1."""
    bid = sum(float(quantity) for _, quantity in depth["bids"])
    ask = sum(float(quantity) for _, quantity in depth["asks"])
    return (bid - ask) / (bid + ask) if bid + ask else 0.0


async def serve(nc: Client, stopping: asyncio.Event) -> None:
    """Publish signals until asked to stop, then finish the messages that have arrived."""
    await RealtimeStrategies(nc, Settings.from_environment()).start()
    await announce_ready(nc)
    await stopping.wait()
    await nc.drain()


if __name__ == "__main__":
    run("realtime_strategies", serve)
