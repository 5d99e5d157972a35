"""Wrappers of ``nats.aio.client.Client``, save ``publish``, and of replies."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from typing import Any

import wrapt
from opentelemetry import context as context_api
from opentelemetry.context import Context

from . import _semconv
from ._continuation import ambient
from ._delivery import delivery_of
from ._guard import guarded
from ._operation import Operation, begin_operation, in_context, without_us
from ._patching import PatchTable, unbound
from ._producer import fail_operation
from ._reply import with_echo, with_handling, with_reply
from ._request import finish_request
from ._subjects import Handling
from ._subscription import wrap_callback
from ._telemetry import Telemetry


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
        return await in_context(context, partial(call, self, *args, **kwargs))

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
