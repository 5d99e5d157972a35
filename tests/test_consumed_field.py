"""What the callback finds in the payload, and the context for work outside of the callback."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import gc
import json
import pickle
import weakref
import zlib
from typing import Any

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from opentelemetry import baggage, context, trace
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceState

from conftest import Connect, Inbox, Instrumentation
from opentelemetry_instrumentation_nats_payload import (
    NATSTracePropagator,
    use_message_context,
)
from spans import field, traceparent

_ORIGINALS = [
    b"{}",
    b" { } \n",
    b'{"a": 1, "b": [1, {"c": null}]}\n',
    b'{"a":1,"a":2}',
    b'{"n": 1.50, "big": 123456789012345678901234567890, "e": 1E+2, "nan": NaN}',
    '{"text": "größer \\ud83d\\ude00 \\u005f"}'.encode(),
    b'{\r\n\t"nested": {"_otel_trace_headers": {"traceparent": "not ours"}}\r\n}',
    b'{"text": "\\"_otel_trace_headers\\":{}"}',
]


async def _send(nc: Client, subject: str, payload: bytes, inbox: Inbox) -> bytes:
    await nc.subscribe(subject, cb=inbox.callback)
    await nc.publish(subject, payload)
    return await inbox.data()


@pytest.mark.parametrize("payload", _ORIGINALS)
async def test_strip_gives_the_sender_s_bytes(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation, payload: bytes
) -> None:
    """With consumed_field=strip the application sees what the sender's application published."""
    instrumentation.start(consumed_field="strip")
    assert await _send(await connect(), "field.strip", payload, inbox) == payload


@pytest.mark.parametrize("payload", _ORIGINALS)
async def test_keep_gives_the_bytes_as_they_came(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation, payload: bytes
) -> None:
    """With consumed_field=keep the field still carries the publish span."""
    instrumentation.start(consumed_field="keep")
    received = await _send(await connect(), "field.keep", payload, inbox)
    carrier = json.loads(received)["_otel_trace_headers"]
    assert carrier == {"traceparent": traceparent(1, 1)}
    assert len(received) - len(payload) in (95, 96)


@pytest.mark.parametrize("payload", _ORIGINALS)
async def test_refresh_changes_nothing_but_the_span_id(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation, payload: bytes
) -> None:
    """By default the field carries the process span: the same length, one id changed."""
    instrumentation.start()
    received = await _send(await connect(), "field.refresh", payload, inbox)
    carrier = json.loads(received)["_otel_trace_headers"]
    assert carrier == {"traceparent": traceparent(1, 2)}
    member = b'"_otel_trace_headers":{"traceparent":"%b"}' % traceparent(1, 2).encode()
    assert received.replace(b"," + member, b"").replace(member, b"") == payload


async def test_refresh_keeps_tracestate_and_baggage(
    connect: Connect, inbox: Inbox, spans: Instrumentation
) -> None:
    """Everything the propagators write is refreshed from the context of the process span."""
    remote = SpanContext(7, 8, True, trace.TraceFlags(1), TraceState([("vendor", "x")]))
    current = trace.set_span_in_context(NonRecordingSpan(remote))
    token = context.attach(baggage.set_baggage("user", "7", current))
    received = await _send(await connect(), "field.full", b'{"a":1}', inbox)
    context.detach(token)
    assert json.loads(received)["_otel_trace_headers"] == {
        "traceparent": traceparent(7, 2),
        "tracestate": "vendor=x",
        "baggage": "user=7",
    }


async def test_entries_of_other_propagators_survive(
    connect: Connect, inbox: Inbox, spans: Instrumentation
) -> None:
    """What a hand-written service put beside the traceparent is still there for its reader."""
    carrier = {"traceparent": traceparent(77, 99), "uber-trace-id": "4d:63:0:1"}
    payload = json.dumps({"_otel_trace_headers": carrier}).encode()
    received = await _send(await connect(), "field.other", payload, inbox)
    expected = {"uber-trace-id": "4d:63:0:1", "traceparent": traceparent(77, 2)}
    assert json.loads(received)["_otel_trace_headers"] == expected


