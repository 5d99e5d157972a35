"""JetStream: which subjects are its API, and must never be touched."""

from __future__ import annotations

from typing import Any

import wrapt

from ._connection import connection_of
from ._guard import guarded
from ._telemetry import Telemetry


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
    """Private names read: ``_nc`` and ``_prefix``, set in both ``__init__``."""
    connection_of(context._nc).add_api_prefix(context._prefix)
