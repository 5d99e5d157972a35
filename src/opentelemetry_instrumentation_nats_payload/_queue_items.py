"""What is known of the items of one ``asyncio.Queue``: in which context each was put."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple

from opentelemetry.context import Context

from ._delivery import Delivery

_DOUBT = 3
_MAX_DOUBT = 50
_LEFT_ALONE = "_otel_nats_left_alone"


def leave_alone(queue: Any) -> None:
    """Never follow what is put into ``queue``: it is nats-py's own, or a pool."""
    if isinstance(queue, asyncio.Queue):
        queue.__dict__[_LEFT_ALONE] = True


def is_left_alone(queue: asyncio.Queue[Any]) -> bool:
    """Whether :func:`leave_alone` was called for ``queue``."""
    return _LEFT_ALONE in queue.__dict__


class Item(NamedTuple):
    """An item that was put in ``context``, during the work on a message."""

    value: Any
    context: Context
    delivery: Delivery | None


class QueueItems:
    """The items that were put while a message was worked on.

    A pool of connections is a queue as well, and what comes out of it is no work of who gave it
    back. It has lent items that nobody calls done, or is asked by who is at work on something
    else. Of such a queue, nothing is followed until what is put is known to be no item that was
    taken out before.

    Attributes:
        name: what tells this queue from others, and keeps nothing alive.
        is_pool: whether it is known to be a pool.
        is_needed: whether a task that asks for more may have a context to give back.
        functions: what takes the place of methods of the queue, by their names.

    Args:
        queue: right after the first item was put during the work on a message.
        functions: see above.
    """

    def __init__(self, queue: asyncio.Queue[Any], functions: Mapping[str, Any]) -> None:
        unfinished: int = getattr(queue, "_unfinished_tasks", 0)
        lent = unfinished - queue.qsize()
        self.name = object()
        self.is_pool = lent > 0 and isinstance(queue, asyncio.LifoQueue)
        self.is_needed = False
        self.functions = functions
        self._is_sure = False
        self._doubt = min(lent + _DOUBT, _MAX_DOUBT) if lent > 0 else 0
        self._seen: deque[Any] = deque(maxlen=_MAX_DOUBT)
        self._known: _InOrder | _ByIdentity = _InOrder() if _is_in_order(queue) else _ByIdentity()

    def is_idle(self, size: int) -> bool:
        """Whether nobody needs to know what is taken, of a queue that has ``size`` items."""
        return not (self._known or self.is_needed or (self._doubt and size))

    def suspect(self) -> None:
        """It was asked by who is at work on something else, as a pool is."""
        if not self._is_sure and not self._doubt:
            self._doubt = _DOUBT

    def be_sure(self) -> None:
        """It is no pool: somebody has called an item done."""
        self._is_sure = True
        self._doubt = 0
        self._seen.clear()

    def is_doubtful(self, value: Any) -> bool:
        """Whether ``value``, which was put just now, may be what a pool has got back."""
        if self.is_pool or not self._doubt:
            return self.is_pool
        self.is_pool = any(value is seen for seen in self._seen)
        self._doubt -= 1
        if not self._doubt:
            self.be_sure()
            self.is_needed = True
        return True

    def add(self, item: Item, size: int) -> None:
        """An item was put, and the queue now has ``size`` of them."""
        self._known.add(item, size)

    def take(self, value: Any) -> Item | None:
        """An item was taken: what is known of it, if it was put during the work on a message."""
        item = self._known.take(value)
        if self._doubt:
            self._seen.append(value)
            return None
        return item

    def __reduce__(self) -> tuple[Any, ...]:
        """In a copy of the queue there is None: nothing is known of its items."""
        return type(None), ()


def _is_in_order(queue: asyncio.Queue[Any]) -> bool:
    methods: tuple[str, ...] = ("_get", "_put", "qsize")
    return all(getattr(type(queue), name) is getattr(asyncio.Queue, name) for name in methods)


class _InOrder:
    """Items of a queue that gives them out as they came: by their place.

    None, a number or a text may be in the queue several times, and come from elsewhere as well.
    """

    def __init__(self) -> None:
        self._items: dict[int, Item] = {}
        self._taken = 0

    def __len__(self) -> int:
        return len(self._items)

    def add(self, item: Item, size: int) -> None:
        self._items[self._taken + size - 1] = item

    def take(self, value: Any) -> Item | None:
        item = self._items.pop(self._taken, None)
        self._taken += 1
        if item is not None and item.value is not value:  # somebody reaches into the queue
            self._items.clear()
            return None
        return item


class _ByIdentity:
    """Items of any other queue: of priorities, or of the application's own class, which may also
    drop some. They are held, because only that keeps the ``id`` of an item its own.
    """

    def __init__(self) -> None:
        self._items: dict[int, deque[Item]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, item: Item, size: int) -> None:
        self._items.setdefault(id(item.value), deque()).append(item)
        self._count += 1
        while self._count > size and self._items:  # the queue has dropped some
            self._pop(next(iter(self._items)))

    def take(self, value: Any) -> Item | None:
        return self._pop(id(value)) if id(value) in self._items else None

    def _pop(self, key: int) -> Item:
        items = self._items[key]
        item = items.popleft()
        if not items:
            del self._items[key]
        self._count -= 1
        return item