async def test_an_alias_is_never_written_nor_stripped(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation
) -> None:
    """Aliases are read only: the bytes of a hand-written service stay as they are."""
    instrumentation.start(consumed_field="strip")
    alias = {"_otel_trace_context": {"traceparent": traceparent(77, 99)}, "a": 1}
    payload = json.dumps(alias).encode()
    assert await _send(await connect(), "field.alias", payload, inbox) == payload


async def test_another_field_name_is_used_throughout(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation
) -> None:
    """payload_field names the member that is written, read, refreshed and stripped."""
    instrumentation.start(payload_field="trace-ctx", payload_field_aliases=())
    received = await _send(await connect(), "field.named", b'{"a":1}', inbox)
    assert received == b'{"a":1,"trace-ctx":{"traceparent":"%b"}}' % traceparent(1, 2).encode()


@pytest.mark.parametrize("mode", ["refresh", "keep", "strip"])
async def test_a_payload_that_is_no_object_reaches_the_callback_as_it_is(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation, mode: str
) -> None:
    """NDJSON whose last line was injected elsewhere is not ours to change."""
    instrumentation.start(consumed_field=mode)
    payload = b'{"a":1}\n{"a":2' + field(77, 99) + b"}\n"
    assert await _send(await connect(), "field.ndjson", payload, inbox) == payload


@pytest.mark.parametrize("mode", ["refresh", "keep", "strip"])
async def test_a_worker_behind_a_queue_uses_the_message_s_context(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation, mode: str
) -> None:
    """use_message_context gives a worker the process span's context, also after strip."""
    instrumentation.start(consumed_field=mode, follow_handoff="off")
    nc = await connect()
    out = Inbox()
    await nc.subscribe("hand.off", cb=inbox.callback)
    await nc.subscribe("hand.on", cb=out.callback)

    async def worker() -> None:
        message = await inbox.messages.get()
        with use_message_context(message):
            with instrumentation.tracer.start_as_current_span("store"):
                await nc.publish("hand.on", b"{}")
        assert not trace.get_current_span().get_span_context().is_valid

    task = asyncio.create_task(worker())
    await nc.publish("hand.off", b'{"a":1}')
    await out.data()
    await task
    ids = {s.name: (s.trace, s.span, s.parent) for s in instrumentation.spans()}
    assert ids["process hand.off"] == (1, 2, 1)
    assert ids["store"] == (1, 3, 2)
    assert ids["publish hand.on"] == (1, 4, 3)


async def test_a_message_that_went_through_no_callback_gives_the_context_it_carries(
    connect: Connect, spans: Instrumentation
) -> None:
    """A reply, or a message fetched by hand, is read when it is asked for."""
    nc = await connect()
    message = Msg(_client=nc, data=b'{"a":1' + field(77, 99) + b"}")
    with use_message_context(message):
        assert trace.get_current_span().get_span_context().trace_id == 77
    with use_message_context(Msg(_client=nc, data=b"[]")) as unchanged:
        assert unchanged == context.get_current()


async def test_an_error_in_the_block_passes_through(
    connect: Connect, spans: Instrumentation
) -> None:
    """use_message_context gives the context back and lets the error out."""
    message = Msg(_client=await connect(), data=b'{"a":1' + field(77, 99) + b"}")
    before = context.get_current()
    with pytest.raises(KeyError), use_message_context(message):
        raise KeyError("worker")
    assert context.get_current() is before


async def test_workers_that_read_the_field_by_hand_continue_from_the_process_span(
    connect: Connect, inbox: Inbox, spans: Instrumentation
) -> None:
    """With refresh, a worker with its own extraction code is a child of the process span."""
    received = await _send(await connect(), "hand.read", b'{"a":1}', inbox)
    message_dict = json.loads(received)
    with NATSTracePropagator.create_span_from_message(spans.tracer, message_dict, "store"):
        pass
    ids = {s.name: (s.trace, s.span, s.parent) for s in spans.spans()}
    assert ids["store"] == (1, 3, 2)


