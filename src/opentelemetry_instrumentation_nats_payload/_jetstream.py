"""JetStream: which subjects are its API, and must never be touched; what was subscribed to."""

from __future__ import annotations

from contextvars import ContextVar
from functools import wraps
from typing import Any

import wrapt

from ._connection import connection_of
from ._growth import Growth, growth
from ._guard import guarded
from ._patching import unbound
from ._telemetry import Telemetry

_TOO_LARGE = 10054

_filter_subject: ContextVar[str | None] = ContextVar("nats-filter-subject", default=None)


def take_filter_subject() -> str | None:
    """What ``JetStreamContext.subscribe`` was called with, if that is who subscribes.

    ``Client.subscribe`` only gets the inbox that the server delivers to. It is given out once:
    the task of the subscription keeps a copy of what is current when it is made.
    """
    subject = _filter_subject.get()
    if subject is not None:
        _filter_subject.set(None)
    return subject


def wrap_init(original: Any, telemetry: Telemetry) -> Any:
    """``__init__`` of ``JetStreamContext`` and ``JetStreamManager``: remembers their prefix.

    The server rejects an unknown member in a request (error 10025), and with
    ``jetstream(prefix="acme.js")`` the subject does not show that it is one.
    """

    def init(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> None:
        wrapped(*args, **kwargs)
        if telemetry.is_active:
            _remember_prefix(instance)

    return wrapt.FunctionWrapper(original, init)


def wrap_api_request(original: Any, telemetry: Telemetry) -> Any:
    """``JetStreamManager._api_request`` and ``get_msg``, by which all requests to the API go.

    A context made before the instrumentation has a prefix that was not seen.
    """

    def api_request(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        if telemetry.is_active:
            _remember_prefix(instance)
        return wrapped(*args, **kwargs)

    return wrapt.FunctionWrapper(original, api_request)


@guarded(None)
def _remember_prefix(context: Any) -> None:
    prefix = context._prefix
    if isinstance(prefix, str) and not prefix.startswith("$"):
        connection_of(context._nc).add_api_prefix(prefix)


def wrap_publish(original: Any, telemetry: Telemetry) -> Any:
    """``JetStreamContext.publish``: a message that only grew too large through us is sent again.

    A stream may have a ``max_msg_size`` of its own, which no client can know. What it refuses
    (error 10054) it has not stored. From then on the subject's messages only grow up to the size
    that was accepted.
    """
    call = unbound(original)

    async def attempt(grown: Growth, *args: Any, **kwargs: Any) -> Any:
        token = growth.set(grown)
        try:
            return await call(*args, **kwargs)
        finally:
            growth.reset(token)

    @wraps(original)
    async def publish(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not telemetry.is_active:
            return await call(self, *args, **kwargs)
        grown = Growth()
        try:
            return await attempt(grown, self, *args, **kwargs)
        except Exception as error:
            if grown.original_size is None or getattr(error, "err_code", None) != _TOO_LARGE:
                raise
        result = await attempt(Growth(is_allowed=False), self, *args, **kwargs)
        subject = args[0] if args else kwargs["subject"]
        telemetry.size_limits.remember(subject, grown.original_size)
        return result

    return publish


def wrap_subscribe(original: Any) -> Any:
    """``JetStreamContext.subscribe``: tells the subject to whoever wraps the callback."""
    call = unbound(original)

    @wraps(original)
    async def subscribe(self: Any, *args: Any, **kwargs: Any) -> Any:
        subject = args[0] if args else kwargs.get("subject")
        token = _filter_subject.set(subject if isinstance(subject, str) else None)
        try:
            return await call(self, *args, **kwargs)
        finally:
            _filter_subject.reset(token)

    return subscribe
