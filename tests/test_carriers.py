"""The four carriers, and what fits: max_payload, headers, and the buffer of a reconnect."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from nats.aio.msg import Msg
from opentelemetry.propagators.textmap import default_setter
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from conftest import CARRIERS, Connect, Inbox, Instrumentation, StartServer, settle
from spans import field, traceparent

_OBJECT, _ARRAY = b'{"a":1}', b"[1]"
_INJECTED = b'{"a":1' + field(1, 1) + b"}"
_HEADER = {"traceparent": traceparent(1, 1)}


@pytest.mark.parametrize(
    ("carrier", "payload", "data", "headers"),
    [
        ("payload", _OBJECT, _INJECTED, None),
        ("payload", _ARRAY, _ARRAY, None),
        ("headers", _OBJECT, _OBJECT, _HEADER),
        ("headers", _ARRAY, _ARRAY, _HEADER),
        ("both", _OBJECT, _INJECTED, _HEADER),
        ("both", _ARRAY, _ARRAY, _HEADER),
        ("auto", _OBJECT, _INJECTED, None),
        ("auto", _ARRAY, _ARRAY, _HEADER),
    ],
)
async def test_each_carrier_writes_where_it_says(
    connect: Connect,
    inbox: Inbox,
    instrumentation: Instrumentation,
    carrier: str,
    payload: bytes,
    data: bytes,
    headers: dict[str, str] | None,
) -> None:
    """Payload, headers, both; auto takes the headers where the payload cannot carry it."""
    nc = await connect()
    await nc.subscribe("carrier.each", cb=inbox.callback)
    instrumentation.start(carrier=carrier)
    await nc.publish("carrier.each", payload)
    message = await inbox.messages.get()
    assert (message.data, message.headers) == (data, headers)


@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize("payload", [_OBJECT, _ARRAY])
async def test_the_trace_continues_with_each_carrier(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation, carrier: str, payload: bytes
) -> None:
    """Only an array without headers arrives without its trace."""
    instrumentation.start(carrier=carrier)
    nc = await connect()
    await nc.subscribe("carrier.trace", cb=inbox.callback)
    await nc.publish("carrier.trace", payload)
    await inbox.data()
    _, process = instrumentation.spans()
    lost = carrier == "payload" and payload == _ARRAY
    assert (process.trace, process.parent) == ((2, None) if lost else (1, 1))


@pytest.mark.parametrize("carrier", CARRIERS)
async def test_the_caller_s_headers_are_never_changed(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation, carrier: str
) -> None:
    """The dict that the application passes is the same after the call; its entries arrive."""
    instrumentation.start(carrier=carrier)
    nc = await connect()
    await nc.subscribe("carrier.dict", cb=inbox.callback)
    headers = {"A": "b", "TraceParent": "stale"}
    await nc.publish("carrier.dict", _ARRAY, headers=headers)
    assert headers == {"A": "b", "TraceParent": "stale"}
    message = await inbox.messages.get()
    assert message.headers is not None
    assert message.headers["A"] == "b"
    assert len([name for name in message.headers if name.lower() == "traceparent"]) == 1


async def test_a_field_that_is_there_is_refreshed_whatever_the_carrier(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation
) -> None:
    """Readers look into the payload first: an old field there would hide the new header."""
    nc = await connect()
    await nc.subscribe("carrier.old", cb=inbox.callback)
    instrumentation.start(carrier="headers")
    await nc.publish("carrier.old", b'{"a":1' + field(77, 99) + b"}")
    message = await inbox.messages.get()
    assert message.data == b'{"a":1' + field(77, 1) + b"}"
    assert message.headers == {"traceparent": traceparent(77, 1)}


@pytest.mark.parametrize("carrier", ["headers", "both", "auto"])
async def test_a_server_without_headers_gets_none(
    connect: Connect,
    start_server: StartServer,
    inbox: Inbox,
    instrumentation: Instrumentation,
    carrier: str,
) -> None:
    """A server with no_header_support would drop the connection, and the message with it."""
    instrumentation.start(carrier=carrier)
    nc = await connect(start_server("no_header_support: true"))
    await nc.subscribe("carrier.none", cb=inbox.callback)
    await nc.publish("carrier.none", _ARRAY)
    await nc.publish("carrier.none", _OBJECT)
    assert [await inbox.data(), json.loads(await inbox.data())["a"]] == [_ARRAY, 1]
    assert nc.is_connected


class _Odd(TraceContextTextMapPropagator):
    """Writes what is no header, and what is no text."""

    def inject(self, carrier: Any, context: Any = None, setter: Any = default_setter) -> None:
        super().inject(carrier, context, setter)
        for key, value in [("user id", "7"), ("client:id", "8"), ("line", "a\r\nb"), ("n", 5)]:
            setter.set(carrier, key, value)


@pytest.mark.parametrize("carrier", ["headers", "both", "auto"])
async def test_what_a_propagator_writes_never_costs_the_message(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation, carrier: str
) -> None:
    """nats-py raises BadHeaderError for a name with a blank; such entries are left out."""
    instrumentation.start(carrier=carrier, propagator=_Odd())
    nc = await connect()
    await nc.subscribe("carrier.odd", cb=inbox.callback)
    await nc.publish("carrier.odd", _ARRAY)
    message = await inbox.messages.get()
    assert (message.data, message.headers) == (_ARRAY, {"traceparent": traceparent(1, 1)})
    assert instrumentation.spans()[1].parent == 1


class _Repeating(Mapping[str, str]):
    """Headers that repeat a name, as multi-dicts do; nats-py only asks for their items."""

    def __getitem__(self, name: str) -> str:
        return "1"

    def __iter__(self) -> Iterator[str]:
        return iter(["A", "A"])

    def __len__(self) -> int:
        return 2


@pytest.mark.parametrize("carrier", ["headers", "both", "auto"])
async def test_headers_that_cannot_be_copied_stay_as_they_are(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation, carrier: str
) -> None:
    """A mapping of the application's goes out with every value that it has."""
    instrumentation.start(carrier=carrier)
    nc = await connect()
    await nc.subscribe("carrier.multi", cb=inbox.callback)
    headers: Any = _Repeating()
    await nc.publish("carrier.multi", _ARRAY, headers=headers)
    message = await inbox.messages.get()
    assert (message.data, message.headers) == (_ARRAY, {"A": "1"})


