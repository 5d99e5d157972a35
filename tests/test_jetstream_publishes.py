"""JetStream's publish and publish_async: one span until the acknowledgement."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from nats.js.errors import APIError, NoStreamResponseError

from conftest import BOTH_SERVERS, CARRIERS, Connect, Expect, Instrumentation
from jetstream import make_stream
from spans import Typed, attributes

pytestmark = BOTH_SERVERS


async def test_the_acknowledgement_of_a_publish_gives_its_id(
    connect: Connect, spans: Instrumentation, expected: Expect
) -> None:
    """Stream and sequence, unless the application gave it one."""
    nc = await connect()
    js = await make_stream(nc, "IDS")
    await js.publish("IDS.1", b"{}")
    await js.publish("IDS.2", b"{}", headers={"Nats-Msg-Id": "mine"})
    ids = ["IDS:1", "mine"]
    assert spans.spans() == [
        expected(nc)
        .publish(f"IDS.{n}", n, n)
        .but(attributes=attributes({"messaging.message.id": message_id}))
        for n, message_id in enumerate(ids, start=1)
    ]


async def test_a_publish_without_a_stream_fails(
    connect: Connect, spans: Instrumentation, expected: Expect
) -> None:
    """With the error that the application sees."""
    nc = await connect()
    with pytest.raises(NoStreamResponseError) as error:
        await nc.jetstream().publish("NOSTREAM", b"{}")
    assert spans.spans() == [
        expected(nc)
        .publish("NOSTREAM", 1, 1)
        .but(
            status="ERROR",
            description=str(error.value),
            attributes=attributes({"error.type": "nats.js.errors.NoStreamResponseError"}),
        )
    ]


async def test_an_error_of_jetstream_s_is_named_by_its_code(
    connect: Connect, spans: Instrumentation
) -> None:
    """10071: wrong last sequence."""
    nc = await connect()
    js = await make_stream(nc, "CODES")
    with pytest.raises(APIError) as error:
        await js.publish("CODES.1", b"{}", headers={"Nats-Expected-Last-Sequence": "7"})
    (span,) = spans.spans()
    assert (span.status, span.description) == ("ERROR", str(error.value))
    assert span.attributes["error.type"] == Typed("str", "10071")


def _publish_async(js: Any) -> Callable[..., Awaitable[asyncio.Future[Any]]]:
    if not hasattr(js, "publish_async"):
        pytest.skip("this nats-py has no publish_async")
    return js.publish_async


async def test_publish_async_ends_with_its_acknowledgement(
    connect: Connect, spans: Instrumentation, expected: Expect
) -> None:
    """The id is there as well; what the caller does meanwhile is not part of it."""
    nc = await connect()
    js = await make_stream(nc, "ASYNC")
    publish = _publish_async(js)
    with spans.tracer.start_as_current_span("work"):
        futures = [await publish("ASYNC.1", b"{}") for _ in range(3)]
        assert spans.names() == []
    acks = await asyncio.gather(*futures)
    assert [ack.seq for ack in acks] == [1, 2, 3]
    assert spans.spans()[1:] == [
        expected(nc)
        .publish("ASYNC.1", 1, n + 1, parent=1)
        .but(attributes=attributes({"messaging.message.id": f"ASYNC:{n}"}))
        for n in (1, 2, 3)
    ]


async def _refused(future: asyncio.Future[Any], errors: asyncio.Queue[Exception]) -> Exception:
    """The error of a publish_async; nats-py 2.16 leaves the future alone and calls error_cb."""
    told = asyncio.create_task(errors.get())
    await asyncio.wait([future, told], return_when=asyncio.FIRST_COMPLETED)
    if told.done():
        return told.result()
    told.cancel()
    error = future.exception()
    assert isinstance(error, Exception)
    return error


async def test_publish_async_that_fails(connect: Connect, spans: Instrumentation) -> None:
    """The span has the error; the application learns of it as ever."""
    errors: asyncio.Queue[Exception] = asyncio.Queue()
    nc = await connect(error_cb=errors.put)
    js = await make_stream(nc, "ASYNCFAIL")
    publish = _publish_async(js)
    headers = {"Nats-Expected-Last-Sequence": "7"}
    refused = await publish("ASYNCFAIL.1", b"{}", headers=headers)
    assert isinstance(await _refused(refused, errors), APIError)
    nobody = await publish("ASYNC-NOBODY", b"{}")
    await asyncio.wait([nobody])
    assert nobody._log_traceback  # type: ignore[attr-defined]
    assert isinstance(nobody.exception(), NoStreamResponseError)
    assert [s.attributes["error.type"].value for s in spans.spans()] == [
        "10071",
        "nats.js.errors.NoStreamResponseError",
    ]


@pytest.mark.parametrize("carrier", CARRIERS)
async def test_publish_async_of_what_grew_too_large_is_sent_as_it_was(
    connect: Connect, instrumentation: Instrumentation, carrier: str
) -> None:
    """Error 10054: its future gets the acknowledgement of the second attempt."""
    instrumentation.start(carrier=carrier)
    errors: asyncio.Queue[Exception] = asyncio.Queue()
    nc = await connect(error_cb=errors.put)
    name = f"ASMALL-{carrier}"
    js = await make_stream(nc, name, max_msg_size=100)
    publish = _publish_async(js)
    payload = b'{"a":"%b"}' % (b"x" * 60)
    futures = [await publish(f"{name}.1", payload) for _ in range(3)]
    assert sorted([(await future).seq for future in futures]) == [1, 2, 3]
    later = await publish(f"{name}.1", payload)
    assert (await later).seq == 4
    for number in range(1, 5):
        assert (await js.get_msg(name, number)).data == payload
    found = [(s.name, s.status) for s in instrumentation.spans()]
    assert found == [(f"publish {name}.1", "UNSET")] * 4
    refused = await _refused(await publish(f"{name}.1", b"x" * 101), errors)
    assert isinstance(refused, APIError)
    assert refused.err_code == 10054
