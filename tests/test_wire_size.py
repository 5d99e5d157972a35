"""What the context costs in bytes, of what nats-server delivers to a socket."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from nats.aio.client import Client
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from benchmarks.wire import Wire
from conftest import Connect, Instrumentation

_SUBJECT = "wire.size"
# So many digits that the protocol line of the message gets no longer by 96 bytes.
_SIZES = [100, 200, 1024, 16 * 1024, 256 * 1024, 1024 * 1024 - 96]
_LONE_TRACEPARENT = 96


@pytest_asyncio.fixture
async def wire(server: str) -> AsyncIterator[Wire]:
    """A subscriber that is a socket and nothing else."""
    opened = await Wire.open(server, _SUBJECT)
    yield opened
    await opened.close()


def _object(size: int) -> bytes:
    return b'{"a":"' + b"x" * (size - 8) + b'"}'


async def _delivered(client: Client, wire: Wire, payload: bytes) -> bytes:
    await client.publish(_SUBJECT, payload)
    await client.flush()
    return await wire.message()


@pytest.mark.parametrize("size", _SIZES)
async def test_a_lone_traceparent_costs_96_bytes(
    connect: Connect, wire: Wire, instrumentation: Instrumentation, size: int
) -> None:
    """Of the whole message, protocol line and line breaks included, whatever its size."""
    nc = await connect()
    plain = await _delivered(nc, wire, _object(size))
    instrumentation.start()
    traced = await _delivered(nc, wire, _object(size))
    assert len(traced) - len(plain) == _LONE_TRACEPARENT
    assert traced.startswith(b"MSG ")
    assert traced.count(b"traceparent") == 1


async def test_what_is_not_sampled_costs_the_same(
    connect: Connect, wire: Wire, instrumentation: Instrumentation
) -> None:
    """The decision travels too."""
    nc = await connect()
    plain = await _delivered(nc, wire, _object(200))
    instrumentation.start(tracer_provider=TracerProvider(ALWAYS_OFF, shutdown_on_exit=False))
    traced = await _delivered(nc, wire, _object(200))
    assert len(traced) - len(plain) == _LONE_TRACEPARENT
    assert instrumentation.spans() == []


@pytest.mark.parametrize("payload", [b"", b"[1]", b'{"a":1}{"a":2}', b"\x00\x01", b'{"a":'])
async def test_what_is_no_object_costs_nothing(
    connect: Connect, wire: Wire, instrumentation: Instrumentation, payload: bytes
) -> None:
    """The same message, byte for byte."""
    nc = await connect()
    plain = await _delivered(nc, wire, payload)
    instrumentation.start()
    assert await _delivered(nc, wire, payload) == plain
