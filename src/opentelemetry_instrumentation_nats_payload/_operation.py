"""A method of nats-py that publishes inside, and is one operation with that publish.

``request`` waits for the reply, JetStream's ``publish`` for the acknowledgement: their span is
started by ``Client.publish``, which has the message as it goes out, and ended by them.
"""

from __future__ import annotations

from contextvars import ContextVar

from opentelemetry.trace import Span

from ._message import Outgoing, message_id_of


class Operation:
    """A call of such a method.

    Args:
        name: the operation's name, such as ``request``.
        pending: where the operation is put, by its reply, once its message goes out.
    """

    __slots__ = (
        "is_open",
        "may_grow",
        "message_id",
        "name",
        "original",
        "pending",
        "reply",
        "span",
    )

    def __init__(self, name: str, pending: dict[str, Operation] | None = None) -> None:
        self.name = name
        self.pending = pending
        self.reply = ""
        self.is_open = False
        """Whether the publish is still to come."""
        self.may_grow = True
        """Whether the message may be changed; False for a second attempt."""
        self.original: Outgoing | None = None
        """The message as it was, if it went out larger."""
        self.span: Span | None = None
        """The span, once the publish has started; None where nothing is traced."""
        self.message_id: str | None = None
        """The id that the application gave to the message."""

    def tell_start(self, message: Outgoing, span: Span | None) -> None:
        """Say that ``message``, as the application wrote it, goes out, with this span."""
        self.span = span
        self.reply = message.reply
        self.message_id = message_id_of(message.headers)
        if self.pending is not None:
            self.pending[self.reply] = self

    def tell_growth(self, message: Outgoing, sent: Outgoing) -> None:
        """Say that ``sent`` goes out in place of ``message``."""
        if sent.size() > message.size():
            self.original = message

    def forget(self) -> None:
        """Say that nothing more will come for it."""
        if self.pending is not None:
            self.pending.pop(self.reply, None)


_pending: ContextVar[Operation | None] = ContextVar("nats-operation", default=None)
# Tasks that nats-py makes meanwhile keep a copy of it for ever, hence Operation.is_open.


def open_operation(operation: Operation) -> bool:
    """Make ``operation`` that of the next publish in this task; False if there is one already."""
    current = _pending.get()
    if current is not None and current.is_open:
        return False
    operation.is_open = True
    _pending.set(operation)
    return True


def take_operation() -> Operation | None:
    """The operation that a publish is part of; given out once."""
    operation = _pending.get()
    if operation is None or not operation.is_open:
        return None
    operation.is_open = False
    return operation


def close_operation(operation: Operation) -> bool:
    """Forget ``operation``; True if nothing was published by it."""
    # No token: the coroutine may be closed in another context than the one it ran in.
    _pending.set(None)
    was_open, operation.is_open = operation.is_open, False
    return was_open
