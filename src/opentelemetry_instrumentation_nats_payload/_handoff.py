"""The context of a message, for work that goes on outside of the callback."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from opentelemetry import context as context_api
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span

from ._carrier import receive
from ._delivery import delivery_of
from ._guard import guarded
from ._process import finish_process
from ._process_span import start_process_of
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
    if context is None:
        yield context_api.get_current()
        return
    token = context_api.attach(context)
    try:
        yield context
    finally:
        context_api.detach(token)


@guarded(None)
def _context_of(message: Any) -> Context | None:
    delivery = delivery_of(message)
    if delivery is not None:
        return delivery.context
    embedded = receive(current_or_default(), message.data, message.headers).embedded
    return embedded.context if embedded else None


@contextmanager
def process_span(message: Any) -> Generator[Span]:
    """A span around the processing of a message that was fetched, or came through a queue.

    .. code-block:: python

        for message in await subscription.fetch(100):
            with process_span(message):
                await store(message)  # spans and publishes here are children of the span
                await message.ack()

    It is a child of the span that is current, if there is one that the application started, and
    else continues the trace of the message, to whose creation it is linked in any case. What the
    block raises is recorded, and raised on.

    Args:
        message: a ``nats.aio.msg.Msg``.

    Yields:
        The span; one that does not record where the message is excluded from tracing, or there
        is no SDK.
    """
    process = start_process_of(current_or_default(), message)
    if process is None:
        yield trace.INVALID_SPAN
        return
    try:
        yield process.span or trace.INVALID_SPAN
    except BaseException as error:
        finish_process(process, error)
        raise
    finish_process(process)
