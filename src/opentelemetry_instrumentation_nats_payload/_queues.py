"""``asyncio.Queue``: what is put during the work on a message is worked on in its context.

``put_nowait``, which ``put`` ends in, is wrapped for all queues. Getting is wrapped on a queue
itself, while something is in it that has a context, or was taken: other queues do not pay for it.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from functools import update_wrapper, wraps
from types import MethodType
from typing import Any, cast

from opentelemetry import context as context_api
from opentelemetry.instrumentation.utils import is_instrumentation_enabled

from ._continuation import has_met_message, is_about_message
from ._delivery import Delivery, current_delivery, delivery_of
from ._following import follow_item, leave, leave_for, through, to_follow
from ._guard import guarded
from ._patching import unbound
from ._queue_items import Item, QueueItems, is_left_alone, leave_alone
from ._telemetry import Telemetry, current

_ITEMS = "_otel_nats_items"
_TAKEN = "_otel_nats_taken"
_MAX_PARTS = 8

# A class of the application's may have a method of its own.
_slice_of_tuple = cast("Callable[[Any, slice], tuple[Any, ...]]", cast("Any", tuple).__getitem__)

Queue = asyncio.Queue[Any]


def wrap_put_nowait(original: Any, telemetry: Telemetry, message_type: type) -> Any:
    """``asyncio.Queue.put_nowait``."""
    call = unbound(original)
    has_met = has_met_message.get

    @wraps(original)
    def put_nowait(self: Any, item: Any) -> Any:
        result = call(self, item)
        if has_met():
            _note(telemetry, message_type, self, item)
        return result

    return put_nowait


@guarded(None)
def _note(telemetry: Telemetry, message_type: type, queue: Queue, value: Any) -> None:
    items: QueueItems | None = queue.__dict__.get(_ITEMS)
    current_context = context_api.get_current()
    delivery = _delivery_in(value, message_type)
    is_concerned = delivery is not None or is_about_message(current_context)
    if items is None and (not is_concerned or is_left_alone(queue)):
        return
    if not telemetry.is_active or not is_instrumentation_enabled():
        return
    values = to_follow(current_context)
    if not values and delivery is not None and delivery.context:
        values = dict(delivery.context)  # of several that were fetched: it has its own
    if items is None and values:
        items = _begin(message_type, queue, value)
    if items is None:
        return
    if not items.is_doubtful(value) and values:
        context = through(items.name, values)
        items.add(Item(value, context, delivery or current_delivery.get()), queue.qsize())
    if items.is_pool or "get" not in queue.__dict__:
        _adapt(queue, items)


def _delivery_in(value: Any, message_type: type) -> Delivery | None:
    """Of a message, or of the only one in a tuple."""
    if _is_a(value, message_type):
        return delivery_of(value)
    if not _is_a(value, tuple):
        return None
    parts = _slice_of_tuple(value, slice(_MAX_PARTS))
    messages = [part for part in parts if _is_a(part, message_type)]
    return delivery_of(messages[0]) if len(messages) == 1 else None


def _is_a(value: object, expected: type[Any]) -> bool:
    # isinstance asks for __class__, which evaluates what a lazy proxy stands for.
    return issubclass(type(value), expected)


def _begin(message_type: type, queue: Queue, value: Any) -> QueueItems | None:
    """Follow the items of ``queue``, unless it is nats-py's own, or wrapped by somebody else."""
    # A message that was delivered is put by the application; before, by nats-py.
    is_delivered = _is_a(value, message_type) and delivery_of(value) is not None
    is_own = not is_delivered and _is_put_by_nats()
    if is_own or not queue.__dict__.keys().isdisjoint(_METHODS):
        leave_alone(queue)
        return None
    items = queue.__dict__[_ITEMS] = QueueItems(queue, _functions(queue))
    return items


