"""CPU time of messages that are made to cost much, beside plain ones of their size.

``python -m benchmarks.hostile``: each is sent by a client without tracing, and taken by a callback
with all of it.
"""

# pyright: reportUnknownMemberType=false
# nats-py's own annotations leave types open.

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.trace import TracerProvider

from opentelemetry_instrumentation_nats_payload import NATSInstrumentor

from .server import running_server

_SIZES = (2_000, 16_000, 64_000, 900_000)
_ROUNDS = 7
_BYTES_PER_ROUND = 4_000_000
_KEY = b'"_otel_trace_headers"'
_TRACEPARENT = b'"traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"'
_MEMBER = _KEY + b":{" + _TRACEPARENT + b"}"


def _values(key: bytes, value: bytes) -> bytes:
    """A member whose carrier is as large as one may be."""
    return b'%b:{%b,"%b":"%b"}' % (_KEY, _TRACEPARENT, key, value)


_BAGGAGE = b",".join(b"key%d=value%d" % (i, i) for i in range(400))[:8000]
_MESSAGES: dict[str, Callable[[int], bytes]] = {
    "a carrier that is too large": lambda n: b'{%b:{"traceparent":"%b"}}' % (_KEY, b"0" * n),
    "a carrier of many entries": lambda n: (
        b"{%b:{%b}}" % (_KEY, b",".join(b'"%d":""' % i for i in range(n // 10)))
    ),
    "a deep carrier": lambda n: b"{%b:%b}" % (_KEY, b"[" * (n // 2) + b"]" * (n // 2)),
    "the field over and over": lambda n: b'{%b"a":1}' % ((_KEY + b":{},") * (n // 26)),
    "the same context nested over and over": lambda n: (
        b'{%b,"a":[%b0]}' % (_MEMBER, (b"{%b}," % _MEMBER) * (n // 103))
    ),
    "escapes": lambda n: b'{"a":"%b",%b,"b":1}' % (b"\\u0041" * (n // 6), _MEMBER),
    "escapes without the field": lambda n: b'{"a":"%b"}' % (b"\\u0041" * (n // 6)),
    "NaN": lambda n: b'{"a":[%b0],%b}' % (b"NaN," * (n // 4), _MEMBER),
    "NaN behind the field": lambda n: b'{%b,"a":[%b0]}' % (_MEMBER, b"NaN," * (n // 4)),
    "NaN around the field": lambda n: b'{"b":1,%b,"a":[%b0]}' % (_MEMBER, b"NaN," * (n // 4)),
    "NaN at the end": lambda n: b'{"b":1,%b,"a":[%bNaN]}' % (_MEMBER, b"1," * (n // 2)),
    "NaN and line breaks": lambda n: b'{"a":[%b0],\n%b\n}' % (b"NaN,\n" * (n // 5), _MEMBER),
    "lone surrogates": lambda n: b'{"a":"%b",%b}' % (b"\\ud800" * (n // 6), _MEMBER),
    "lone surrogates behind it": lambda n: b'{%b,"a":"%b"}' % (_MEMBER, b"\\ud800" * (n // 6)),
    "quotes": lambda n: b'{%b,"a":"%b"}' % (_MEMBER, b'\\"' * (n // 2)),
    "quotes around it": lambda n: b'{"b":1,%b,"a":"%b"}' % (_MEMBER, b'\\"' * (n // 2)),
    "backslashes": lambda n: b'{"b":1,%b,"a":"%b"}' % (_MEMBER, b"\\\\" * (n // 2)),
    "backslashes between three": lambda n: (
        b'{%b,"b":{%b},"a":"%b","c":{%b}}' % (_MEMBER, _MEMBER, b"\\\\" * (n // 2), _MEMBER)
    ),
    "small members": lambda n: b'{%b,%b"b":1}' % (_MEMBER, b'"a":1,' * (n // 6)),
    "deep members": lambda n: (
        b'{%b,%b"b":1}' % (_MEMBER, (b'"a":' + b"[" * 400 + b"]" * 400 + b",") * (n // 805))
    ),
    "one letter, without the field": lambda n: b'{"a":"%b"}' % (b"e" * n),
    "a baggage of 8 kB": lambda n: _padded(n, _values(b"baggage", _BAGGAGE)),
    "a baggage that is malformed": lambda n: _padded(n, _values(b"baggage", b"x y," * 2000)),
    "a baggage of blanks": lambda n: _padded(n, _values(b"baggage", b"a=1" + b" " * 8000 + b"b")),
    "a tracestate of blanks": lambda n: _padded(
        n, _values(b"tracestate", b"a=1" + b" " * 8000 + b"b")
    ),
}


def _padded(size: int, member: bytes) -> bytes:
    return b'{"a":"%b",%b}' % (b"x" * max(size - len(member), 0), member)


def main() -> None:
    """Print the microseconds of each message, and how many times those of a plain one."""
    with running_server() as address:
        asyncio.run(_measure(address))


async def _measure(address: str) -> None:
    client = await nats.connect(address)
    print("CPU microseconds a message, and times those of a plain message of the same size\n")
    for mode in ("refresh", "strip"):
        print(f"consumed_field={mode}")
        for name, make in _MESSAGES.items():
            for size in _SIZES:
                await _compare(client, mode, name, make(size))
    await client.close()


async def _compare(client: Client, mode: str, name: str, payload: bytes) -> None:
    plain = _padded(len(payload) - 8, _MEMBER)
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
    count = max(min(_BYTES_PER_ROUND // len(payload), 200), 3)
    start = time.process_time()
    for _ in range(count):
        taken.clear()
        with suppress_instrumentation():
            await client.publish("hostile", payload)
        await taken.wait()
    return (time.process_time() - start) / count


if __name__ == "__main__":
    main()
