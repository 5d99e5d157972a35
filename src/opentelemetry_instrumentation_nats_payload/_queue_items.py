"""What is known of the items of one ``asyncio.Queue``: in which context each was put."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, NamedTuple

from opentelemetry.context import Context

from ._delivery import Delivery

_MAX_DOUBT = 50
_LEFT_ALONE = "_otel_nats_left_alone"


def leave_alone(queue: Any) -> None:
    """Never follow what is put into ``queue``: it is nats-py's own."""
    if isinstance(queue, asyncio.Queue):
        queue.__dict__[_LEFT_ALONE] = True


def is_left_alone(queue: asyncio.Queue[Any]) -> bool:
    """Whether :func:`leave_alone` was called for ``queue``."""
    return _LEFT_ALONE in queue.__dict__


class Item(NamedTuple):
    """An item, held because only that keeps its ``id`` its own."""

    value: Any
    context: Context
    delivery: Delivery | None


class QueueItems:
    """The items that were put while a message was worked on.

    By identity: a queue of priorities gives them out in another order, and a subclass may drop
    some.

    A pool of connections is a queue as well, and what comes out of it is no work of who gave it
    back. It has lent items that nobody calls done: of such a queue, what is put is not followed
    until it is known to be no item that was taken out before.

    Args:
        queue: right after the first item was put during the work on a message.
    """

    def __init__(self, queue: asyncio.Queue[Any]) -> None:
        unfinished: int = getattr(queue, "_unfinished_tasks", 0)
        lent = unfinished - queue.qsize()
        self.is_pool = lent > 0 and isinstance(queue, asyncio.LifoQueue)
        self._doubt = min(lent + 3, _MAX_DOUBT) if lent > 0 else 0
        self._seen: deque[Any] = deque(maxlen=_MAX_DOUBT)
        self._items: dict[int, deque[Item]] = {}
        self._count = 0

    def add(self, item: Item, size: int) -> None:
        """An item was put, and the queue now has ``size`` of them."""
        if self.is_pool or (self._doubt and not self._is_work(item.value)):
            return
        self._items.setdefault(id(item.value), deque()).append(item)
        self._count += 1
        while self._count > size and self._items:  # a subclass has dropped some
            self._pop(next(iter(self._items)))

    def _is_work(self, value: Any) -> bool:
        self.is_pool = any(value is seen for seen in self._seen)
        self._doubt -= 1
        if self.is_pool or not self._doubt:
            self._seen.clear()
        return False

    def take(self, value: Any) -> Item | None:
        """An item was taken: what is known of it, if it was put during the work on a message."""
        if self._doubt and not self.is_pool:
            self._seen.append(value)
        return self._pop(id(value)) if id(value) in self._items else None

    def _pop(self, key: int) -> Item:
        items = self._items[key]
        item = items.popleft()
        if not items:
            del self._items[key]
        self._count -= 1
        return item
