"""Wrappers of ``nats.aio.client.Client`` and of the replies that go out through it."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from functools import partial, wraps
from typing import Any

import wrapt
from opentelemetry import context as context_api
from opentelemetry import trace
from opentelemetry.context import Context

from . import _semconv
from ._connection import discount, discount_late, take_back
from ._continuation import ambient
from ._delivery import delivery_of
from ._guard import guarded, report_from
from ._measured import Measured
from ._message import Outgoing
from ._operation import Operation, begin_operation, without_us
from ._patching import PatchTable, unbound
from ._plain_publish import UNUSUAL, Publish, start_plain_publish
from ._producer import (
    fail_operation,
    fail_publish,
    finish_publish,
    start_publish,
)
from ._reply import with_echo, with_handling, with_reply
from ._request import finish_request
from ._subjects import Handling
from ._subscription import wrap_callback
from ._telemetry import Telemetry
from ._waiting import remember

_NATS_CLIENT = "nats.aio.client"


def wrap_publish(original: Any, telemetry: Telemetry) -> Any:
    """``Client.publish``, the one way by which messages leave.

    A plain function: wrapt's binding costs 0.8 µs a call, a quarter of a publish.
    """
    call = unbound(original)
    publish_any = _wrap_any_publish(original, call, telemetry)
    if call is not original or not _is_publish_of_nats(original):
        return publish_any

    # The very signature of nats-py, so that a wrong call is refused at the call, in its words.
    @wraps(original)
    async def publish(
        self: Any,
        subject: Any,
        payload: bytes = b"",
        reply: str = "",
        headers: dict[str, str] | None = None,
    ) -> None:
        started = None
        try:
            if not telemetry.is_idle() or context_api.get_current():
                started = start_plain_publish(telemetry, self, subject, payload, headers)
        except Exception as error:
            report_from(start_plain_publish, error)
            started = UNUSUAL
        if started is UNUSUAL:
            if not self.is_connected:
                return await publish_any(self, subject, payload, reply, headers)
            started = start_publish(telemetry, self, subject, payload, reply, headers)
            _discount(self, started)
        if started is None:
            return await call(self, subject, payload, reply, headers)
        try:
            await call(self, subject, started.payload, reply, started.headers)
        except BaseException as error:
            _take_back(self, started)
            fail_publish(started, error)
            raise
        try:
            finish_publish(started, self)
        except Exception as error:
            report_from(finish_publish, error)
        return None

    return publish


@guarded(None)
def _discount(client: Any, started: Publish | None) -> None:
    """Take what is ours off the bytes that wait, see :func:`discount`."""
    if started is not None and started.added:
        started.counted = discount(client, started.added)


@guarded(None)
def _take_back(client: Any, started: Publish) -> None:
    """Undo that for a publish that raised."""
    if started.added:
        take_back(client, started.added, started.counted)


def _is_publish_of_nats(method: Any) -> bool:
    """Whether a function is nats-py's own; functools.wraps copies the names of one."""
    if getattr(method, "__globals__", {}).get("__name__") != _NATS_CLIENT:
        return False
    return _parameters(method) == _parameters(_nats_publish)


async def _nats_publish(
    self: Any, subject: Any, payload: Any = b"", reply: Any = "", headers: Any = None
) -> None:
    """The signature of every ``Client.publish`` until nats-py 2.16, the last one that is known."""


def _parameters(function: Callable[..., Any]) -> list[tuple[str, Any, Any]]:
    """Its own parameters, and not those of what functools.wraps says it wraps."""
    parameters = inspect.signature(function, follow_wrapped=False).parameters.values()
    return [(p.name, p.kind, p.default) for p in parameters]


def _wrap_any_publish(original: Any, call: Callable[..., Any], telemetry: Telemetry) -> Any:
    """Around another wrapper, or a later nats-py's: arguments keep the form they came in.

    And for what waits for a reconnect.
    """

    @wraps(original)
    async def publish(self: Any, *args: Any, **kwargs: Any) -> Any:
        message = _bound(args, kwargs) if telemetry.is_active else None
        started = start_publish(telemetry, self, *message) if message else None
        if message is None or started is None:
            return await call(self, *args, **kwargs)
        args, kwargs = _rebound(args, kwargs, message, started) or (args, kwargs)
        try:
            result = await _under(started.measured, partial(call, self, *args, **kwargs))
        except BaseException as error:
            fail_publish(started, error)
            raise
        _finish_publish(started, self)
        if started.added > 0 and not self.is_connected:
            discount_late(self, started.added)
            remember(self, message, started.payload)
        return result

    return publish