def _is_put_by_nats() -> bool:
    """Whether nats-py itself, and no code of the application's, has called ``put_nowait``."""
    frame: Any = sys._getframe(1)
    module = ""
    while frame is not None:
        module = str(frame.f_globals.get("__name__"))
        if module not in (__name__, guarded.__module__, "asyncio.queues"):
            break
        frame = frame.f_back
    return module.partition(".")[0] == "nats"


def _adapt(queue: Queue, items: QueueItems) -> None:
    """Wrap what gets items out of ``queue``, or no longer."""
    if items.is_pool:
        leave_alone(queue)
        _forget(queue)
    elif items.is_idle(queue.qsize()):
        _unwrap(queue)
    elif "get" not in queue.__dict__:
        for name in _METHODS:
            queue.__dict__[name] = MethodType(items.functions[name], queue)


def _unwrap(queue: Queue) -> None:
    for name in _METHODS:
        if isinstance(getattr(queue.__dict__.get(name), "__func__", None), _Function):
            del queue.__dict__[name]  # else it is the application's, put in its place since


def _forget(queue: Queue) -> None:
    _unwrap(queue)
    queue.__dict__.pop(_ITEMS, None)


@guarded(None)
def _ask(queue: Queue) -> QueueItems | None:
    """Give back what was followed before; the queue is plain again once it is not followed."""
    items: QueueItems | None = queue.__dict__.get(_ITEMS)
    telemetry = current()
    if telemetry is None or telemetry.settings.follow_handoff not in ("queue", "all"):
        items = None
        _forget(queue)
        leave()
    elif items is not None and has_met_message.get() and leave_for(items.name):
        items.suspect()
    return items


def _get(queue: Queue, *args: Any, **kwargs: Any) -> Any:
    # When it is called, and not when the coroutine runs: that may be in another task, as it is in
    # asyncio.wait_for before Python 3.12.
    _ask(queue)
    return type(queue).get(queue, *args, **kwargs)


def _get_nowait(queue: Queue, *args: Any, **kwargs: Any) -> Any:
    items = _ask(queue)
    queue.__dict__[_TAKEN] = None
    try:
        value = type(queue).get_nowait(queue, *args, **kwargs)
    finally:
        taken: Item | None = queue.__dict__.pop(_TAKEN, None)
    if items is not None:
        _follow(queue, items, taken)
    return value


@guarded(None)
def _follow(queue: Queue, items: QueueItems, taken: Item | None) -> None:
    if taken is not None and follow_item(taken.context, taken.delivery):
        items.is_needed = True
    _adapt(queue, items)


def _task_done(queue: Queue, *args: Any, **kwargs: Any) -> Any:
    result: Any = type(queue).task_done(queue, *args, **kwargs)
    _settle(queue)
    return result


@guarded(None)
def _settle(queue: Queue) -> None:
    items = _ask(queue)
    if items is not None:
        items.be_sure()


def _take(queue: Any, *args: Any, **kwargs: Any) -> Any:
    value: Any = cast("Any", type(queue))._get(queue, *args, **kwargs)
    _note_taken(queue, value)
    return value


@guarded(None)
def _note_taken(queue: Queue, value: Any) -> None:
    items: QueueItems | None = queue.__dict__.get(_ITEMS)
    item = None if items is None else items.take(value)
    if _TAKEN in queue.__dict__:  # else it is thrown away, as by shutdown(immediate=True)
        queue.__dict__[_TAKEN] = item


class _Function:
    """A function in the place of ``original``; that of a coroutine function is one to ``inspect``,
    which goes by these attributes.
    """

    def __init__(self, call: Callable[..., Any], original: Any) -> None:
        update_wrapper(self, original)
        for name in ("__code__", "__defaults__", "__kwdefaults__"):
            setattr(self, name, getattr(original, name, None))
        self._call = call

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._call(*args, **kwargs)


_METHODS = {"get": _get, "get_nowait": _get_nowait, "task_done": _task_done, "_get": _take}


def _functions(queue: Queue) -> dict[str, _Function]:
    """What takes the place of the methods of ``queue``, not bound to it."""
    return {name: _Function(call, getattr(type(queue), name)) for name, call in _METHODS.items()}
