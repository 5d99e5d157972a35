"""What is given to ``Client.subscribe`` for the messages, wrapped: a callback, or a future."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from functools import partial, update_wrapper
from time import time_ns
from typing import Any

from . import _semconv
from ._continuation import has_met_message
from ._following import leave_for
from ._futures import exception_of
from ._guard import guarded, report_from
from ._jetstream import take_filter_subject
from ._plain_process import UNUSUAL, is_passed_by, start_plain_process
from ._process import end_process, finish_process, start_process
from ._receive import Reception, finish_receive, is_traced
from ._subscriber import Subscriber
from ._telemetry import current

_Callback = Callable[[Any], Awaitable[Any]]
_MARK = "_otel_nats_callback"

# What Client.request and JetStreamContext.publish_async subscribe for themselves.
_OF_NATS = {
    ("nats.aio.client", "Client._request_sub_callback"),
    ("nats.js.client", "JetStreamContext._handle_async_reply"),
}


def wrap_callback(
    client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of ``Client.subscribe(subject, queue="", cb=None, future=None, ...)`` with
    ``cb`` wrapped.

    They come back as they are where there is no callback, or none that nats-py would accept: it
    then says why, now and not at every message.
    """
    return _wrapped(client, args, kwargs) or (args, kwargs)


@guarded(None)
def _wrapped(
    client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    given = {**dict(zip(("subject", "queue", "cb", "future"), args, strict=False)), **kwargs}
    callback, future = given.get("cb"), given.get("future")
    if callback is None and future is not None:
        _follow(Subscriber(client, given["subject"], given.get("queue") or ""), future)
    if callback is None or not _is_accepted(callback) or _is_of_nats(callback):
        return None
    if getattr(callback, _MARK, None) is True:  # a mock has every attribute
        return None
    subject = take_filter_subject() or given["subject"]
    traced = _traced(callback, Subscriber(client, subject, given.get("queue") or ""))
    if len(args) > 2:
        return (*args[:2], traced, *args[3:]), kwargs
    return args, {**kwargs, "cb": traced}


def _follow(subscriber: Subscriber, future: Any) -> None:
    """Trace the message that comes into ``future``, before whoever awaits it goes on: callbacks of
    a future run in the order in which they were added.
    """
    if is_traced(subscriber):
        reception = Reception(_semconv.OPERATION_RECEIVE, subscriber, None, time_ns())
        future.add_done_callback(partial(_hand_over, reception))


@guarded(None)
def _hand_over(reception: Reception, future: asyncio.Future[Any]) -> None:
    telemetry = current()
    if telemetry is None or future.cancelled() or exception_of(future) is not None:
        return
    finish_receive(telemetry, reception, future.result())


def _is_accepted(callback: Any) -> bool:
    """nats-py's own test (``Subscription._start``)."""
    return inspect.iscoroutinefunction(callback) or inspect.iscoroutinefunction(
        getattr(callback, "func", None)
    )


def _is_of_nats(callback: Any) -> bool:
    function = getattr(callback, "__func__", None)
    return (getattr(function, "__module__", ""), getattr(function, "__qualname__", "")) in _OF_NATS


def _traced(callback: _Callback, subscriber: Subscriber) -> _Callback:
    async def traced(message: Any) -> Any:
        # Whatever is active now: a subscription outlives the instrumentation it was made under.
        telemetry = current()
        process = None
        if telemetry is not None:
            try:
                if not is_passed_by(telemetry, message):
                    process = start_plain_process(telemetry, subscriber, message)
            except Exception as error:
                report_from(start_plain_process, error)
                process = UNUSUAL
            if process is UNUSUAL:
                process = start_process(telemetry, subscriber, message)
        if process is None:
            try:
                return await callback(message)
            finally:
                if has_met_message.get():
                    leave_for(None)  # what it has read or taken is no concern of the next message
        try:
            result = await callback(message)
        except BaseException as error:
            finish_process(process, error)
            raise
        try:
            end_process(process)
        except Exception as error:
            report_from(end_process, error)
        return result

    update_wrapper(traced, callback)
    setattr(traced, _MARK, True)
    return traced
