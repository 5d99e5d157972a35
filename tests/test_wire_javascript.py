"""The JavaScript of the documentation, run by node: it reads our messages, and we read its."""

from __future__ import annotations

import json
from typing import Any

import pytest
from opentelemetry.instrumentation.utils import suppress_instrumentation

from codec import CARRIER, fill
from conftest import CARRIERS, Connect, Expect, Inbox, Instrumentation, settle
from opentelemetry_instrumentation_nats_payload._payload import PayloadField
from oracle import FIELD
from payloads import NOT_OBJECTS, OBJECTS
from spans import traceparent
from wire_cases import BAD, BEYOND_THE_SCHEMA, GOOD, ORDER, message_with
from wire_node import Question, ask, node_command


@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize("payload", [ORDER, b"{}", b'["buy",1]', b"\x00"])
async def test_the_javascript_reader_finds_what_is_published(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation, carrier: str, payload: bytes
) -> None:
    """In the payload and in headers; what is no object has none without headers."""
    instrumentation.start(carrier=carrier, consumed_field="keep")
    nc = await connect()
    await nc.subscribe("wire.read", cb=inbox.callback)
    await nc.publish("wire.read", payload)
    message = await inbox.messages.get()
    (answer,) = await ask(node_command(), Question(message.data, message.headers))
    is_lost = carrier == "payload" and payload[:1] != b"{"
    assert answer.read == ({} if is_lost else {"traceparent": traceparent(1, 1)})


@pytest.mark.parametrize(
    "payload",
    [ORDER, b"{}", b' {\n "id": 9007199254740993, "price": 1.10, "id": 1e2 }\r\n'],
    ids=["compact", "empty", "spaced"],
)
async def test_a_message_of_the_javascript_writer_is_continued(
    connect: Connect, inbox: Inbox, spans: Instrumentation, expected: Expect, payload: bytes
) -> None:
    """The process span of an instrumented subscriber is its child."""
    sent = {"traceparent": traceparent(77, 99)}
    (answer,) = await ask(node_command(), Question(payload, carrier=sent))
    nc = await connect()
    await nc.subscribe("wire.write", cb=inbox.callback)
    await settle(nc)
    with suppress_instrumentation():
        await nc.publish("wire.write", answer.written)
    document = b'{"traceparent":"%b"}' % traceparent(77, 1).encode()
    assert await inbox.data() == fill(PayloadField(FIELD), payload, document)
    assert spans.spans() == [expected(nc).process("wire.write", 77, 1, parent=99)]


async def test_the_javascript_reader_takes_what_ours_takes() -> None:
    """The same carriers, and the same are ignored."""
    documents = {**GOOD, **BAD, "large": BEYOND_THE_SCHEMA["8193 bytes"]}
    messages = map(message_with, documents.values())
    answers = await ask(node_command(), *map(Question, messages))
    read = {name: answer.read for name, answer in zip(documents, answers, strict=True)}
    ours: dict[str, Any] = {name: json.loads(text) or {} for name, text in GOOD.items()}
    assert read == {name: ours.get(name, {}) for name in documents}


async def test_the_javascript_reader_goes_by_the_order_of_the_contract() -> None:
    """The field, the alias, the headers; a span before what comes first without one."""
    spans = [{"traceparent": traceparent(number, number)} for number in range(1, 4)]
    field, alias, headers = ({**carrier, "baggage": "a=b"} for carrier in spans)
    lines = {name.title(): value for name, value in headers.items()}
    alone = {"baggage": "c=d"}
    fields: list[dict[str, Any]] = [
        {FIELD: field, "_otel_trace_context": alias},
        {FIELD: None, "_otel_trace_context": alias},
        {FIELD: alone, "_otel_trace_context": alias},
        {FIELD: alone, "_otel_trace_context": 1},
        {"_otel_trace_context": alone},
    ]
    questions = [Question(json.dumps(message).encode(), lines) for message in fields]
    without_headers = [question._replace(headers=None) for question in questions]
    answers = await ask(node_command(), *questions, *without_headers)
    read = [answer.read for answer in answers]
    assert read == [
        *(field, alias, alias, headers, headers),
        *(field, alias, alias, alone, alone),
    ]


# JSON for Python's json, and not for others: they cannot read such a message at all.
_PYTHON_ONLY = ["NaN", "Infinity", "NaN in strings", "lone surrogate and NaN"]
# Other than ours, it is not bound by a recursion limit.
_DEEP = ["100000 arrays deep", "100000 objects deep"]


async def test_the_javascript_writer_writes_what_ours_writes() -> None:
    """To the byte, and to the same payloads; never into a field that is there."""
    objects = {name: data for name, data in OBJECTS.items() if name not in _PYTHON_ONLY}
    others = {name: data for name, data in NOT_OBJECTS.items() if name not in _DEEP}
    untouched = [data for data in others.values() if _is_text(data)]
    untouched += [OBJECTS[name] for name in _PYTHON_ONLY]
    untouched += [message_with(document) for document in (*GOOD.values(), "1")]
    payloads = [*objects.values(), *untouched]
    answers = await ask(node_command(), *(Question(p, carrier=CARRIER) for p in payloads))
    ours = [fill(PayloadField(FIELD), payload) for payload in objects.values()]
    assert [answer.written for answer in answers] == [*ours, *untouched]


def _is_text(payload: bytes) -> bool:
    """Whether it is UTF-8, as all that JavaScript sends."""
    return payload.decode(errors="replace").encode() == payload


async def test_the_javascript_writer_writes_no_carrier_that_is_ignored() -> None:
    """Nothing rather than an empty one, 17 entries, or more than 8 KiB."""
    carriers: list[dict[str, str]] = [
        {},
        {str(number): "" for number in range(17)},
        {"a": "x" * 8185},
    ]
    answers = await ask(node_command(), *(Question(ORDER, carrier=c) for c in carriers))
    assert [answer.written for answer in answers] == [ORDER] * 3
