"""Work for Python that no change of a package changes: a measure of Python itself.

One build of CPython takes fewer instructions for the same code than another. The mix is that of
tracing: small objects, calls, attributes in dicts, text made of numbers, bytes put together.
"""

from __future__ import annotations

import asyncio
import random
from contextvars import ContextVar
from threading import Lock
from time import time_ns
from types import MappingProxyType

from .marks import count, finish

_PARTS = 4
"""A turn is about as much as a message."""

_COMMON = {"system": "reference", "address": "127.0.0.1", "port": 4222, "client": "7"}
_PAYLOAD = b'{"symbol":"BTCUSDT","price":"67123.45","quantity":0.125}'
_current: ContextVar[Record | None] = ContextVar("current", default=None)


class Record:
    """Something like a span."""

    def __init__(self, name: str, parent: Record | None, number: int) -> None:
        self.name = name
        self.parent_number = 0 if parent is None else parent.number
        self.number = number
        self.attributes: dict[str, object] = {}
        self.started_at = time_ns()
        self.ended_at: int | None = None
        self._lock = Lock()

    def set_attributes(self, attributes: dict[str, object]) -> None:
        """Each of its own, and checked."""
        for key, value in attributes.items():
            self.set_attribute(key, value)

    def set_attribute(self, key: str, value: object) -> None:
        """One of them."""
        if not key or not isinstance(value, (str, int)):
            raise ValueError(key)
        with self._lock:
            self.attributes[key] = value

    def end(self) -> MappingProxyType[str, object]:
        """Once."""
        with self._lock:
            if self.ended_at is not None:
                raise RuntimeError(self.name)
            self.ended_at = time_ns()
        return MappingProxyType(self.attributes)


def main() -> None:
    """Count the turns."""
    random.seed(0)
    asyncio.run(count(_turn))
    finish()


async def _turn() -> None:
    """The work."""
    for part in range(_PARTS):
        await _part(f"part.{part}")


async def _part(subject: str) -> bytes:
    record = Record(f"publish {subject}", _current.get(), random.getrandbits(64))
    token = _current.set(record)
    try:
        record.set_attributes({**_COMMON, "name": "publish", "subject": subject})
        payload = _with_number(_PAYLOAD, record.number)
    finally:
        _current.reset(token)
    attributes = record.end()
    if not payload.endswith(b'"}') or attributes["subject"] != subject:
        raise RuntimeError(subject)
    return payload


def _with_number(payload: bytes, number: int) -> bytes:
    text = f"{number:032x}-{number >> 32:016x}"
    parts = text.split("-")
    numbers = [int(part, 16) for part in parts]
    if not all(numbers):
        return payload
    return b"".join((payload[:-1], b',"number":"', text.encode(), b'"}'))


if __name__ == "__main__":
    main()
