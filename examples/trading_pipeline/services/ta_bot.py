"""Technical analysis over a window of prices, calculated outside the event loop."""

# pyright: reportUnknownMemberType=false
# nats-py's own annotations leave types open.

from __future__ import annotations

import asyncio
import json
import os
import time
import uuid
from collections import defaultdict, deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from nats.aio.client import Client
from nats.aio.msg import Msg

from .indicators import crossover, relative_strength
from .lifecycle import announce_ready, run
from .market_data import MarketData, reference_price

OVERBOUGHT, OVERSOLD = 80, 20


@dataclass(frozen=True)
class Settings:
    """The service's settings, read from the environment."""

    window: int
    threads: int

    @classmethod
    def from_environment(cls) -> Settings:
        """Read the settings; the window is a number of prices."""
        return cls(
            window=int(os.environ.get("ANALYSIS_WINDOW", "60")),
            threads=int(os.environ.get("ANALYSIS_THREADS", "2")),
        )


class TechnicalAnalysisBot:
    """Keeps a window of prices per symbol and publishes what the analysis makes of it."""

    def __init__(self, nc: Client, executor: ThreadPoolExecutor, window: int) -> None:
        self._nc = nc
        self._executor = executor
        self._prices: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=window))

    async def on_market_data(self, msg: Msg) -> None:
        """Analyse the symbol's window in a thread and publish the signal from here."""
        data: MarketData = json.loads(msg.data)
        symbol = data["symbol"]
        self._prices[symbol].append(reference_price(data))
        window = tuple(self._prices[symbol])
        loop = asyncio.get_running_loop()
        signal = await loop.run_in_executor(self._executor, analyse, symbol, window)
        await self._nc.publish(f"signals.ta.{symbol}", json.dumps(signal).encode())


def analyse(symbol: str, prices: tuple[float, ...]) -> dict[str, Any]:
    """The signal for the symbol: with the trend, unless the price has run too far."""
    strength = relative_strength(prices)
    trend = crossover(prices)
    buy = strength < OVERSOLD or (trend >= 0 and strength <= OVERBOUGHT)
    return {
        "signal_id": str(uuid.uuid4()),
        "strategy": "trend",
        "symbol": symbol,
        "side": "BUY" if buy else "SELL",
        "price": prices[-1],
        "confidence": min(abs(strength - 50) / 50, 1.0),
        "created_at": time.time_ns() // 1_000_000,
    }


async def serve(nc: Client, stopping: asyncio.Event) -> None:
    """Analyse until asked to stop, then finish the messages that have arrived."""
    settings = Settings.from_environment()
    with ThreadPoolExecutor(settings.threads, thread_name_prefix="analysis") as executor:
        bot = TechnicalAnalysisBot(nc, executor, settings.window)
        await nc.subscribe("market.>", "ta-bot", bot.on_market_data)
        await announce_ready(nc)
        await stopping.wait()
        await nc.drain()


if __name__ == "__main__":
    run("ta_bot", serve)
