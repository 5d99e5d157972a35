"""The context that follows a message, or what became of it, to the task that works on it.

Nobody says when the work there ends. What was followed last in a task is therefore current until
it follows something else, asks a queue for more, or ends.
"""

from __future__ import annotations

import asyncio
from typing import Any
from weakref import ref

from opentelemetry import context as context_api
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from opentelemetry.trace import Span

from ._consumed import Consumed
from ._continuation import ambient, continue_in, give_back, has_met_message
from ._delivery import Delivery, current_delivery, remember
from ._guard import guarded
from ._telemetry import Telemetry


class _Handoff:
    """What is asked for more, where a queue or a reader of messages is meant."""


_HANDOFF = _Handoff()


def hand_to_task(telemetry: Telemetry, consumed: Consumed, context: Context) -> None:
    """Remember the context of a message that the current task has asked for.

    In this task what follows is a matter of the call; elsewhere the context follows the message.
    """
    delivery = Delivery(context, consumed.creation, consumed.subscriber)
    task = _current_task()
    delivery.owner = None if task is None else ref(task)
    delivery.is_armed = telemetry.follows_messages
    remember(consumed.message, delivery)


@guarded(None)
def follow(delivery: Delivery) -> None:
    """A task reads a message that it is not known to work on.

    Not a thread: one of a pool would keep the context for whatever it does next.
    """
    task = _current_task()
    if task is None or (delivery.owner is not None and delivery.owner() is task):
        return
    follow_to(delivery.context or Context(), delivery)


def follow_to(context: Context, delivery: Delivery | None) -> None:
    """Go on in ``context``, or link the span of this task's own to it."""
    span = trace.get_current_span()
    outer = ambient()
    if outer is not None:
        _link(span, context, delivery)
    elif is_instrumentation_enabled():
        give_back(_HANDOFF)
        continue_in(context, _HANDOFF)
        current_delivery.set(delivery)


def _link(span: Span, context: Context, delivery: Delivery | None) -> None:
    linked, own = trace.get_current_span(context).get_span_context(), span.get_span_context()
    if not linked.is_valid or linked == own:
        return
    if delivery is not None:
        if delivery.linked_to == own.span_id:
            return
        delivery.linked_to = own.span_id
    if span.is_recording():
        span.add_link(linked)


@guarded(None)
def leave() -> None:
    """Give back the context of what this task has followed last."""
    if has_met_message.get() and context_api.get_current():
        give_back(_HANDOFF)
        current_delivery.set(None)


def in_task() -> bool:
    """Whether this is code of a task."""
    return _current_task() is not None


def _current_task() -> asyncio.Task[Any] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:  # a thread without a loop
        return None
