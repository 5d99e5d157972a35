"""The context of a received message, current in the task that received it.

``next_msg`` and ``async for`` hand a message over and are not told when the work on it ends. Its
context is therefore attached in the caller's task, and replaced by that of the next message, or
given back when the same subscription is asked again.

Nothing is detached by a token: that is only possible in the very context in which it was made,
and a task may be cancelled, or an iterator thrown away, in another one.
"""

from __future__ import annotations

from typing import Any, cast

from opentelemetry import context as context_api
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, Span

_KEY = context_api.create_key("nats-continued")


class _Continued:
    """What was added to the context of a task, and by whom."""

    __slots__ = ("added", "former", "source", "span")

    def __init__(self, source: object, span: Span, added: Context, former: Context) -> None:
        self.source = id(source)
        self.span = span
        self.added = added
        self.former = former


def ambient() -> Context | None:
    """The current context, if a span is current in it that goes on and is the application's.

    A task keeps the span that was current when it was made, also when that has ended long since.
    """
    context = context_api.get_current()
    span = trace.get_current_span(context)
    if not span.get_span_context().is_valid or getattr(span, "end_time", None) is not None:
        return None
    continued = _continued_in(context)
    return None if continued is not None and continued.span is span else context


def continue_in(context: Context, source: object) -> None:
    """Make ``context`` current in this task, until :func:`give_back` or the next call.

    Args:
        context: what a message carries and, if it has one, its span.
        source: the subscription that the message is from.
    """
    former = _without_continued(context_api.get_current())
    span = trace.get_current_span(context)
    added = Context(context)
    if span is INVALID_SPAN and trace.get_current_span(former) is not INVALID_SPAN:
        added = trace.set_span_in_context(INVALID_SPAN, context)  # not one that ended long since
    if added:
        continued = _Continued(source, span, added, former)
        context_api.attach(Context({**former, **added, _KEY: continued}))
    else:
        context_api.attach(former)


def give_back(source: object) -> None:
    """Take the context of the last message of ``source`` out of the current one."""
    context = context_api.get_current()
    continued = _continued_in(context)
    if continued is not None and continued.source == id(source):
        context_api.attach(_without_continued(context))


def _continued_in(context: Context) -> _Continued | None:
    return cast("_Continued | None", context.get(_KEY))


def _without_continued(context: Context) -> Context:
    """``context`` as it would be without us; what the application has set meanwhile stays."""
    continued = _continued_in(context)
    if continued is None:
        return context
    values: dict[str, Any] = {k: v for k, v in context.items() if k != _KEY}
    for key, value in continued.added.items():
        if values.get(key) is value:
            del values[key]
            if key in continued.former:
                values[key] = continued.former[key]
    return Context(values)
