"""What is not the same with the instrumentation; each has a reason in its test."""

from __future__ import annotations

from .world import World


async def pending_bytes(world: World) -> None:
    """A limit of bytes that wait, and messages that the field makes larger."""
    nc = await world.connect()
    subscription = await nc.subscribe("pending", pending_bytes_limit=200)
    await world.settle(nc)
    for number in range(10):
        await nc.publish("pending", b'{"number":%d,"symbol":"BTC"}' % number)
    await world.settle(nc)
    world.note("pending", subscription.pending_msgs)


SCENARIOS = (pending_bytes,)
