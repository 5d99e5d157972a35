"""JetStream's pull subscriptions, wrapped."""

from __future__ import annotations

from functools import wraps
from typing import Any

from . import _semconv
from ._fetch import finish_fetch
from ._guard import guarded
from ._iteration import leave_to_fetch
from ._patching import unbound
from ._receive import Reception, fail_receive, start_receive
from ._subscriber import Subscriber
from ._telemetry import Telemetry

_FILTER_SUBJECT = "_otel_nats_filter_subject"


def wrap_pull_subscribe(original: Any, telemetry: Telemetry) -> Any:
    """``JetStreamContext.pull_subscribe``: a pull subscription does not keep its subject."""
    call = unbound(original)

    @wraps(original)
    async def pull_subscribe(self: Any, *args: Any, **kwargs: Any) -> Any:
        subscription = await call(self, *args, **kwargs)
        if telemetry.is_active:
            _remember_subject(subscription, args[0] if args else kwargs.get("subject"))
        return subscription

    return pull_subscribe


@guarded(None)
def _remember_subject(subscription: Any, subject: Any) -> None:
    if isinstance(subject, str):
        subscription.__dict__[_FILTER_SUBJECT] = subject


def wrap_fetch(original: Any, telemetry: Telemetry) -> Any:
    """``PullSubscription.fetch``: all messages go through it, also those that were queued."""
    call = unbound(original)

    @wraps(original)
    async def fetch(self: Any, *args: Any, **kwargs: Any) -> Any:
        reception = _start(self) if telemetry.is_active else None
        if reception is None:
            return await call(self, *args, **kwargs)
        try:
            messages = await call(self, *args, **kwargs)
        except Exception as error:
            fail_receive(telemetry, reception, error)
            raise
        finish_fetch(telemetry, reception, messages)
        return messages

    return fetch


@guarded(None)
def _start(subscription: Any) -> Reception | None:
    leave_to_fetch(subscription._sub)
    subject = subscription.__dict__.get(_FILTER_SUBJECT, "")
    subscriber = Subscriber(subscription._nc, subject, "")
    return start_receive(_semconv.OPERATION_FETCH, subscriber, subscription)
