"""Trades signals on paper and publishes an event for each step of the execution."""

# pyright: reportUnknownMemberType=false
# nats-py's own annotations leave types open.

from __future__ import annotations

import asyncio
import logging
import os
import uuid
from typing import Literal, TypedDict

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .execution_stream import ensure_stream
from .lifecycle import announce_ready, run
from .paper_account import PaperAccount, Side

logger = logging.getLogger("tradeengine")


class Signal(BaseModel):
    """A signal as its contract says; a field more or less is refused."""

    model_config = ConfigDict(extra="forbid", strict=True)

    signal_id: str
    strategy: str
    symbol: str
    side: Side
    price: float = Field(gt=0)
    confidence: float = Field(ge=0, le=1)
    created_at: int


class Identifiers(TypedDict):
    """What tells which execution an event belongs to."""

    order_id: str
    signal_id: str
    symbol: str


class ExecutionEvent(BaseModel):
    """What all events of an execution have in common."""

    order_id: str
    signal_id: str
    symbol: str


class OrderAccepted(ExecutionEvent):
    """The order that the signal led to."""

    event: Literal["order"] = "order"
    side: Side
    quantity: float
    price: float


class OrderFilled(ExecutionEvent):
    """The whole order was filled, which on paper happens at once."""

    event: Literal["fill"] = "fill"
    quantity: float
    price: float
    fee: float


class PositionChanged(ExecutionEvent):
    """The position after the fill."""

    event: Literal["position"] = "position"
    quantity: float
    average_price: float
    realised_profit: float


Event = OrderAccepted | OrderFilled | PositionChanged


class TradeEngine:
    """Executes every valid signal and publishes what came of it."""

    def __init__(self, js: JetStreamContext, account: PaperAccount) -> None:
        self._js = js
        self._account = account

    async def on_signal(self, msg: Msg) -> None:
        """Execute the signal; the events of one execution go out together."""
        try:
            signal = Signal.model_validate_json(msg.data)
        except ValidationError as error:
            logger.warning("refused a signal on %s: %s", msg.subject, error)
            return
        publishes = [
            self._js.publish(
                f"execution.{event.event}.{event.symbol}", event.model_dump_json().encode()
            )
            for event in self._execute(signal)
        ]
        await asyncio.gather(*publishes)

    def _execute(self, signal: Signal) -> list[Event]:
        quantity, fee, position = self._account.fill(signal.symbol, signal.side, signal.price)
        ids: Identifiers = {
            "order_id": str(uuid.uuid4()),
            "signal_id": signal.signal_id,
            "symbol": signal.symbol,
        }
        return [
            OrderAccepted(**ids, side=signal.side, quantity=quantity, price=signal.price),
            OrderFilled(**ids, quantity=quantity, price=signal.price, fee=fee),
            PositionChanged(
                **ids,
                quantity=position.quantity,
                average_price=position.average_price,
                realised_profit=position.realised_profit,
            ),
        ]


async def serve(nc: Client, stopping: asyncio.Event) -> None:
    """Trade until asked to stop, then finish the signals that have arrived."""
    account = PaperAccount(
        order_value=float(os.environ.get("ORDER_VALUE", "100")),
        fee_rate=float(os.environ.get("FEE_RATE", "0.001")),
    )
    js = nc.jetstream()
    await ensure_stream(js)
    engine = TradeEngine(js, account)
    signals = await nc.subscribe("signals.>", queue="tradeengine", cb=engine.on_signal)
    await announce_ready(nc)
    await stopping.wait()
    # While the connection drains, the stream's acknowledgements no longer arrive.
    await signals.drain()
    await nc.drain()


if __name__ == "__main__":
    run("tradeengine", serve)
