"""A payload that has a context already, put there by hand or forwarded."""

from __future__ import annotations

import json

import pytest

from conftest import Connect, Expect, Inbox, Instrumentation
from spans import traceparent


def _payload(trace_id: int, span_id: int, name: str = "_otel_trace_headers") -> bytes:
    carrier = {"traceparent": traceparent(trace_id, span_id)}
    return json.dumps({name: carrier, "a": 1}).encode()


async def test_an_embedded_context_of_the_same_trace_is_replaced_in_place(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation, expected: Expect
) -> None:
    """Injected by hand and published: the field stays where it is and carries the publish span."""
    nc = await connect()
    await nc.subscribe("pub.same", cb=inbox.callback)
    instrumentation.start()
    with instrumentation.tracer.start_as_current_span("work"):
        await nc.publish("pub.same", _payload(1, 99))
    carrier = b'{"traceparent":"%b"}' % traceparent(1, 2).encode()
    assert await inbox.data() == b'{"_otel_trace_headers": ' + carrier + b', "a": 1}'
    assert instrumentation.spans()[1:] == [expected(nc).publish("pub.same", 1, 2, parent=1)]


@pytest.mark.parametrize("name", ["_otel_trace_headers", "_otel_trace_context"])
async def test_without_a_current_span_the_embedded_context_is_the_parent(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation, expected: Expect, name: str
) -> None:
    """A dict handed to a thread or a queue, and published from there, stays in its trace."""
    nc = await connect()
    await nc.subscribe("pub.parent", cb=inbox.callback)
    instrumentation.start()
    await nc.publish("pub.parent", _payload(77, 99, name))
    sent = json.loads(await inbox.data())
    assert sent["_otel_trace_headers"] == {"traceparent": traceparent(77, 1)}
    assert instrumentation.spans() == [expected(nc).publish("pub.parent", 77, 1, parent=99)]


@pytest.mark.parametrize("name", ["_otel_trace_headers", "_otel_trace_context"])
async def test_a_context_of_another_trace_is_kept_and_linked(
    connect: Connect, inbox: Inbox, spans: Instrumentation, expected: Expect, name: str
) -> None:
    """A creation context that the application chose goes out untouched; our span links to it."""
    nc = await connect()
    await nc.subscribe("pub.chosen", cb=inbox.callback)
    payload = _payload(77, 99, name)
    with spans.tracer.start_as_current_span("work"):
        await nc.publish("pub.chosen", payload)
    message = await inbox.messages.get()
    assert json.loads(message.data)[name] is not None
    _, publish, process = spans.spans()
    assert publish == expected(nc).publish("pub.chosen", 1, 2, parent=1).but(
        kind="CLIENT", links=((77, 99),)
    )
    assert process == expected(nc).process("pub.chosen", 77, 3, parent=99)


async def test_a_context_of_another_trace_in_the_headers_is_kept_and_linked(
    connect: Connect, inbox: Inbox, spans: Instrumentation, expected: Expect
) -> None:
    """A traceparent header of another trace is not overruled by a field in the payload."""
    nc = await connect()
    await nc.subscribe("pub.chosen.headers", cb=inbox.callback)
    with spans.tracer.start_as_current_span("work"):
        headers = {"Traceparent": traceparent(77, 99)}
        await nc.publish("pub.chosen.headers", b"{}", headers=headers)
    assert await inbox.data() == b"{}"
    _, publish, process = spans.spans()
    assert (publish.kind, publish.links) == ("CLIENT", ((77, 99),))
    assert (process.trace, process.parent) == (77, 99)


@pytest.mark.parametrize("value", ["null", "{}", '{"traceparent":"garbage"}', '{"a":"b"}'])
async def test_a_field_without_a_context_is_replaced(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation, value: str
) -> None:
    """The empty carrier that some services write by hand does not keep the context out."""
    nc = await connect()
    await nc.subscribe("pub.empty", cb=inbox.callback)
    instrumentation.start()
    await nc.publish("pub.empty", b'{"_otel_trace_headers":%b,"a":1}' % value.encode())
    sent = json.loads(await inbox.data())
    assert sent["_otel_trace_headers"]["traceparent"] == traceparent(1, 1)


@pytest.mark.parametrize("value", ['"client-ref-991"', "7", "[]", '{"a":1}', '{"a":{}}'])
@pytest.mark.parametrize("mode", ["refresh", "strip"])
async def test_what_is_no_carrier_under_the_name_is_the_application_s(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation, value: str, mode: str
) -> None:
    """It is neither replaced nor cut; with carrier=auto the context takes the headers."""
    nc = await connect()
    instrumentation.start(payload_field="trace", carrier="auto", consumed_field=mode)
    await nc.subscribe("pub.taken", cb=inbox.callback)
    payload = b'{"order":7,"trace":%b}' % value.encode()
    await nc.publish("pub.taken", payload)
    message = await inbox.messages.get()
    assert (message.data, message.headers) == (payload, {"traceparent": traceparent(1, 1)})
    assert instrumentation.spans()[1].parent == 1
