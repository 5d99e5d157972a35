"""Messages that a subscription is asked for, wrapped: ``next_msg`` and ``async for``."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from functools import partial, wraps
from opcode import opmap
from types import FrameType
from typing import Any

from . import _semconv
from ._connection import subscriber_of
from ._continuation import give_back
from ._guard import guarded
from ._patching import unbound
from ._receive import fail_receive, finish_receive, start_receive
from ._telemetry import Telemetry, current

_PULL = "_otel_nats_pull"
_GET_AITER = opmap["GET_AITER"]
"""The instruction by which a loop gets its iterator."""


def leave_to_fetch(subscription: Any) -> None:
    """Mark a ``Subscription`` as that of a pull subscription: ``fetch`` asks it for messages."""
    subscription.__dict__[_PULL] = True


def wrap_next_msg(original: Any, telemetry: Telemetry) -> Any:
    """``Subscription.next_msg``."""
    call = unbound(original)

    @wraps(original)
    async def next_msg(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not telemetry.is_active:
            return await call(self, *args, **kwargs)
        return await _ask(telemetry, self, partial(call, self, *args, **kwargs))

    return next_msg


def wrap_anext(original: Any, telemetry: Telemetry) -> Any:
    """``__anext__`` of ``Subscription.messages``."""
    call = unbound(original)

    @wraps(original)
    async def anext_(self: Any) -> Any:
        if not telemetry.is_active:
            return await call(self)
        return await _ask(telemetry, self._sub, partial(call, self))

    return anext_


async def _ask(telemetry: Telemetry, subscription: Any, call: Callable[[], Awaitable[Any]]) -> Any:
    reception = _start(subscription)
    if reception is None:
        return await call()
    try:
        message = await call()
    except Exception as error:
        fail_receive(telemetry, reception, error)
        raise
    finish_receive(telemetry, reception, message)
    return message


@guarded(None)
def _start(subscription: Any) -> Any:
    if _PULL in subscription.__dict__:
        return None
    subscriber = subscriber_of(subscription)
    return start_receive(_semconv.OPERATION_RECEIVE, subscriber, subscription)


def wrap_aiter(original: Any, telemetry: Telemetry) -> Any:
    """``__aiter__`` of ``Subscription.messages``, which ``async for`` calls once a loop."""
    call = unbound(original)

    @wraps(original)
    def aiter_(self: Any) -> Any:
        iterator = call(self)
        return _Loop(iterator) if telemetry.is_active and _is_loop(sys._getframe(1)) else iterator

    return aiter_


@guarded(False)
def _is_loop(frame: FrameType | None) -> bool:
    """Whether it is ``async for`` that asks for an iterator in ``frame``, maybe through a
    ``__aiter__`` of the application's. ``aiter()`` gets what it gets of nats-py: an iterator is its
    own.
    """
    while frame is not None and frame.f_code.co_name == "__aiter__":
        frame = frame.f_back
    return frame is not None and frame.f_code.co_code[frame.f_lasti] == _GET_AITER


class _Loop:
    """One ``async for``. Only the loop holds it: with ``break``, ``return`` or an exception it is
    gone, and the context of the last message is given back.
    """

    __slots__ = ("__weakref__", "_iterator")

    def __init__(self, iterator: Any) -> None:
        self._iterator = iterator

    def __aiter__(self) -> _Loop:
        return self

    def __anext__(self) -> Any:
        if current() is None:  # uninstrumented in the loop
            _leave(self)
        return self._iterator.__anext__()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._iterator, name)

    def __del__(self) -> None:
        _leave(self)


@guarded(None)
def _leave(loop: _Loop) -> None:
    give_back(loop._iterator._sub)
