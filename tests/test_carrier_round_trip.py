"""What one side sends, the other receives."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.textmap import (
    TextMapPropagator,
)

from contexts import (
    IN_FIELD,
    MODES,
    NEW,
    NEW_MEMBER,
    OBJECT,
    W3C,
    always,
    carrier_of,
    context_with,
    found_in,
    make_telemetry,
    payload_with,
    send_message,
    traceparent_of,
    written_in,
)
from opentelemetry_instrumentation_nats_payload._carrier import receive, send
from opentelemetry_instrumentation_nats_payload._json import is_strict_object
from opentelemetry_instrumentation_nats_payload._message import Outgoing
from opentelemetry_instrumentation_nats_payload._settings import Carrier
from opentelemetry_instrumentation_nats_payload._splice import LARGE
from oracle import FIELD, parse, without
from strategies import PROPERTY, WithField, json_objects, objects_with_field


@PROPERTY
@given(json_objects, st.sampled_from(MODES), st.booleans())
def test_what_is_sent_is_received(payload: bytes, mode: Carrier, with_baggage: bool) -> None:
    """Whatever the payload and the carrier, and nothing else of the message changes."""
    telemetry = make_telemetry(mode)
    context = context_with({"place": "x"} if with_baggage else {}, state={"a": "1"})
    sent = send_message(telemetry, payload, None, context)
    assert sent is not None
    embedded = receive(telemetry, sent.payload, sent.headers).embedded
    source = "headers" if mode == "headers" else FIELD
    assert found_in(embedded) == (source, NEW, "x" if with_baggage else None)
    assert embedded is not None
    assert embedded.span_context.trace_state == {"a": "1"}
    assert without(parse(sent.payload)) == parse(payload)


@PROPERTY
@given(objects_with_field(), st.sampled_from(MODES))
def test_what_replaces_a_field_is_received(document: WithField, mode: Carrier) -> None:
    """Also where the field was spelled oddly or had duplicates, unless it is no carrier."""
    telemetry = make_telemetry(mode)
    member = telemetry.field.find(document.payload)
    assert member is not None
    message = Outgoing("subject", document.payload, "", None)
    received = receive(telemetry, document.payload, None, is_outgoing=True)
    sent = send(telemetry, message, received, context_with(), always, headers_supported=True)
    if member.carrier is None:
        assert sent is None or sent.payload == document.payload
        return
    assert sent is not None
    assert sent.payload[: member.value_start] == document.payload[: member.value_start]
    assert without(parse(sent.payload)) == without(parse(document.payload))
    embedded = receive(telemetry, sent.payload, None).embedded
    if embedded is None:  # in the midst of what only Python reads
        assert len(sent.payload) > LARGE
        assert not is_strict_object(sent.payload)
    else:
        assert (embedded.source, embedded.span_context.trace_id) == (FIELD, NEW)


def test_b3_travels_beside_w3c() -> None:
    """Where it is installed: written by one, read by the other, in payload and headers."""
    b3 = pytest.importorskip("opentelemetry.propagators.b3")
    single: TextMapPropagator = b3.B3SingleFormat()
    multi: TextMapPropagator = b3.B3MultiFormat()
    both = CompositePropagator([single, multi, W3C])
    for mode in MODES:
        sent = send_message(make_telemetry(mode, both), OBJECT)
        assert sent is not None
        for reader in (single, multi, W3C):
            telemetry = make_telemetry(mode, reader)
            embedded = receive(telemetry, sent.payload, sent.headers).embedded
            assert embedded is not None
            assert embedded.span_context.trace_id == NEW
    sent = send_message(
        make_telemetry("payload", single), payload_with(**{FIELD: carrier_of("span", IN_FIELD)})
    )
    in_payload, _ = written_in(sent) or (None, None)
    assert in_payload is not None
    assert in_payload["traceparent"] == traceparent_of(IN_FIELD)
    assert "b3" in in_payload


def test_telemetry_needs_no_sdk() -> None:
    """The API alone: there is no tracer, and carriers are read and written all the same."""
    program = """
import sys
sys.modules["opentelemetry.sdk"] = None
from opentelemetry.context import Context
from opentelemetry_instrumentation_nats_payload._carrier import Received, receive, send
from opentelemetry_instrumentation_nats_payload._settings import Settings
from opentelemetry_instrumentation_nats_payload._message import Outgoing
from opentelemetry_instrumentation_nats_payload._telemetry import Telemetry
telemetry = Telemetry(Settings(carrier="both"))
assert telemetry.tracer() is None
headers = {"traceparent": sys.argv[1]}
embedded = receive(telemetry, b"{}", headers).embedded
message = Outgoing("s", b"{}", "", None)
nothing = Received(None, None)
sent = send(telemetry, message, nothing, embedded.context, bool, headers_supported=True)
print(sent.headers == headers, sent.payload.decode())
"""
    command = [sys.executable, "-c", program, traceparent_of(NEW)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.split(" ", 1) == ["True", f"{{{NEW_MEMBER.decode()}}}\n"]
