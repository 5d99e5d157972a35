"""The callback of a subscription, wrapped."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from functools import update_wrapper
from typing import Any

from ._consumer import Subscriber, finish_process, start_process
from ._guard import guarded
from ._jetstream import take_filter_subject
from ._telemetry import current

_Callback = Callable[[Any], Awaitable[Any]]
_MARK = "_otel_nats_callback"

# What Client.request and JetStreamContext.publish_async subscribe for themselves.
_INTERNAL = {
    ("nats.aio.client", "Client._request_sub_callback"),
    ("nats.js.client", "JetStreamContext._handle_async_reply"),
}


def wrap_callback(
    client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of ``Client.subscribe(subject, queue="", cb=None, ...)`` with ``cb`` wrapped.

    They come back as they are where there is no callback, or none that nats-py would accept: it
    then says why, now and not at every message.
    """
    return _wrapped(client, args, kwargs) or (args, kwargs)


@guarded(None)
def _wrapped(
    client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    callback = args[2] if len(args) > 2 else kwargs.get("cb")
    if callback is None or not _is_accepted(callback) or _is_internal(callback):
        return None
    if getattr(callback, _MARK, None) is True:  # a mock has every attribute
        return None
    subject = take_filter_subject() or (args[0] if args else kwargs["subject"])
    queue = args[1] if len(args) > 1 else kwargs.get("queue")
    traced = _traced(callback, Subscriber(client, subject, queue or ""))
    if len(args) > 2:
        return (*args[:2], traced, *args[3:]), kwargs
    return args, {**kwargs, "cb": traced}


def _is_accepted(callback: Any) -> bool:
    """nats-py's own test (``Subscription._start``)."""
    return inspect.iscoroutinefunction(callback) or inspect.iscoroutinefunction(
        getattr(callback, "func", None)
    )


def _is_internal(callback: Any) -> bool:
    function = getattr(callback, "__func__", None)
    return (getattr(function, "__module__", ""), getattr(function, "__qualname__", "")) in _INTERNAL


def _traced(callback: _Callback, subscriber: Subscriber) -> _Callback:
    async def traced(message: Any) -> Any:
        # Whatever is active now: a subscription outlives the instrumentation it was made under.
        telemetry = current()
        process = telemetry and start_process(telemetry, subscriber, message)
        if process is None:
            return await callback(message)
        try:
            result = await callback(message)
        except BaseException as error:
            finish_process(process, error)
            raise
        finish_process(process)
        return result

    update_wrapper(traced, callback)
    setattr(traced, _MARK, True)
    return traced
