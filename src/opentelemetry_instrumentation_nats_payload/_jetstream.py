"""JetStream: which subjects are its API, and must never be touched; what was subscribed to."""

from __future__ import annotations

from contextvars import ContextVar
from functools import partial, wraps
from typing import Any

from ._connection import connection_of
from ._guard import guarded
from ._operation import without_us
from ._patching import unbound
from ._subjects import Handling
from ._telemetry import Telemetry

_filter_subject: ContextVar[str | None] = ContextVar("nats-filter-subject", default=None)


def take_filter_subject() -> str | None:
    """The filter subject of the consumer, if a ``JetStreamContext`` is who subscribes.

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
    call = unbound(original)

    @wraps(original)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        call(self, *args, **kwargs)
        if telemetry.is_active:
            _remember_prefix(self)

    return init


def wrap_api_request(original: Any, telemetry: Telemetry) -> Any:
    """``JetStreamManager._api_request``, by which requests to the API go, save direct gets.

    A context made before the instrumentation has a prefix that was not seen.
    """
    call = unbound(original)

    @wraps(original)
    async def api_request(self: Any, *args: Any, **kwargs: Any) -> Any:
        if telemetry.is_active and not _remember_prefix(self):
            return await without_us(call, self, *args, **kwargs)
        return await call(self, *args, **kwargs)

    return api_request


def wrap_get_msg(original: Any, telemetry: Telemetry) -> Any:
    """``JetStreamManager.get_msg``: a message as it is in its stream, and so with the field,
    which ``strip`` takes out.
    """
    call = unbound(original)

    @wraps(original)
    async def get_msg(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not telemetry.is_active:
            return await call(self, *args, **kwargs)
        ask = call if _remember_prefix(self) else partial(without_us, call)
        message = await ask(self, *args, **kwargs)
        if telemetry.settings.consumed_field == "strip":
            _strip(telemetry, message)
        return message

    return get_msg


@guarded(None)
def _strip(telemetry: Telemetry, message: Any) -> None:
    if not message.data or telemetry.rules.handling(message.subject) is Handling.IGNORE:
        return
    member = telemetry.field.find(message.data)
    if member is not None and member.carrier is not None:
        message.data = telemetry.field.cut(message.data, member)


@guarded(False)
def _remember_prefix(context: Any) -> bool:
    """Whether a request of ``context`` is known for what it is. Another one has to go without us:
    the server would refuse it for the field.
    """
    prefix = context._prefix
    if isinstance(prefix, str) and not prefix.startswith("$"):
        connection_of(context._nc).add_api_prefix(prefix)
    return True


def wrap_subscribe_bind(original: Any) -> Any:
    """``JetStreamContext.subscribe_bind``, by which all push subscriptions are made: tells the
    filter subject of the consumer to whoever wraps the callback.
    """
    call = unbound(original)

    @wraps(original)
    async def subscribe_bind(self: Any, *args: Any, **kwargs: Any) -> Any:
        config = args[1] if len(args) > 1 else kwargs.get("config")
        _filter_subject.set(getattr(config, "filter_subject", None))
        try:
            return await call(self, *args, **kwargs)
        finally:
            _filter_subject.set(None)

    return subscribe_bind
