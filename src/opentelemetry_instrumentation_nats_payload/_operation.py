"""A method of nats-py that publishes inside, and is one operation with that publish.

``request`` waits for the reply, JetStream's ``publish`` for the acknowledgement: their span is
started by ``Client.publish``, which has the message as it goes out, and ended by them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from functools import partial
from time import time_ns
from typing import Any, TypeVar

from opentelemetry import context as context_api
from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, Context
from opentelemetry.trace import Span

from . import _semconv
from ._guard import guarded
from ._measured import Measured
from ._message import Outgoing, message_id_of, message_of

_Result = TypeVar("_Result")


class Operation:
    """A call of such a method.

    Args:
        name: the operation's name, such as ``request``.
        message: what it was called with; None for arguments that are no message.
        pending: where the operation is put, by its reply, once its message goes out.

    Attributes:
        started_at: nanoseconds since 1970.
        is_open: whether the publish is still to come.
        may_grow: whether the message may be made larger, because a refusal would be seen.
        is_retry: whether the message goes out for the second time.
        measured: set once the publish has started; None where nothing is traced.
        original: the message as it was, if it went out larger.
        refused_size: bytes of the message as it went out then.
        message_id: the id that the application gave to the message.
    """

    __slots__ = (
        "_pending",
        "is_open",
        "is_retry",
        "may_grow",
        "measured",
        "message",
        "message_id",
        "name",
        "original",
        "refused_size",
        "reply",
        "started_at",
    )

    def __init__(
        self, name: str, message: Outgoing | None, pending: dict[str, Operation] | None = None
    ) -> None:
        self.name = name
        self.message = message
        self._pending = pending
        self.started_at = time_ns()
        self.is_open = False
        self.may_grow = True
        self.is_retry = False
        self.measured: Measured | None = None
        self.original: Outgoing | None = None
        self.refused_size = 0
        self.reply = ""
        self.message_id: str | None = None

    @property
    def span(self) -> Span | None:
        """The span, if there is one."""
        return self.measured.span if self.measured else None

    @property
    def is_refusable(self) -> bool:
        """Whether a stream may refuse the message because of what was added to it."""
        return self.name == _semconv.OPERATION_PUBLISH and self.original is not None

    def tell_start(self, message: Outgoing, measured: Measured | None) -> None:
        """Say that ``message``, as the application wrote it, goes out, measured like this."""
        self.measured = measured
        self.reply = message.reply
        self.message_id = message_id_of(message.headers)
        if self._pending is not None:
            self._pending[self.reply] = self

    def tell_growth(self, message: Outgoing, sent: Outgoing) -> None:
        """Say that ``sent`` goes out in place of ``message``."""
        size = sent.size()
        if size > message.size():
            self.original = message.copy()
            self.refused_size = size

    def forget(self) -> None:
        """Say that nothing more will come for it."""
        if self._pending is not None:
            self._pending.pop(self.reply, None)


_current: ContextVar[Operation | None] = ContextVar("nats-operation", default=None)
# Tasks that nats-py makes meanwhile keep a copy of it for ever, hence Operation.is_open.


def open_operation(operation: Operation) -> bool:
    """Make ``operation`` that of the publish to come in this task; False if there is one."""
    current = _current.get()
    if current is not None and current.is_open:
        return False
    operation.is_open = True
    _current.set(operation)
    return True


FAILED = object()
"""In the place of an operation that could not be opened. Who calls goes on :func:`without_us`."""


@guarded(FAILED)
def begin_operation(name: str, args: Any, kwargs: Any) -> Operation | None:
    """Open an operation that was called with these arguments, unless it is part of another."""
    operation = Operation(name, message_of(args, kwargs))
    return operation if open_operation(operation) else None


async def without_us(call: Callable[..., Awaitable[_Result]], *args: Any, **kwargs: Any) -> _Result:
    """What ``call`` returns, while nothing of ours changes what it publishes.

    A message that grew may be refused, and only its operation would know.
    """
    context = context_api.set_value(_SUPPRESS_INSTRUMENTATION_KEY, True)
    return await in_context(context, partial(call, *args, **kwargs))


async def in_context(context: Context, call: Callable[[], Awaitable[_Result]]) -> _Result:
    """What ``call`` returns, with ``context`` current."""
    former = context_api.get_current()
    context_api.attach(context)
    try:
        result = await call()
    except GeneratorExit:  # the loop is gone, and this is the context of somebody else
        raise
    except BaseException:
        context_api.attach(former)
        raise
    context_api.attach(former)
    return result


@guarded(False)
def open_retry(operation: Operation) -> bool:
    """Announce the second attempt of ``operation``, whatever the task has copied."""
    operation.is_retry = operation.is_open = True
    _current.set(operation)
    return True


def has_open_operation() -> bool:
    """Whether the next publish may be part of an operation."""
    operation = _current.get()
    return operation is not None and operation.is_open


def take_operation(subject: str) -> Operation | None:
    """The operation that a publish to ``subject`` is part of; given out once.

    An application's subclass, or another wrapper, may publish something else before.
    """
    operation = _current.get()
    if operation is None or not operation.is_open or operation.message is None:
        return None
    if operation.message.subject != subject:
        return None
    operation.is_open = False
    return operation


@guarded(False)
def close_operation(operation: Operation) -> bool:
    """Forget ``operation``; True if nothing was published by it."""
    # No token: the coroutine may be closed in another context than the one it ran in.
    if _current.get() is operation:
        _current.set(None)
    was_open, operation.is_open = operation.is_open, False
    return was_open