async def test_odd_headers_cost_the_header_and_not_the_payload(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation
) -> None:
    """nats-py skips an entry with a blank name, whatever its value; so do we."""
    instrumentation.start()
    nc = await connect()
    await nc.subscribe("carrier.blank", cb=inbox.callback)
    headers: Any = {" ": None, "B": "c"}
    await nc.publish("carrier.blank", b"{}", headers=headers)
    message = await inbox.messages.get()
    assert b"_otel_trace_headers" in message.data
    assert message.headers == {"B": "c"}


@pytest.mark.parametrize("configuration", ["max_payload: 1024", "no_header_support: true"])
async def test_received_headers_that_are_passed_on_do_not_cost_the_connection(
    connect: Connect,
    start_server: StartServer,
    instrumentation: Instrumentation,
    inbox: Inbox,
    configuration: str,
) -> None:
    """What a publisher added to them is left out where the message does not fit with it."""
    instrumentation.start(carrier="headers")
    first, second = await connect(), await connect(start_server(configuration))
    payload = b"x" * 1024

    async def forward(message: Msg) -> None:
        await second.publish("passed.on", payload, headers=message.headers)

    await second.subscribe("passed.on", cb=inbox.callback)
    await first.subscribe("pass.on", cb=forward)
    await settle(first)
    await settle(second)
    await first.publish("pass.on", b"[1]")
    message = await inbox.messages.get()
    assert (message.data, message.headers) == (payload, None)
    assert second.is_connected
