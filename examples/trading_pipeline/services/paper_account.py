"""Paper trading: orders that fill at once at the signal's price, and the positions they make."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Side = Literal["BUY", "SELL"]


@dataclass
class Position:
    """The quantity held of one symbol (negative when sold short) and what it cost on average."""

    quantity: float = 0.0
    average_price: float = 0.0
    realised_profit: float = 0.0

    def trade(self, quantity: float, price: float) -> None:
        """Buy, or sell with a negative quantity."""
        if self.quantity * quantity >= 0:
            self._extend(quantity, price)
        else:
            self._reduce(quantity, price)

    def _extend(self, quantity: float, price: float) -> None:
        cost = self.average_price * self.quantity + price * quantity
        self.quantity += quantity
        self.average_price = cost / self.quantity

    def _reduce(self, quantity: float, price: float) -> None:
        closed = min(abs(quantity), abs(self.quantity))
        direction = 1 if self.quantity > 0 else -1
        self.realised_profit += direction * closed * (price - self.average_price)
        turned = abs(quantity) > abs(self.quantity)
        self.quantity += quantity
        if turned:
            self.average_price = price


@dataclass
class PaperAccount:
    """Fills orders of a fixed value and keeps the positions."""

    order_value: float
    fee_rate: float
    positions: dict[str, Position] = field(default_factory=dict[str, Position])

    def fill(self, symbol: str, side: Side, price: float) -> tuple[float, float, Position]:
        """Fill an order; return its quantity, its fee and the position after it."""
        quantity = round(self.order_value / price, 8)
        position = self.positions.setdefault(symbol, Position())
        position.trade(quantity if side == "BUY" else -quantity, price)
        return quantity, quantity * price * self.fee_rate, position
