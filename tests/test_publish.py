"""Client.publish: the span, the context in the payload, and nothing else changed."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import nats.errors
import pytest
from opentelemetry import trace
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from conftest import Connect, Expect, Inbox, Instrumentation
from opentelemetry_instrumentation_nats_payload import PublishDetails
from spans import attributes, field, traceparent


async def test_publish_makes_a_producer_span_and_puts_its_context_into_the_payload(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation, expected: Expect
) -> None:
    """A publish is a producer span, and its context is the last member of the payload."""
    nc = await connect()
    await nc.subscribe("pub.one", cb=inbox.callback)
    instrumentation.start()
    await nc.publish("pub.one", b'{"price": 1.50}\n')
    assert await inbox.data() == b'{"price": 1.50' + field(1, 1) + b"}\n"
    assert instrumentation.spans() == [expected(nc).publish("pub.one", 1, 1)]


async def test_publish_is_a_child_of_the_current_span(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation, expected: Expect
) -> None:
    """With a current span, the publish span is its child, and it is the one injected."""
    nc = await connect()
    await nc.subscribe("pub.child", cb=inbox.callback)
    instrumentation.start()
    with instrumentation.tracer.start_as_current_span("work"):
        await nc.publish("pub.child", b"{}")
    assert (await inbox.data()) == b"{" + field(1, 2)[1:] + b"}"
    assert instrumentation.spans()[1:] == [expected(nc).publish("pub.child", 1, 2, parent=1)]


@pytest.mark.parametrize("payload", [b'{"a":1}', bytearray(b'{"a":1}'), memoryview(b'{"a":1}')])
async def test_every_payload_type_of_nats_py_carries_the_context(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation, payload: Any
) -> None:
    """Bytes, bytearray and memoryview are injected, and the caller's object is not changed."""
    nc = await connect()
    await nc.subscribe("pub.types", cb=inbox.callback)
    instrumentation.start()
    await nc.publish("pub.types", payload)
    assert await inbox.data() == b'{"a":1' + field(1, 1) + b"}"
    assert bytes(payload) == b'{"a":1}'


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[1]",
        b'"text"',
        b"42",
        b"null",
        b"{name}",
        b"{'a': 1}",
        b'{"a":1}\n{"b":2}\n',
        b'{"a":1}{"b":2}',
        b'{"a":1',
        b'\xef\xbb\xbf{"a":1}',
        '{"a":1}'.encode("utf-16"),
        b'{"a":"\xff"}',
        b"\x1f\x8b\x08\x00{}",
        bytes(range(256)),
        b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
    ids=range(16),
)
async def test_a_payload_that_cannot_carry_the_field_is_sent_as_it_is(
    connect: Connect, inbox: Inbox, spans: Instrumentation, expected: Expect, payload: bytes
) -> None:
    """What is not one JSON object arrives byte for byte, and still has its spans."""
    nc = await connect()
    await nc.subscribe("pub.plain", cb=inbox.callback)
    await nc.publish("pub.plain", payload)
    assert await inbox.data() == payload
    process = expected(nc).process("pub.plain", 2, 2, 0).but(parent=None, links=())
    assert spans.spans() == [expected(nc).publish("pub.plain", 1, 1), process]


