"""The context of a message, for work that goes on outside of the callback."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from opentelemetry import context as context_api
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.instrumentation.utils import is_instrumentation_enabled

from ._carrier import receive
from ._continuation import Work, begin_work, end_work
from ._delivery import delivery_of
from ._guard import guarded
from ._telemetry import current_or_default


@contextmanager
def use_message_context(message: Any) -> Generator[Context]:
    """Make the context of a message current, for a worker that got it through a queue.

    .. code-block:: python

        message = await queue.get()
        with use_message_context(message):
            await handle(message)  # spans and publishes here belong to the message's trace

    Args:
        message: a ``nats.aio.msg.Msg``. Its context is that of its process span, whatever
            ``consumed_field`` made of the payload; of a message that went through no callback,
            the one it carries.

    Yields:
        The context; the current one, unchanged, if the message has none.
    """
    context = _context_of(message)
    if not context or not is_instrumentation_enabled():
        yield context_api.get_current()
        return
    if not trace.get_current_span(context).get_span_context().is_valid:
        context = Context({**context_api.get_current(), **context})
    work = _begin(context, message)
    try:
        yield context
    finally:
        if work is not None:
            _end(work)


@guarded(None)
def _begin(context: Context, message: Any) -> Work | None:
    return begin_work(context, delivery_of(message))


@guarded(None)
def _end(work: Work) -> None:
    end_work(work)


@guarded(None)
def _context_of(message: Any) -> Context | None:
    delivery = delivery_of(message)
    if delivery is not None:
        return delivery.context
    embedded = receive(current_or_default(), message.data, message.headers).embedded
    return embedded.context if embedded else None
