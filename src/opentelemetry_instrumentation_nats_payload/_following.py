"""The context that follows a message, or what became of it, to the task that works on it.

Nobody says when the work there ends. What was followed last in a task is therefore current until
it follows something else, asks a queue for more, or ends.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextvars import ContextVar
from typing import Any, cast
from weakref import ref

from opentelemetry import context as context_api
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.instrumentation.utils import is_instrumentation_enabled

from ._consumed import Consumed
from ._continuation import (
    CONTINUED_KEY,
    WORK_KEY,
    Work,
    ambient,
    continue_in,
    give_back,
    has_met_message,
    is_about_message,
    without_continued,
)
from ._delivery import Delivery, current_delivery, remember
from ._guard import guarded
from ._telemetry import Telemetry

QUEUE_KEY = context_api.create_key("nats-queue")


class _Handoff:
    """What is asked for more, where a queue or a reader of messages is meant."""


_HANDOFF = _Handoff()


_MAX_BEGUN = 1000


class _Begun:
    """Traces that a task has begun: what comes back of them is no work that was handed to it.

    A feeder that waits for its last message to be done, before it sends the next, would otherwise
    stay in the trace of the first one for ever.
    """

    __slots__ = ("order", "task", "traces")

    def __init__(self, task: object) -> None:
        self.task = ref(task)
        # Half of what an OrderedDict costs, of which the oldest would be taken out each time.
        self.traces: set[int] = set()
        self.order: deque[int] = deque()


_begun: ContextVar[_Begun | None] = ContextVar("nats-begun", default=None)


def note_begun(trace_id: int, context: Context) -> None:
    """This task has published in a trace that it did not get from a message, with ``context``
    current.
    """
    task = asyncio.current_task()
    if task is None or not trace_id:
        return
    if has_met_message.get() and is_about_message(context):
        return
    begun = _begun.get()
    if begun is None or begun.task() is not task:
        begun = _Begun(task)
        _begun.set(begun)
    if trace_id in begun.traces:
        return
    begun.traces.add(trace_id)
    begun.order.append(trace_id)
    if len(begun.order) > _MAX_BEGUN:
        begun.traces.discard(begun.order.popleft())


def _has_begun(context: Context) -> bool:
    """Whether this very task has begun the trace of ``context``."""
    begun = _begun.get()
    if begun is None or begun.task() is not _current_task():
        return False
    return trace.get_current_span(context).get_span_context().trace_id in begun.traces


def hand_to_task(telemetry: Telemetry, consumed: Consumed, context: Context) -> None:
    """Remember the context of a message that the current task has asked for.

    In this task what follows is a matter of the call; elsewhere the context follows the message.
    """
    delivery = Delivery(context, consumed.creation, consumed.subscriber)
    arm(telemetry, delivery)
    remember(consumed.message, delivery)
    has_met_message.set(True)  # it may put the message on a queue


def arm(telemetry: Telemetry, delivery: Delivery) -> None:
    """Let the context follow the message to other tasks than this one."""
    if telemetry.follows_messages:
        task = _current_task()
        delivery.owner = None if task is None else ref(task)
        delivery.is_armed = True
        if not telemetry.has_armed and delivery.context:
            telemetry.note_armed()


def follow_nothing(telemetry: Telemetry, message: Any) -> None:
    """Who reads ``message`` in another task is no longer concerned with the one before."""
    if telemetry.follows_messages and telemetry.has_armed:
        delivery = Delivery(Context())
        arm(telemetry, delivery)
        remember(message, delivery)


@guarded(None)
def follow(delivery: Delivery) -> None:
    """A task reads a message that it is not known to work on.

    Not a thread: one of a pool would keep the context for whatever it does next.
    """
    task = _current_task()
    if task is None or (delivery.owner is not None and delivery.owner() is task):
        return
    if not is_instrumentation_enabled():
        return
    outer = ambient()
    if outer is not None:
        _link(outer, delivery.context or Context(), delivery)
    elif _work_in(context_api.get_current()) is None:
        _go_on(delivery.context or Context(), delivery)


def follow_item(context: Context, delivery: Delivery | None) -> bool:
    """Whether this task goes on in ``context``, in which somebody has put what it took.

    A span of the task's own is linked to it. What is taken during the work on a message is no work
    of its own.
    """
    if not in_task() or _work_in(context_api.get_current()) is not None:
        return False
    if not is_instrumentation_enabled():
        return False
    outer = ambient()
    if outer is not None:
        _link(outer, context, delivery)
        return False
    _go_on(context, delivery)
    return True


def _go_on(context: Context, delivery: Delivery | None) -> None:
    if _has_begun(context):
        context = Context()
    former = context_api.get_current()
    if CONTINUED_KEY in former:
        give_back(_HANDOFF)
        if QUEUE_KEY in former and QUEUE_KEY not in context:  # a message that came through it
            context = context_api.set_value(QUEUE_KEY, former[QUEUE_KEY], context)
    continue_in(context, _HANDOFF)
    current_delivery.set(delivery)


def _link(outer: Context, context: Context, delivery: Delivery | None) -> None:
    span = trace.get_current_span(outer)
    linked, own = trace.get_current_span(context).get_span_context(), span.get_span_context()
    if not linked.is_valid or linked == own:
        return
    if delivery is not None:
        if delivery.linked_to == own.span_id:
            return
        delivery.linked_to = own.span_id
    if span.is_recording():
        span.add_link(linked)


def leave() -> None:
    """Give back the context of what this task has followed last, unless a span of its own, or the
    work on a message, has begun since, and goes on.
    """
    if has_met_message.get():
        leave_for(None)


@guarded(False)
def leave_for(queue: object) -> bool:
    """The same; whether this task was at work on what it did not get from ``queue``."""
    context = context_api.get_current()
    if _work_in(context) is not None:
        return True
    if CONTINUED_KEY not in context or ambient() is not None:
        return False
    give_back(_HANDOFF)
    current_delivery.set(None)
    return context.get(QUEUE_KEY) is not queue


def to_follow(context: Context) -> dict[str, Any]:
    """What of ``context`` is to follow something that is put, if it is about a message."""
    if not is_about_message(context):
        return {}
    work = _work_in(context)
    if work is not None and work.delivery is not None and work.delivery.context is None:
        return {}  # it is excluded, whatever its task was made by
    own = (WORK_KEY, CONTINUED_KEY, QUEUE_KEY)  # of the task that puts
    return {key: value for key, value in context.items() if key not in own}


def through(queue: object, values: dict[str, Any]) -> Context:
    """The context of an item that has come through ``queue``."""
    return Context({**values, QUEUE_KEY: queue})


def without_messages(context: Context) -> Context:
    """``context`` without what was added by messages that were followed, or asked for."""
    while CONTINUED_KEY in context:
        context = without_continued(context)
    return context


def _work_in(context: Context) -> Work | None:
    """The work on a message that goes on."""
    work = cast("Work | None", context.get(WORK_KEY))
    return None if work is None or work.is_over else work


def in_task() -> bool:
    """Whether this is code of a task."""
    return _current_task() is not None


def _current_task() -> asyncio.Task[Any] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:  # a thread without a loop
        return None
