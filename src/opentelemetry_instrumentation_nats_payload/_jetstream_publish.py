"""JetStream's ``publish`` and ``publish_async``: one span until the acknowledgement.

A message that only grew too large through us is sent again as it was: a stream may have a
``max_msg_size`` of its own, which no client can know. What it refuses (error 10054) it has not
stored. From then on the subject's messages only grow to less than the size that was refused.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from copy import copy
from functools import partial, wraps
from typing import Any, cast

from . import _semconv
from ._futures import exception_of
from ._guard import guarded
from ._message import message_of
from ._operation import (
    FAILED,
    Operation,
    begin_operation,
    close_operation,
    open_operation,
    open_retry,
    without_us,
)
from ._patching import unbound
from ._producer import fail_operation
from ._telemetry import Telemetry, current

_TOO_LARGE = 10054
_REFUSED = object()
_PENDING = "_otel_nats_pending"
_REPLIES = "_otel_nats_replies"


def wrap_publish(original: Any, telemetry: Telemetry) -> Any:
    """``JetStreamContext.publish``."""
    call = unbound(original)

    async def attempt(operation: Operation, *args: Any, **kwargs: Any) -> Any:
        try:
            return await call(*args, **kwargs)
        except Exception as error:
            if operation.original is None or getattr(error, "err_code", None) != _TOO_LARGE:
                raise
            return _REFUSED

    @wraps(original)
    async def publish(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not telemetry.is_active:
            return await call(self, *args, **kwargs)
        operation = begin_operation(_semconv.OPERATION_PUBLISH, args, kwargs)
        if operation is None:
            return await call(self, *args, **kwargs)
        if not isinstance(operation, Operation):
            return await without_us(call, self, *args, **kwargs)
        written = _as_written(args, kwargs)
        try:
            ack = await attempt(operation, self, *args, **kwargs)
            if ack is _REFUSED:
                again = call if open_retry(operation) else partial(without_us, call)
                args, kwargs = written or (args, kwargs)
                ack = await again(self, *args, **kwargs)
        except BaseException as error:
            fail_operation(telemetry, operation, self._nc, error)
            raise
        close_operation(operation)
        _acknowledged(telemetry, operation, ack)
        return ack

    return publish


@guarded(None)
def _as_written(
    args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments as nats-py writes them: the application may change a buffer or a dict while the
    first attempt waits for its answer.

    Not ``operation.original``, which is what came out of whatever is between this call and that of
    the client: a subclass that compresses would do so again.
    """
    return tuple(_kept(arg) for arg in args), {k: _kept(arg) for k, arg in kwargs.items()}


def _kept(argument: Any) -> Any:
    if type(argument) in (str, bytes):
        return argument
    if isinstance(argument, (bytearray, memoryview)):
        return bytes(cast("bytearray | memoryview[Any]", argument))
    return copy(cast("Any", argument)) if isinstance(argument, dict) else argument


@guarded(None)
def _acknowledged(telemetry: Telemetry, operation: Operation, ack: Any) -> None:
    measured = operation.measured
    try:
        if operation.is_retry and operation.original is not None:
            telemetry.size_limits.learn(operation.original.subject, operation.refused_size)
        if operation.is_retry and measured is not None and measured.outcome is not None:
            measured.outcome = measured.outcome._replace(value=_semconv.TOO_LARGE)
        _set_message_id(operation, ack)
    finally:
        if measured is not None:
            measured.end()


@guarded(None)
def _set_message_id(operation: Operation, ack: Any) -> None:
    """The stream and sequence are the id of a message that was given none."""
    span = operation.span
    # Another wrapper may return something else, or nothing.
    if span is None or operation.message_id is not None or not hasattr(ack, "seq"):
        return
    if span.is_recording():
        message_id = _semconv.message_id(ack.stream, ack.seq)
        span.set_attribute(_semconv.MESSAGING_MESSAGE_ID, message_id)


