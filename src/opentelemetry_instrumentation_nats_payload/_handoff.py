"""The context of a message, for work that goes on outside of the callback."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from opentelemetry import context as context_api
from opentelemetry.context import Context

from ._carrier import receive
from ._guard import guarded
from ._telemetry import current_or_default

_ATTRIBUTE = "_otel_nats_context"


class _Kept:
    """A context that does not keep its message from being copied and pickled: a span can not."""

    __slots__ = ("context",)

    def __init__(self, context: Context | None = None) -> None:
        self.context = context

    def __deepcopy__(self, memo: object) -> _Kept:
        return self

    def __reduce__(self) -> tuple[type[_Kept], tuple[()]]:
        return _Kept, ()


@guarded(None)
def remember(message: Any, context: Context) -> None:
    """Keep ``context`` with a ``nats.aio.msg.Msg``, for as long as the message lives.

    As an attribute, because ``Msg`` is an unhashable dataclass: its fields, equality and repr
    stay as they are. An application's message class may have no room for it.
    """
    if hasattr(message, "__dict__"):
        setattr(message, _ATTRIBUTE, _Kept(context))


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
    kept = getattr(message, _ATTRIBUTE, None)
    if isinstance(kept, _Kept) and kept.context is not None:
        return kept.context
    embedded = receive(current_or_default(), message.data, message.headers).embedded
    return embedded.context if embedded else None
