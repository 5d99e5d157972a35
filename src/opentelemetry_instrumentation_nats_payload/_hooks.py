"""What hooks are called with, and what may be put as one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from opentelemetry.trace import Span

from ._guard import contained


class PublishDetails(NamedTuple):
    """A message as the application handed it to ``Client.publish``."""

    subject: str
    """Where it goes."""

    payload: bytes
    """Without what is added to it."""

    reply: str
    """Where an answer is wanted, or empty."""

    headers: Mapping[str, str] | None
    """Not to be changed."""


class MessageDetails(NamedTuple):
    """A message that came in, as the application gets it."""

    subject: str
    """Where it went."""

    data: bytes
    """The payload, with the field as ``consumed_field`` leaves it."""

    reply: str
    """Where an answer is wanted, or empty."""

    headers: Mapping[str, str] | None
    """Not to be changed."""

    subscription: str
    """What was subscribed to, maybe with wildcards; empty where that is not known."""

    queue: str
    """The queue group, or empty."""

    message: Any
    """The ``nats.aio.msg.Msg``."""


class ReceiveDetails(NamedTuple):
    """The messages that ``next_msg`` or an iteration (one), or ``fetch`` handed over."""

    messages: tuple[MessageDetails, ...]
    """In the order they came in."""


class PublishHook(Protocol):
    """Called with the recording span of a publish, request or reply, before the message is sent."""

    def __call__(self, span: Span, details: PublishDetails, /) -> None: ...


class ProcessHook(Protocol):
    """Called with the recording span of a process, before the callback runs."""

    def __call__(self, span: Span, details: MessageDetails, /) -> None: ...


class ReceiveHook(Protocol):
    """Called with the recording span of a receive or fetch, before the call returns."""

    def __call__(self, span: Span, details: ReceiveDetails, /) -> None: ...


class RedactBody(Protocol):
    """Called with a subject and a body that is to be captured; returns what may be captured."""

    def __call__(self, subject: str, body: bytes, /) -> bytes: ...


def call_hook(hook: Callable[[Span, Any], None], span: Span, details: object) -> None:
    """Call an application's hook, whose errors are ours to report."""
    contained("hook", hook, span, details)


def frozen_headers(headers: Mapping[str, str] | None) -> Mapping[str, str] | None:
    """Headers that a hook cannot change."""
    return None if headers is None else MappingProxyType(dict(headers))
