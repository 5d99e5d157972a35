"""What is known of a message that was handed to the application, kept with the message."""

from __future__ import annotations

from contextvars import ContextVar
from time import perf_counter
from typing import Any
from weakref import ReferenceType

from opentelemetry.context import Context
from opentelemetry.trace import SpanContext

from ._guard import guarded
from ._subscriber import Subscriber

ATTRIBUTE = "_otel_nats_delivery"
"""Where the delivery of a message is, in its ``__dict__``."""

current_delivery: ContextVar[Delivery | None] = ContextVar("nats-delivery", default=None)
"""The message that this task is known to work on, for a look that costs next to nothing."""


class Delivery:
    """A message's way through the application.

    Attributes:
        context: what work on the message continues from, such as the context of its process span;
            None once the message was pickled, for a span can not be.
        creation: the span context that the message came with.
        subscriber: who it was delivered to.
        error: what went wrong in a handler, where nats-py keeps that from its caller.
        outcome: how the message was settled: ``ack``, ``nak`` or ``term``.
        settled_at: when that was, by ``time.perf_counter``, in seconds.
        is_armed: whether the context follows the message to another task that reads it.
        owner: the task that asked for the message, where its context is a matter of that task.
        linked_to: the id of the span that was linked to the message last.
    """

    __slots__ = (
        "context",
        "creation",
        "error",
        "is_armed",
        "linked_to",
        "outcome",
        "owner",
        "settled_at",
        "subscriber",
    )

    def __init__(
        self,
        context: Context | None = None,
        creation: SpanContext | None = None,
        subscriber: Subscriber | None = None,
    ) -> None:
        self.context = context
        self.creation = creation
        self.subscriber = subscriber
        self.error: Exception | None = None
        self.outcome: str | None = None
        self.settled_at = 0.0
        self.is_armed = False
        self.owner: ReferenceType[object] | None = None
        self.linked_to = 0

    def settle(self, outcome: str) -> None:
        """Say that the message was settled, just now."""
        self.outcome = outcome
        self.settled_at = perf_counter()

    def __deepcopy__(self, memo: object) -> Delivery:
        return self

    def __reduce__(self) -> tuple[type[Delivery], tuple[()]]:
        return Delivery, ()


@guarded(None)
def remember(message: Any, delivery: Delivery) -> None:
    """Keep ``delivery`` with a ``nats.aio.msg.Msg``, for as long as the message lives.

    As an attribute, because ``Msg`` is an unhashable dataclass: its fields, equality and repr
    stay as they are. An application's message class may have no room for it.
    """
    if hasattr(message, "__dict__"):
        setattr(message, ATTRIBUTE, delivery)


def recipient_of(message: Any) -> Subscriber:
    """Who ``message`` was delivered to; its client alone, where no more is known."""
    delivery = delivery_of(message)
    return (delivery and delivery.subscriber) or Subscriber(message._client, "", "")


def delivery_of(message: Any) -> Delivery | None:
    """The :class:`Delivery` of ``message``, or None for one of which nothing is known."""
    delivery = getattr(message, ATTRIBUTE, None)
    if not isinstance(delivery, Delivery) or delivery.context is None:
        return None
    return delivery
