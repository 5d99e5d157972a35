"""The stream of execution events: the trade engine owns it, whoever needs the events reads it."""

# pyright: reportUnknownMemberType=false
# nats-py's own annotations leave types open.

from __future__ import annotations

from nats.js import JetStreamContext

STREAM = "EXECUTION"
SUBJECTS = "execution.>"


async def ensure_stream(js: JetStreamContext) -> None:
    """Create the stream; nothing changes when it is there already."""
    await js.add_stream(name=STREAM, subjects=[SUBJECTS])
