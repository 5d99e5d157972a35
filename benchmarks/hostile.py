"""CPU time of messages that are made to cost much, beside plain ones of their size.

``python -m benchmarks.hostile``: each is sent by a client without tracing, and taken by a callback
with all of it.
"""

# pyright: reportUnknownMemberType=false
# nats-py's own annotations leave types open.

from __future__ import annotations

import asyncio
import time

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.trace import TracerProvider

from opentelemetry_instrumentation_nats_payload import NATSInstrumentor

from .hostile_messages import MESSAGES, SIZES, numbered, plain_message
from .server import running_server

_ROUNDS = 7
_BYTES_PER_ROUND = 4_000_000


def main() -> None:
    """Print the microseconds of each message, and how many times those of a plain one."""
    with running_server() as address:
        asyncio.run(_measure(address))


async def _measure(address: str) -> None:
    client = await nats.connect(address)
    print("CPU microseconds a message, and times those of a plain message of the same size\n")
    for mode in ("refresh", "strip"):
        print(f"consumed_field={mode}")
        for name, make in MESSAGES.items():
            for size in SIZES:
                await _compare(client, mode, name, make(size))
    await client.close()


async def _compare(client: Client, mode: str, name: str, payload: bytes) -> None:
    plain = plain_message(len(payload))
    NATSInstrumentor().instrument(tracer_provider=TracerProvider(), consumed_field=mode)
    taken = asyncio.Event()

    async def callback(_: Msg) -> None:
        taken.set()

    subscription = await client.subscribe("hostile", cb=callback)
    rounds: list[tuple[float, float]] = []
    for _ in range(_ROUNDS):
        usual = await _seconds(client, taken, plain)
        rounds.append((await _seconds(client, taken, payload), usual))
    await subscription.unsubscribe()
    NATSInstrumentor().uninstrument()
    hostile, usual = (min(times) * 1e6 for times in zip(*rounds, strict=True))
    ratio = hostile / usual
    print(f"  {name:<40}{len(payload):>9}{hostile:>10.0f}{usual:>10.0f}{ratio:>7.2f}", flush=True)


async def _seconds(client: Client, taken: asyncio.Event, payload: bytes) -> float:
    """CPU seconds of one message, of as many as make a round."""
    messages = numbered(payload, max(min(_BYTES_PER_ROUND // len(payload), 200), 3))
    start = time.process_time()
    for message in messages:
        taken.clear()
        with suppress_instrumentation():
            await client.publish("hostile", message)
        await taken.wait()
    return (time.process_time() - start) / len(messages)


if __name__ == "__main__":
    main()
