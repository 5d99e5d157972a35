"""``nats.micro``: a process span for each request, with what nats-py keeps from its callers."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest

from conftest import Connect, Expect, Instrumentation
from opentelemetry_instrumentation_nats_payload import NATSInstrumentor
from spans import Recorded, attributes

micro = pytest.importorskip("nats.micro", reason="this nats-py has no nats.micro")


async def _service(nc: Any, subject: str, handler: Any, **options: Any) -> Any:
    service = await micro.add_service(nc, name="svc", version="1.0.0")
    await service.add_endpoint(name="endpoint", subject=subject, handler=handler, **options)
    return service


def _process(nc: Any, expected: Expect, subject: str) -> Recorded:
    group = attributes({"messaging.consumer.group.name": "q"})
    return expected(nc).process(subject, 1, 2, parent=1).but(attributes=group)


async def test_a_request_to_an_endpoint(
    connect: Connect, spans: Instrumentation, expected: Expect
) -> None:
    """Request, process by the endpoint's subject and queue group, and respond."""
    nc = await connect()

    async def handler(request: Any) -> None:
        await request.respond(b"[1]")

    service = await _service(nc, "calc.add", handler)
    reply = await nc.request("calc.add", b"{}")
    await service.stop()
    assert reply.data == b"[1]"
    assert spans.spans() == [
        expected(nc).request("calc.add", 1, 1),
        _process(nc, expected, "calc.add"),
        expected(nc).respond(reply.subject, 1, 3, parent=2),
    ]


async def test_a_handler_that_raises(
    connect: Connect, spans: Instrumentation, expected: Expect
) -> None:
    """nats-py answers 500 and swallows the exception; the span has it, with its stack trace."""
    nc = await connect()

    async def handler(request: Any) -> None:
        raise ValueError("mine")

    service = await _service(nc, "calc.raise", handler)
    reply = await nc.request("calc.raise", b"{}")
    await service.stop()
    assert reply.headers == {
        "Nats-Service-Error": "ValueError('mine')",
        "Nats-Service-Error-Code": "500",
    }
    assert spans.spans()[1] == _process(nc, expected, "calc.raise").but(
        status="ERROR",
        description="mine",
        events=("exception",),
        attributes=attributes({"error.type": "ValueError"}),
    )


async def test_a_service_error(connect: Connect, spans: Instrumentation, expected: Expect) -> None:
    """Its code is the error's type, its description the status."""
    nc = await connect()

    async def handler(request: Any) -> None:
        raise micro.request.ServiceError("409", "stale order")

    service = await _service(nc, "calc.code", handler)
    reply: Any = await nc.request("calc.code", b"{}")
    await service.stop()
    assert reply.headers["Nats-Service-Error-Code"] == "409"
    assert spans.spans()[1] == _process(nc, expected, "calc.code").but(
        status="ERROR",
        description="stale order",
        events=("exception",),
        attributes=attributes({"error.type": "409"}),
    )


async def test_an_error_that_is_answered_by_hand(
    connect: Connect, spans: Instrumentation, expected: Expect
) -> None:
    """respond_error: the same, without a stack trace, for nothing was raised."""
    nc = await connect()

    async def handler(request: Any) -> None:
        await request.respond_error("404", description="no such order", data=b"{}")

    service = await _service(nc, "calc.answer", handler)
    reply: Any = await nc.request("calc.answer", b"{}")
    await service.stop()
    assert (reply.data, reply.headers["Nats-Service-Error"]) == (b"{}", "no such order")
    assert spans.spans()[1] == _process(nc, expected, "calc.answer").but(
        status="ERROR",
        description="no such order",
        attributes=attributes({"error.type": "404"}),
    )


async def test_statistics_are_as_without_us(connect: Connect, spans: Instrumentation) -> None:
    """Errors and requests are counted once; partials and objects are handlers as ever."""
    nc = await connect()

    async def function(code: str, request: Any) -> None:
        raise micro.request.ServiceError(code, "no")

    class Handler:
        async def __call__(self, request: Any) -> None:
            await request.respond(b"yes")

    service = await _service(nc, "calc.partial", partial(function, "400"))
    await service.add_endpoint(name="object", subject="calc.object", handler=Handler())
    await nc.request("calc.partial", b"{}")
    assert (await nc.request("calc.object", b"{}")).data == b"yes"
    found = {e.name: (e.num_requests, e.num_errors) for e in service.stats().endpoints}
    await service.stop()
    assert found == {"endpoint": (1, 1), "object": (1, 0)}


async def test_groups_and_queue_groups(connect: Connect, spans: Instrumentation) -> None:
    """The subject has the prefix of the group, the span the queue group of the endpoint."""
    nc = await connect()

    async def handler(request: Any) -> None:
        await request.respond()

    service = await micro.add_service(nc, name="svc", version="1.0.0")
    group = service.add_group(name="v1", queue_group="workers")
    await group.add_endpoint(name="sum", handler=handler)
    await nc.request("v1.sum", b"{}")
    await service.stop()
    process = spans.spans()[1]
    assert process.name == "process v1.sum"
    assert process.attributes["messaging.consumer.group.name"].value == "workers"


async def test_a_service_that_outlives_the_instrumentation(
    connect: Connect, spans: Instrumentation
) -> None:
    """It answers as before, and has no spans."""
    nc = await connect()

    async def handler(request: Any) -> None:
        raise asyncio.TimeoutError

    service = await _service(nc, "calc.stop", handler)
    NATSInstrumentor().uninstrument()
    reply: Any = await nc.request("calc.stop", b"{}")
    await service.stop()
    assert reply.headers["Nats-Service-Error-Code"] == "500"
    assert spans.names() == []
