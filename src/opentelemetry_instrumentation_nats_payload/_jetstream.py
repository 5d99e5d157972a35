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
    ``jetstream(prefix="acme.js")`` the subject does not show that it is one. Private names read:
    ``_nc`` and ``_prefix``, set by both (nats/js/client.py, nats/js/manager.py).
    """

    def init(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> None:
        wrapped(*args, **kwargs)
        if telemetry.is_active:
            _remember_prefix(instance)

    return wrapt.FunctionWrapper(original, init)


@guarded(None)
def _remember_prefix(context: Any) -> None:
    connection_of(context._nc).add_api_prefix(context._prefix)
