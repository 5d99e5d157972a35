"""``asyncio.Queue``: what is put during the work on a message is worked on in its context.

``put_nowait``, which ``put`` ends in, is wrapped for all queues. Getting is wrapped on a queue
itself, once something was put that has a context: other queues do not pay for it.
"""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import Callable
from functools import partial, wraps
from typing import Any, cast
from weakref import ref

from opentelemetry import context as context_api
from opentelemetry.instrumentation.utils import is_instrumentation_enabled

from ._continuation import has_met_message, is_about_message
from ._delivery import ATTRIBUTE, current_delivery, delivery_of
from ._following import follow_to, in_task, leave
from ._guard import guarded
from ._patching import unbound
from ._queue_items import Item, QueueItems, is_left_alone
from ._telemetry import Telemetry, current

_ITEMS = "_otel_nats_items"
_TAKEN = "_otel_nats_taken"

_WAITS_INLINE = sys.version_info >= (3, 12)
"""Whether ``asyncio.wait_for`` runs a coroutine in the task that waits. Before, the context that
``get`` makes current is lost with the task that it runs in there."""

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
def _note(telemetry: Telemetry, message_type: type, queue: Queue, item: Any) -> None:
    context = context_api.get_current()
    if not telemetry.is_active or not is_about_message(context) or is_left_alone(queue):
        return
    is_message = isinstance(item, message_type)
    if is_message and ATTRIBUTE not in item.__dict__:
        return  # on its way to a subscription
    if not is_instrumentation_enabled():
        return
    items: QueueItems | None = queue.__dict__.get(_ITEMS)
    if items is None:
        items = _install(queue)
    delivery = delivery_of(item) if is_message else None
    items.add(Item(item, context, delivery or current_delivery.get()), queue.qsize())


def _install(queue: Queue) -> QueueItems:
    """Wrap what gets items out of ``queue``."""
    reference = ref(queue)
    items = queue.__dict__[_ITEMS] = QueueItems(queue)
    for name, wrapper in (
        ("get", _get if _WAITS_INLINE else _get_when_called),
        ("get_nowait", _get_nowait),
        ("task_done", _task_done),
        ("_get", _take),
    ):
        function: Any = wraps(getattr(type(queue), name))(partial(wrapper, reference))
        queue.__dict__[name] = function
    _mark_coroutine_function(queue.__dict__["get"])
    return items


def _mark_coroutine_function(function: Any) -> None:
    mark: Callable[[Any], Any] | None = getattr(inspect, "markcoroutinefunction", None)
    if mark is not None:
        mark(function)
    else:
        function._is_coroutine = getattr(asyncio.coroutines, "_is_coroutine", None)


def _alive(reference: ref[Queue]) -> Queue:
    """The queue that one of its methods was called of; plain again once we are switched off."""
    queue = cast("Queue", reference())
    leave()
    if current() is None:
        for name in (_ITEMS, "get", "get_nowait", "task_done", "_get"):
            queue.__dict__.pop(name, None)
    return queue


async def _get(reference: ref[Queue]) -> Any:
    queue = _alive(reference)
    return await type(queue).get(queue)


def _get_when_called(reference: ref[Queue]) -> Any:
    # In the caller's task, where what was followed has to be given back.
    queue = _alive(reference)
    return type(queue).get(queue)


def _get_nowait(reference: ref[Queue]) -> Any:
    queue = _alive(reference)
    queue.__dict__.pop(_TAKEN, None)
    value = type(queue).get_nowait(queue)
    _follow_taken(queue)
    return value


@guarded(None)
def _follow_taken(queue: Queue) -> None:
    item: Item | None = queue.__dict__.pop(_TAKEN, None)
    if item is not None and in_task():
        follow_to(item.context, item.delivery)


def _task_done(reference: ref[Queue]) -> None:
    queue = cast("Queue", reference())
    type(queue).task_done(queue)
    _alive(reference)


def _take(reference: ref[Queue]) -> Any:
    queue = cast("Queue", reference())
    value = type(queue)._get(queue)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]
    _note_taken(queue, value)
    return value


@guarded(None)
def _note_taken(queue: Queue, value: Any) -> None:
    items: QueueItems | None = queue.__dict__.get(_ITEMS)
    if items is not None:
        queue.__dict__[_TAKEN] = items.take(value)
