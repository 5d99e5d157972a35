"""Contexts of messages, made current: while one is worked on, and after one was asked for.

``next_msg`` and ``async for`` hand a message over and are not told when the work on it ends. Its
context is therefore attached in the caller's task, and replaced by that of the next message, or
given back when the same subscription is asked again.

Nothing is detached by a token: that is only possible in the very context in which it was made,
and a task may be cancelled, or an iterator or generator thrown away, in another one.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any, cast
from weakref import ref

from opentelemetry import context as context_api
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, Span

from ._connection import has_ended
from ._delivery import Delivery, current_delivery
from ._measured import Measured
from ._w3c import SPAN_KEY

WORK_KEY = context_api.create_key("nats-work")
CONTINUED_KEY = context_api.create_key("nats-continued")
_MAX_LAYERS, _MOST_LAYERS = 10, 100

has_met_message: ContextVar[bool] = ContextVar("nats-has-met-message", default=False)
"""Whether the current context may be about a message. A look at it costs a third of one at the
context."""


_EMPTY = Context()
"""In the place of what was current before a work that is over: a subscription that was made
meanwhile has its context for ever, and so would have that of every one it was made by."""


class Work:
    """The work on a message, from its beginning to its end.

    Args:
        span: what is current meanwhile.
        delivery: the message; None for one that nothing is known of.
        measured: what ends with it, if that is recorded.
        started_at: by ``time.perf_counter``, in seconds; 0 for a message that is not to be
            acknowledged.
    """

    __slots__ = (
        "delivery",
        "former",
        "former_delivery",
        "had_met_message",
        "is_over",
        "measured",
        "span",
        "started_at",
    )

    def __init__(
        self,
        span: Span,
        delivery: Delivery | None,
        measured: Measured | None,
        started_at: float = 0.0,
    ) -> None:
        self.measured = measured
        self.started_at = started_at
        self.former = context_api.get_current()
        self.former_delivery = current_delivery.get()
        self.had_met_message = has_met_message.get()
        self.delivery = delivery
        self.span = span
        self.is_over = False

    def begin(self, context: Context) -> None:
        """Make ``context``, which has the span, current until the end of the work."""
        if not self.had_met_message:
            has_met_message.set(True)
        if self.delivery is not None and self.delivery.is_armed:
            current_delivery.set(self.delivery)
        context_api.attach(Context({**context, WORK_KEY: self}))


def begin_work(
    context: Context,
    delivery: Delivery | None = None,
    measured: Measured | None = None,
    started_at: float = 0.0,
) -> Work:
    """Make ``context`` current until the end of the work."""
    span = cast("Span", context.get(SPAN_KEY, INVALID_SPAN))
    work = Work(span, delivery, measured, started_at)
    work.begin(context)
    return work


def end_work(work: Work) -> None:
    """Give the former context back, if that of ``work`` is still current."""
    work.is_over = True
    former, work.former = work.former, _EMPTY
    if current_delivery.get() is not work.former_delivery:
        current_delivery.set(work.former_delivery)
    if context_api.get_current().get(WORK_KEY) is work:
        context_api.attach(former)
        if not work.had_met_message:
            has_met_message.set(False)


class _Continued:
    """What was added to the context of a task, and after what."""

    __slots__ = ("added", "former", "layers", "source", "span")

    def __init__(self, source: object, added: Context, former: Context) -> None:
        self.source = ref(source)
        self.span = trace.get_current_span(added)
        self.added = added
        self.former = former
        before = _continued_in(former)
        self.layers: int = 1 if before is None else before.layers + 1


def is_about_message(context: Context) -> bool:
    """Whether ``context`` is that of the work on a message, also one that has ended."""
    work = cast("Work | None", context.get(WORK_KEY))
    if work is not None and (work.delivery is None or work.delivery.context is not None):
        return True
    return CONTINUED_KEY in context


def ambient() -> Context | None:
    """The current context, if a span is current in it that goes on and is the application's.

    A task keeps the context in which it was made, also when that span, or the work on that
    message, has ended long since. A span that is not sampled has no end that could be seen.
    """
    context = context_api.get_current()
    span = trace.get_current_span(context)
    if not span.get_span_context().is_valid or getattr(span, "end_time", None) is not None:
        return None
    work = cast("Work | None", context.get(WORK_KEY))
    if work is not None and work.is_over and work.span is span:
        return None
    continued = _continued_in(context)
    return None if continued is not None and continued.span is span else context


def continue_in(context: Context, source: object) -> None:
    """Make ``context``, with its span, current in this task, until :func:`give_back`.

    Args:
        context: what a message carries and, if it has one, its span.
        source: the subscription that the message is from.
    """
    has_span = trace.get_current_span(context) is not INVALID_SPAN
    if not has_span and trace.get_current_span() is not INVALID_SPAN:
        context = trace.set_span_in_context(INVALID_SPAN, context)  # not one that has ended
    add(context, source)


def add(values: Context, source: object) -> None:
    """Add ``values`` to the context of this task, until :func:`give_back`."""
    if values:
        has_met_message.set(True)
        former = _bounded(context_api.get_current())
        continued = _Continued(source, values, former)
        context_api.attach(Context({**former, **values, CONTINUED_KEY: continued}))


def _bounded(context: Context) -> Context:
    """``context`` without what subscriptions have added last that have ended, if much was added.

    A task may make a subscription for each message, and would keep the contexts of all. Before, it
    may be at work on the last message of one, and ask others about it.
    """
    continued = _continued_in(context)
    if continued is None or continued.layers < _MAX_LAYERS:
        return context
    # Subscriptions may overlap, so that an open one is above each that has ended.
    is_full = continued.layers >= _MOST_LAYERS
    while continued is not None and (is_full or has_ended(continued.source())):
        context = without_continued(context)
        continued = _continued_in(context)
    return context


def give_back(source: object) -> None:
    """Take the context of the last message of ``source`` out of the current one, and those of the
    messages that were asked for while it was worked on.
    """
    context = context_api.get_current()
    last = _continued_in(context)
    while last is not None and last.source() is not source:
        last = _continued_in(last.former)
    while last is not None:
        innermost = _continued_in(context)
        context = without_continued(context)
        if innermost is last:
            context_api.attach(context)
            return


def _continued_in(context: Context) -> _Continued | None:
    return cast("_Continued | None", context.get(CONTINUED_KEY))


def without_continued(context: Context) -> Context:
    """``context`` before the last addition; what the application has set meanwhile stays."""
    continued = _continued_in(context)
    if continued is None:
        return context
    values: dict[str, Any] = dict(context)
    for key, value in (*continued.added.items(), (CONTINUED_KEY, continued)):
        if values.get(key) is value:
            del values[key]
            if key in continued.former:
                values[key] = continued.former[key]
    return Context(values)