async def test_the_message_stays_what_it_was(
    connect: Connect, inbox: Inbox, spans: Instrumentation
) -> None:
    """Equality, repr and copies of a message do not show the context kept with it."""
    nc = await connect()
    await nc.subscribe("field.msg", cb=inbox.callback)
    with suppress_instrumentation():
        await nc.publish("field.msg", b"[1]")
    message = await inbox.messages.get()
    bare = dataclasses.replace(message)  # made of the fields alone
    assert vars(bare) != vars(message)
    assert message == bare
    assert repr(message) == repr(bare)
    assert copy.copy(message) == bare


async def test_the_message_can_be_copied_and_pickled_as_without_us(
    connect: Connect, inbox: Inbox, spans: Instrumentation
) -> None:
    """A message without its client is data: a copy has the context, a pickle has none."""
    nc = await connect()
    await nc.subscribe("field.pickle", cb=inbox.callback)
    await nc.publish("field.pickle", b"{}")
    message: Any = await inbox.messages.get()
    message._client = None
    for same in (copy.deepcopy(message), pickle.loads(pickle.dumps(message))):
        assert same == message
    with use_message_context(copy.deepcopy(message)):
        assert trace.get_current_span().get_span_context().span_id == 2


class _SlottedMsg:
    __slots__ = ("_client", "_sid", "data", "headers", "reply", "subject")

    def __init__(self, **values: Any) -> None:
        for name, value in values.items():
            setattr(self, name, value)


async def test_a_message_class_without_room_gives_the_context_it_carries(
    connect: Connect,
    inbox: Inbox,
    spans: Instrumentation,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An application's msg_class with __slots__ is read instead, and nothing is logged."""
    monkeypatch.setattr(Client, "msg_class", _SlottedMsg)
    nc = await connect()
    await nc.subscribe("field.slots", cb=inbox.callback)
    await nc.publish("field.slots", b"{}")
    with use_message_context(await inbox.messages.get()):
        assert trace.get_current_span().get_span_context().span_id == 2
    assert not caplog.records
    monkeypatch.undo()


def _unpacked(message: Any) -> bytes:
    data: bytes = message.__dict__["data"]
    return data if data.startswith(b"{") else zlib.decompress(data)


def _pack(message: Any, value: bytes) -> None:
    message.__dict__["data"] = value


_PackedMsg = type("_PackedMsg", (Msg,), {"data": property(_unpacked, _pack)})
"""What it keeps is not what it says: an application's, which unpacks its messages."""


async def test_a_message_class_that_unpacks_its_data_gives_the_context_in_it(
    connect: Connect, inbox: Inbox, spans: Instrumentation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The field is looked for in what the application sees, and not in what came in."""
    monkeypatch.setattr(Client, "msg_class", _PackedMsg)
    nc = await connect()
    await nc.subscribe("field.packed", cb=inbox.callback)
    await nc.publish("field.packed", zlib.compress(b'{"a":1' + field(7, 8) + b"}"))
    message: Any = await inbox.messages.get()
    assert message.data.startswith(b"{")
    found = [(span.name, span.trace) for span in spans.spans() if span.kind == "CONSUMER"]
    monkeypatch.undo()
    assert found == [("process field.packed", 7)]


async def test_the_context_is_freed_with_the_message(
    connect: Connect, inbox: Inbox, spans: Instrumentation
) -> None:
    """Nothing but the message holds its context."""
    nc = await connect()
    await nc.subscribe("field.free", cb=inbox.callback)
    await nc.publish("field.free", b"{}")
    message: Any = await inbox.messages.get()
    with use_message_context(message) as kept:
        freed = weakref.ref(trace.get_current_span(kept))
    del message, kept
    await nc.publish("field.free", b"{}")  # nats-py's task holds the message it worked on last
    await inbox.messages.get()
    gc.collect()
    assert freed() is None
