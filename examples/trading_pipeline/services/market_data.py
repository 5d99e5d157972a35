"""The market data documents that socket_client publishes, and their reference price."""

from __future__ import annotations

from typing import Literal, TypedDict


class Trade(TypedDict):
    """One executed trade."""

    type: Literal["trade"]
    exchange: str
    symbol: str
    trade_id: int
    price: str
    quantity: str
    buyer_is_maker: bool
    event_time: int


class Depth(TypedDict):
    """One update of the order book; a level is a pair of price and quantity."""

    type: Literal["depth"]
    exchange: str
    symbol: str
    first_update_id: int
    last_update_id: int
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]
    event_time: int


MarketData = Trade | Depth


def reference_price(data: MarketData) -> float:
    """The price of the trade, or the middle between the best bid and the best ask."""
    if data["type"] == "trade":
        return float(data["price"])
    return (float(data["bids"][0][0]) + float(data["asks"][0][0])) / 2