@pytest.mark.parametrize("payload", [None, "text", 7])
async def test_payloads_that_nats_py_refuses_raise_its_own_error(
    connect: Connect,
    payload: Any,
    instrumentation: Instrumentation,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """publish(None) and publish("text") raise what they raise without us, and nothing is logged."""
    nc = await connect()
    with pytest.raises(TypeError) as bare:
        await nc.publish("pub.refused", payload)
    instrumentation.start()
    with pytest.raises(TypeError) as instrumented:
        await nc.publish("pub.refused", payload)
    assert str(instrumented.value) == str(bare.value)
    assert not caplog.records
    (span,) = instrumentation.spans()
    assert (span.status, span.description) == ("ERROR", str(bare.value))


@pytest.mark.parametrize("subject", [None, 5, ""])
async def test_subjects_that_nats_py_refuses_raise_its_own_error(
    connect: Connect,
    subject: Any,
    instrumentation: Instrumentation,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A subject that is no text, or empty, is nats-py's to refuse."""
    nc = await connect()

    async def failure() -> tuple[str, str]:
        try:
            await nc.publish(subject, b"{}")
        except Exception as error:  # the kind differs between versions of nats-py
            return type(error).__name__, str(error)
        return "", ""

    bare = await failure()
    instrumentation.start()
    assert await failure() == bare
    assert not caplog.records


async def test_an_error_of_publish_is_recorded_and_raised_unchanged(
    connect: Connect, spans: Instrumentation, expected: Expect
) -> None:
    """The very error of nats-py is raised, its type and message are on the span."""
    nc = await connect()
    publish = expected(nc).publish("pub.closed", 1, 1)
    await nc.close()
    with pytest.raises(nats.errors.ConnectionClosedError) as raised:
        await nc.publish("pub.closed", b"{}")
    error = attributes({"error.type": "nats.errors.ConnectionClosedError"})
    failed = publish.but(attributes=error, status="ERROR", description=str(raised.value))
    assert spans.spans() == [failed]


async def test_work_happens_when_the_coroutine_runs(
    connect: Connect, inbox: Inbox, spans: Instrumentation
) -> None:
    """Coroutines collected for gather start their spans when they run, under the span there."""
    nc = await connect()
    await nc.subscribe("pub.gather.*", cb=inbox.callback)
    coroutines = [nc.publish(f"pub.gather.{i}", b"{}") for i in range(3)]
    assert spans.spans() == []
    with spans.tracer.start_as_current_span("gather"):
        await asyncio.gather(*coroutines)
    for _ in range(3):
        await inbox.data()
    published = [s for s in spans.spans() if s.name.startswith("publish")]
    assert [(s.trace, s.parent) for s in published] == [(1, 1)] * 3


async def test_arguments_pass_by_position_and_by_keyword(
    connect: Connect, inbox: Inbox, spans: Instrumentation
) -> None:
    """Every way to call publish that nats-py takes arrives the same."""
    nc = await connect()
    await nc.subscribe("pub.args", cb=inbox.callback)
    await nc.publish("pub.args", b'{"n":1}', "reply.to", {"A": "b"})
    await nc.publish(subject="pub.args", payload=b'{"n":1}', reply="reply.to", headers={"A": "b"})
    await nc.publish("pub.args")
    for _ in range(2):
        message = await inbox.messages.get()
        assert json.loads(message.data)["n"] == 1
        assert (message.reply, message.headers) == ("reply.to", {"A": "b"})
    assert await inbox.data() == b""


async def test_a_wrong_call_raises_the_type_error_of_nats_py(
    connect: Connect, instrumentation: Instrumentation
) -> None:
    """A missing subject is said at the call, in nats-py's words."""
    nc = await connect()
    with pytest.raises(TypeError) as bare:
        nc.publish()  # type: ignore[call-arg]
    instrumentation.start()
    with pytest.raises(TypeError) as instrumented:
        nc.publish()  # type: ignore[call-arg]
    assert str(instrumented.value) == str(bare.value)


async def test_suppressed_instrumentation_leaves_the_message_alone(
    connect: Connect, inbox: Inbox, spans: Instrumentation
) -> None:
    """Under suppress_instrumentation() there is no span and no field."""
    nc = await connect()
    await nc.subscribe("pub.suppressed", cb=inbox.callback)
    with suppress_instrumentation():
        await nc.publish("pub.suppressed", b"{}")
    assert await inbox.data() == b"{}"
    assert [span.name for span in spans.spans()] == ["process pub.suppressed"]


async def test_the_message_id_header_is_an_attribute(
    connect: Connect, spans: Instrumentation, expected: Expect
) -> None:
    """Nats-Msg-Id is the id of the message."""
    nc = await connect()
    await nc.publish("pub.id", b"{}", headers={"Nats-Msg-Id": "m-1"})
    message_id = attributes({"messaging.message.id": "m-1"})
    assert spans.spans() == [expected(nc).publish("pub.id", 1, 1).but(attributes=message_id)]


async def test_a_remote_parent_that_is_not_sampled_stays_not_sampled(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation
) -> None:
    """A sampled-out trace has no spans, and its context travels with the flag unset."""
    nc = await connect()
    await nc.subscribe("pub.unsampled", cb=inbox.callback)
    instrumentation.start()
    remote = SpanContext(5, 6, is_remote=True, trace_flags=TraceFlags(0))
    with trace.use_span(NonRecordingSpan(remote)):
        await nc.publish("pub.unsampled", b"{}")
    carrier = json.loads(await inbox.data())["_otel_trace_headers"]
    assert carrier == {"traceparent": traceparent(5, 1, "00")}
    assert instrumentation.spans() == []


async def test_the_publish_hook_gets_the_span_and_what_the_application_handed_over(
    connect: Connect, instrumentation: Instrumentation
) -> None:
    """The hook sees the message before the context is in it, and can set attributes."""
    nc = await connect()
    seen: list[PublishDetails] = []

    def hook(span: trace.Span, details: PublishDetails) -> None:
        seen.append(details)
        span.set_attribute("app.user", "7")

    instrumentation.start(publish_hook=hook)
    await nc.publish("pub.hook", b"{}", headers={"A": "b"})
    assert seen == [PublishDetails("pub.hook", b"{}", "", {"A": "b"})]
    (span,) = instrumentation.spans()
    assert span.attributes["app.user"].value == "7"
