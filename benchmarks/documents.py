"""JSON documents of a given size, such as a market data service sends."""

from __future__ import annotations

import json
from typing import Any

MIN_SIZE = 100


def make_document(size: int) -> dict[str, Any]:
    """A dict that :func:`encode` makes exactly ``size`` bytes of, ``MIN_SIZE`` or more."""
    document = _document(0, 0)
    used = len(encode(document))
    row_size = (len(encode(_document(11, 0))) - used) // 10
    rows = (size - used) // row_size
    while len(encode(_document(rows, 0))) > size:
        rows -= 1
    return _document(rows, size - len(encode(_document(rows, 0))))


def encode(document: dict[str, Any]) -> bytes:
    """The payload that an application sends of ``document``."""
    return json.dumps(document).encode()


def _document(rows: int, padding: int) -> dict[str, Any]:
    return {
        "symbol": "BTCUSDT",
        "event": "trade",
        "timestamp": 1700000000.125,
        "trades": [_trade(row) for row in range(rows)],
        "note": "n" * padding,
    }


def _trade(row: int) -> dict[str, Any]:
    return {"id": 100000 + row, "price": "67123.45", "quantity": 0.125, "is_maker": True}