@guarded(None)
def _finish_publish(started: Publish, client: Any) -> None:
    finish_publish(started, client)


async def _under(measured: Measured | None, call: Callable[[], Awaitable[Any]]) -> Any:
    """Call another wrapper with our span current: what a second instrumentation starts there is
    its child, and no trace of its own.
    """
    if measured is None or measured.span is None:
        return await call()
    return await _in(trace.set_span_in_context(measured.span), call)


async def _in(context: Context, call: Callable[[], Awaitable[Any]]) -> Any:
    """Call with ``context`` current."""
    token = context_api.attach(context)
    try:
        result = await call()
    except GeneratorExit:  # the loop is gone, and with it the context of the token
        raise
    except BaseException:
        context_api.detach(token)
        raise
    context_api.detach(token)
    return result


@guarded(None)
def _bound(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Outgoing | None:
    given = {**dict(zip(Outgoing._fields, args, strict=False)), **kwargs}
    if not isinstance(given.get("subject"), str):
        return None
    return Outgoing(
        given["subject"], given.get("payload", b""), given.get("reply", ""), given.get("headers")
    )


@guarded(None)
def _rebound(
    args: tuple[Any, ...], kwargs: dict[str, Any], message: Outgoing, sent: Publish
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments with what we changed of them."""
    for position, name in ((1, "payload"), (3, "headers")):
        value = getattr(sent, name)
        if value is getattr(message, name):
            continue
        if len(args) > position:
            args = (*args[:position], value, *args[position + 1 :])
        else:
            kwargs = {**kwargs, name: value}
    return args, kwargs


def wrap_request(original: Any, telemetry: Telemetry) -> Any:
    """``Client.request``: one span, which covers the wait for the reply."""
    call = unbound(original)

    @wraps(original)
    async def request(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not telemetry.is_active:
            return await call(self, *args, **kwargs)
        operation = begin_operation(_semconv.OPERATION_REQUEST, args, kwargs)
        # JetStream's publish is a request too, and has opened an operation of its own.
        if operation is None:
            return await call(self, *args, **kwargs)
        if not isinstance(operation, Operation):
            return await without_us(call, self, *args, **kwargs)
        try:
            reply = await call(self, *args, **kwargs)
        except BaseException as error:
            fail_operation(telemetry, operation, self, error)
            raise
        finish_request(telemetry, operation, self, reply)
        return reply

    return request


def wrap_connect(original: Any, telemetry: Telemetry, patches: PatchTable) -> Any:
    """``Client.connect``: by then every instrumentation is loaded, and a second one is seen."""

    def connect(wrapped: Any, _: Any, args: Any, kwargs: Any) -> Any:
        if telemetry.is_active:
            patches.check()
        return wrapped(*args, **kwargs)

    return wrapt.FunctionWrapper(original, connect)


def wrap_subscribe(original: Any, telemetry: Telemetry, patches: PatchTable) -> Any:
    """``Client.subscribe``: hands nats-py our wrapper of the callback."""

    def subscribe(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        if telemetry.is_active:
            patches.check()
            args, kwargs = wrap_callback(instance, args, kwargs)
        return wrapped(*args, **kwargs)

    return wrapt.FunctionWrapper(original, subscribe)


def wrap_respond(original: Any, telemetry: Telemetry, request_of: Callable[[Any], Any]) -> Any:
    """``respond`` of a message or a micro request: what it publishes is a reply."""
    call = unbound(original)

    @wraps(original)
    async def respond(self: Any, *args: Any, **kwargs: Any) -> Any:
        context = _reply_context(telemetry, self, request_of) if telemetry.is_active else None
        if context is None:
            return await call(self, *args, **kwargs)
        return await _in(context, partial(call, self, *args, **kwargs))

    return respond


@guarded(None)
def _reply_context(
    telemetry: Telemetry, responder: Any, request_of: Callable[[Any], Any]
) -> Context | None:
    """The current context with what is known of a reply, None where that changes nothing.

    Where no span of the application's goes on, a reply belongs to the trace of its request.
    """
    request = request_of(responder)
    current = context = context_api.get_current()
    delivery = delivery_of(request)
    if delivery is not None and delivery.context and ambient() is None:
        context = Context({**context, **delivery.context})
    handling = telemetry.rules.handling(request.subject)
    if handling is not Handling.TRACE:
        context = with_handling(context, handling)
    context = with_echo(with_reply(context, request.reply), request.headers)
    return None if context is current else context
