"""Services of ``nats.micro``: what goes wrong in a handler, which nats-py answers and swallows."""

from __future__ import annotations

from functools import wraps
from typing import Any

from nats.micro.request import ServiceError

from ._delivery import delivery_of
from ._guard import guarded
from ._patching import unbound
from ._telemetry import Telemetry


def wrap_init(original: Any, telemetry: Telemetry) -> Any:
    """``Endpoint.__init__``: its handler tells what it raised."""
    call = unbound(original)

    @wraps(original)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        call(self, *args, **kwargs)
        if telemetry.is_active:
            _wrap_handler(self)

    return init


@guarded(None)
def _wrap_handler(endpoint: Any) -> None:
    handler = endpoint._handler

    @wraps(handler)
    async def handle(request: Any) -> Any:
        try:
            return await handler(request)
        except Exception as error:
            _note_raised(request, error)
            raise

    endpoint._handler = handle


@guarded(None)
def _note_raised(request: Any, error: Exception) -> None:
    delivery = delivery_of(request._msg)
    if delivery is not None:
        delivery.error = error


def wrap_respond_error(original: Any, telemetry: Telemetry) -> Any:
    """``Request.respond_error``: a handler, or nats-py, tells the requester of an error."""
    call = unbound(original)

    @wraps(original)
    async def respond_error(self: Any, *args: Any, **kwargs: Any) -> Any:
        if telemetry.is_active:
            _note_answer(self, *args, **kwargs)
        return await call(self, *args, **kwargs)

    return respond_error


@guarded(None)
def _note_answer(request: Any, code: str, description: str, *_: Any, **__: Any) -> None:
    """What was raised counts for more: nats-py answers that, too."""
    delivery = delivery_of(request._msg)
    if delivery is not None and delivery.error is None:
        delivery.error = ServiceError(code, description)