def wrap_publish_async(original: Any, telemetry: Telemetry) -> Any:
    """``JetStreamContext.publish_async``."""
    call = unbound(original)

    @wraps(original)
    async def publish_async(self: Any, *args: Any, **kwargs: Any) -> Any:
        operation = _pending_operation(self, args, kwargs) if telemetry.is_active else None
        if operation is None:
            return await call(self, *args, **kwargs)
        if not isinstance(operation, Operation):
            return await without_us(call, self, *args, **kwargs)
        try:
            future = await call(self, *args, **kwargs)
        except BaseException as error:
            fail_operation(telemetry, operation, self._nc, error)
            _forget(operation)
            raise
        close_operation(operation)
        if not _watch(future, partial(_finish, telemetry, operation)):
            _finish_unwatched(operation)
        return future

    return publish_async


@guarded(False)
def _watch(future: Any, finish: Callable[[Any], None]) -> bool:
    future.add_done_callback(finish)
    return True


@guarded(None)
def _finish_unwatched(operation: Operation) -> None:
    """Another wrapper has returned no future: nobody will say what becomes of the message, save
    that it was refused.
    """
    measured, operation.measured = operation.measured, None
    if measured is not None:
        measured.end()


@guarded(None)
def _forget(operation: Operation) -> None:
    operation.forget()


@guarded(FAILED)
def _pending_operation(context: Any, args: Any, kwargs: Any) -> Operation | None:
    pending: dict[str, Operation] = context.__dict__.setdefault(_PENDING, {})
    operation = Operation(_semconv.OPERATION_PUBLISH, message_of(args, kwargs), pending)
    if not context._async_reply_prefix:
        context.__dict__[_REPLIES] = True  # the subscription to be made calls our wrapper
    operation.may_grow = _REPLIES in context.__dict__
    return operation if open_operation(operation) else None


@guarded(None)
def _finish(telemetry: Telemetry, operation: Operation, future: asyncio.Future[Any]) -> None:
    """The future of a ``publish_async`` is done."""
    try:
        error = None if future.cancelled() else exception_of(future)
        ack = None if future.cancelled() or error is not None else future.result()
    except Exception:
        _finish_unwatched(operation)
        raise
    finally:
        _forget(operation)
    if not future.cancelled() and error is None:
        _acknowledged(telemetry, operation, ack)
    elif operation.measured is not None:
        operation.measured.end(error)


def wrap_async_reply(original: Any) -> Any:
    """``JetStreamContext._handle_async_reply``, which resolves those futures.

    nats-py 2.16 does not resolve that of a message which the server refused: the error goes to
    ``error_cb``, and has to end the span.
    """
    call = unbound(original)

    @wraps(original)
    async def handle(self: Any, msg: Any) -> Any:
        # Whatever is active now: the subscription outlives the instrumentation.
        operation = _operation_of(self, msg) if current() else None
        if operation is None:
            return await call(self, msg)
        if _is_refused(operation, msg) and await _publish_again(self._nc, operation):
            return None
        try:
            result = await call(self, msg)
        except Exception as error:
            _forget(operation)
            # The future may still be cancelled.
            measured, operation.measured = operation.measured, None
            if measured is not None:
                measured.end(error)
            raise
        _forget(operation)
        return result

    return handle


@guarded(None)
def _operation_of(context: Any, message: Any) -> Operation | None:
    pending: dict[str, Operation] = context.__dict__.get(_PENDING, {})
    return pending.get(message.subject)


@guarded(False)
def _is_refused(operation: Operation, message: Any) -> bool:
    """Whether the message was refused, for the first time, after it grew."""
    if operation.original is None or operation.is_retry or b"10054" not in message.data:
        return False
    error: dict[str, Any] = json.loads(message.data).get("error") or {}
    return error.get("err_code") == _TOO_LARGE


async def _publish_again(client: Any, operation: Operation) -> bool:
    """Send the message as it was, for the same reply; False if that was not possible."""
    operation.is_retry = True  # once, whatever becomes of it
    publish = client.publish if open_retry(operation) else partial(without_us, client.publish)
    try:
        await publish(*(operation.original or ()))
    except Exception:
        return False  # the caller gets the error that it would have got
    finally:
        close_operation(operation)
    return True
