"""Indicators of technical analysis over a window of prices; pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise


def exponential_average(prices: Sequence[float], period: int) -> float:
    """The exponential moving average after the last price."""
    weight = 2 / (period + 1)
    average = prices[0]
    for price in prices[1:]:
        average += weight * (price - average)
    return average


def relative_strength(prices: Sequence[float], period: int = 14) -> float:
    """The relative strength index, from 0 to 100; 50 when nothing has moved."""
    changes = [after - before for before, after in pairwise(prices)][-period:]
    gain = sum(change for change in changes if change > 0)
    loss = -sum(change for change in changes if change < 0)
    return 100 * gain / (gain + loss) if gain + loss else 50.0


def crossover(prices: Sequence[float], fast: int = 12, slow: int = 26) -> float:
    """The fast average's distance from the slow one, relative to the slow one."""
    slow_average = exponential_average(prices, slow)
    return (exponential_average(prices, fast) - slow_average) / slow_average
