"""JetStream, as several test modules use it."""

from __future__ import annotations

import dataclasses
from typing import Any

from nats.aio.client import Client
from nats.js.client import JetStreamContext

from spans import Recorded, Typed


async def make_stream(nc: Client, name: str, **config: Any) -> JetStreamContext:
    """A context whose stream ``name`` has the subjects under its name."""
    js = nc.jetstream()
    await js.add_stream(name=name, subjects=[f"{name}.>"], **config)
    return js


def without_duration(span: Recorded) -> tuple[Recorded, Typed | None]:
    """The span without the duration of its settlement, which is a positive number of seconds."""
    values = dict(span.attributes)
    duration = values.pop("messaging.nats.ack.duration", None)
    assert duration is None or (duration.type == "float" and 0 < duration.value < 30)
    return dataclasses.replace(span, attributes=values), duration
