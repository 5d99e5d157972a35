"""The JavaScript of the documentation, run by node: it reads our messages, and we read its."""

from __future__ import annotations

import json
from typing import Any

import pytest
from opentelemetry.context import Context
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.trace import get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from codec import CARRIER, SPLICED, TRACEPARENT, fill
from conftest import CARRIERS, Connect, Expect, Inbox, Instrumentation, settle
from opentelemetry_instrumentation_nats_payload._payload import PayloadField
from oracle import FIELD
from payloads import NOT_OBJECTS, OBJECTS
from spans import traceparent
from wire_cases import BAD, GOOD, MALFORMED, ORDER, message_with
from wire_node import Question, ask, node_command

_ALIAS = "_otel_trace_context"


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
    """Of carriers with a traceparent, and of those beyond the bounds, which it does not count."""
    documents = {**GOOD, **BAD}
    answers = await ask(node_command(), *map(Question, map(message_with, documents.values())))
    read = {name: answer.read for name, answer in zip(documents, answers, strict=True)}
    taken = ["a traceparent", "white space", "16 entries", "17 entries"]
    assert read == {name: {} for name in documents} | {n: json.loads(documents[n]) for n in taken}


async def test_the_javascript_reader_goes_by_the_order_of_the_contract() -> None:
    """The field, the alias, the headers; what has no span gives way."""
    spans = [{"traceparent": traceparent(number, number)} for number in range(1, 4)]
    field, alias, headers = ({**carrier, "baggage": "a=b"} for carrier in spans)
    lines = {name.title(): value for name, value in headers.items()}
    alone = {"baggage": "c=d"}
    messages: list[dict[str, Any]] = [
        {FIELD: field, _ALIAS: alias},
        {FIELD: None, _ALIAS: alias},
        {FIELD: alone, _ALIAS: alias},
        {FIELD: alone, _ALIAS: 1},
        {_ALIAS: alone},
    ]
    questions = [Question(json.dumps(message).encode(), lines) for message in messages]
    without_headers = [question._replace(headers=None) for question in questions]
    answers = await ask(node_command(), *questions, *without_headers)
    assert [answer.read for answer in answers] == [
        *(field, alias, alias, headers, headers),
        *(field, alias, alias, {}, {}),
    ]


async def test_a_malformed_traceparent_hides_no_other_from_the_javascript_reader() -> None:
    """It is none: the alias is next."""
    broken = [{"traceparent": text} for text in MALFORMED]
    messages = [{FIELD: carrier, _ALIAS: CARRIER} for carrier in broken]
    answers = await ask(node_command(), *(Question(json.dumps(m).encode()) for m in messages))
    assert [answer.read for answer in answers] == [CARRIER] * len(messages)
    assert not any(map(_has_span, broken))


async def test_where_the_javascript_reader_sees_another_traceparent_than_ours() -> None:
    """As the page says: white space before it, and more than version 00 has."""
    carriers = [{"traceparent": f" {TRACEPARENT}"}, {"traceparent": f"{TRACEPARENT}-00"}]
    questions = [Question(json.dumps({FIELD: carrier}).encode()) for carrier in carriers]
    answers = await ask(node_command(), *questions)
    assert [answer.read for answer in answers] == [{}, carriers[1]]
    assert [_has_span(carrier) for carrier in carriers] == [True, False]


def _has_span(carrier: dict[str, str]) -> bool:
    """Whether the propagator of this package finds a span context in it."""
    context = TraceContextTextMapPropagator().extract(carrier, Context())
    return get_current_span(context).get_span_context().is_valid


# JSON for Python's json, and not for others: they cannot read such a message at all.
_PYTHON_ONLY = ["NaN", "Infinity", "NaN in strings", "lone surrogate and NaN"]
# Other than ours, it is not bound by a recursion limit.
_DEEP = ["100000 arrays deep", "100000 objects deep"]


async def test_the_javascript_reader_reads_what_ours_reads() -> None:
    """Out of one JSON object, and out of nothing else, by the bytes of the message."""
    members = {name: _with_field(data) for name, data in NOT_OBJECTS.items() if name not in _DEEP}
    members |= {name: fill(PayloadField(FIELD), data) for name, data in OBJECTS.items()}
    answers = await ask(node_command(), *map(Question, members.values()))
    read = {name: answer.read for name, answer in zip(members, answers, strict=True)}
    assert read == {name: CARRIER if _is_read(name) else {} for name in members}
    assert not any(PayloadField(FIELD).find(_with_field(data)) for data in NOT_OBJECTS.values())


def _with_field(payload: bytes) -> bytes:
    """``payload`` with the field before its last brace, whatever it is."""
    head, brace, tail = payload.rpartition(b"}")
    return head + b"," + SPLICED + brace + tail if brace else payload


def _is_read(name: str) -> bool:
    return name in OBJECTS and name not in _PYTHON_ONLY


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


async def test_the_javascript_writer_writes_no_carrier_without_a_span() -> None:
    """Nothing rather than an empty one, baggage alone or what no reader takes."""
    carriers = [{}, {"baggage": "a=b"}, *({"traceparent": text} for text in MALFORMED)]
    answers = await ask(node_command(), *(Question(ORDER, carrier=c) for c in carriers))
    assert [answer.written for answer in answers] == [ORDER] * len(carriers)
