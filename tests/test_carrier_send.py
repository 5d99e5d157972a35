"""Where a context is written to, and what of the message stays."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from opentelemetry import context as context_api
from opentelemetry.context import Context

from contexts import (
    ALIAS,
    ARRAY,
    IN_ALIAS,
    MODES,
    NEW_CARRIER,
    NEW_MEMBER,
    OBJECT,
    always,
    context_with,
    make_telemetry,
    payload_with,
    send_message,
    traceparent_of,
    written_in,
)
from opentelemetry_instrumentation_nats_payload._carrier import (
    Received,
    send,
)
from opentelemetry_instrumentation_nats_payload._message import Outgoing
from opentelemetry_instrumentation_nats_payload._settings import Carrier
from oracle import FIELD


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("payload", [OBJECT, ARRAY, b"", b"\xff", b"{name}"])
@pytest.mark.parametrize("headers_supported", [True, False])
def test_each_carrier_is_written_where_it_is_wanted_and_possible(
    mode: Carrier, payload: bytes, headers_supported: bool
) -> None:
    """In objects, in headers, in both; auto takes headers where the payload is no object."""
    spliced = b'{"id": 1,' + NEW_MEMBER + b"}\n"
    in_payload = payload == OBJECT and mode != "headers"
    wants_headers = mode in ("headers", "both") or (mode == "auto" and not in_payload)
    in_headers = headers_supported and wants_headers
    for headers in (None, dict[str, str](), {"Nats-Msg-Id": "1"}):
        sent = send_message(
            make_telemetry(mode), payload, headers, headers_supported=headers_supported
        )
        if not in_payload and not in_headers:
            assert sent is None
            continue
        assert sent is not None
        assert sent.payload == (spliced if in_payload else payload)
        assert sent.headers == ({**(headers or {}), **NEW_CARRIER} if in_headers else headers)


@pytest.mark.parametrize("mode", MODES)
def test_nothing_is_written_without_a_context(mode: Carrier) -> None:
    """The message stays as it is, also one that has a field."""
    for payload in (OBJECT, ARRAY, payload_with(**{FIELD: {"traceparent": "old"}})):
        assert send_message(make_telemetry(mode), payload, {"a": "b"}, Context()) is None


def test_the_current_context_is_not_what_is_sent() -> None:
    """Only the one that is given."""
    token = context_api.attach(context_with())
    try:
        assert send_message(make_telemetry("both"), OBJECT, None, Context()) is None
    finally:
        context_api.detach(token)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("value", [{"traceparent": "old"}, {"other": "x"}, {}, None])
def test_an_existing_field_is_replaced_in_place(
    mode: Carrier, value: dict[str, str] | None
) -> None:
    """With every carrier: a reader would find the old one first."""
    old = f'"{FIELD}": {json.dumps(value)}'.encode()
    document = json.dumps({**(value or {}), **NEW_CARRIER}, separators=(",", ":"))
    new = f'"{FIELD}": {document}'.encode()
    payload = b'{"a":1, %b ,"b":2}' % old
    for supported in (True, False):
        sent = send_message(make_telemetry(mode), payload, headers_supported=supported)
        assert sent is not None
        assert sent.payload == b'{"a":1, %b ,"b":2}' % new
        in_headers = supported and mode in ("headers", "both")
        assert sent.headers == (NEW_CARRIER if in_headers else None)


@pytest.mark.parametrize("mode", MODES)
def test_other_entries_of_an_existing_field_survive(mode: Carrier) -> None:
    """Those of propagators that are not configured here; they do not get into headers."""
    old = {"b3": "1", "traceparent": "old", "tracestate": "old=1", "baggage": "old=1", "é": '"'}
    sent = send_message(make_telemetry(mode), payload_with(**{FIELD: old}))
    in_headers = NEW_CARRIER if mode in ("headers", "both") else None
    assert written_in(sent) == ({"b3": "1", "é": '"', **NEW_CARRIER}, in_headers)


_NO_CARRIERS: list[object] = [
    *(1, "x", True, [{}], {"a": {}}, {"a": None}, {"a": 1, "traceparent": "x"}, "x" * 20_000),
    *({str(number): "" for number in range(17)}, {"traceparent": "x" * 8200}),
]


@pytest.mark.parametrize("mode", MODES)
def test_what_is_no_carrier_is_the_applications(mode: Carrier) -> None:
    """It is left as it is; headers can still be written."""
    for value in _NO_CARRIERS:
        payload = payload_with(**{FIELD: value})
        sent = send_message(make_telemetry(mode), payload)
        if mode == "payload":
            assert sent is None
        else:
            assert sent == Outgoing("subject", payload, "reply", NEW_CARRIER)


@pytest.mark.parametrize("mode", MODES)
def test_aliases_are_never_written(mode: Carrier) -> None:
    """What stands in one stays."""
    payload = payload_with(**{ALIAS: {"traceparent": traceparent_of(IN_ALIAS)}})
    sent = send_message(make_telemetry(mode), payload)
    assert sent is not None
    assert sent.payload.startswith(payload[:-1])
    assert (FIELD in json.loads(sent.payload)) == (mode != "headers")


@pytest.mark.parametrize("mode", ["headers", "both", "auto"])
@pytest.mark.parametrize("spelling", ["{}", " {} "])
@pytest.mark.parametrize("case", [str.lower, str.upper, str.title])
def test_old_headers_are_replaced_in_any_case(
    mode: Carrier, spelling: str, case: Callable[[str], str]
) -> None:
    """Those of the propagators; the others stay, and so does the application's dict."""
    names = ("traceparent", "tracestate", "baggage")
    old = {spelling.format(case(name)): "old" for name in names}
    sent = send_message(make_telemetry(mode), ARRAY, {"Nats-Msg-Id": "1", **old, "Trace": "x"})
    assert sent is not None
    assert sent.headers == {"Nats-Msg-Id": "1", "Trace": "x", **NEW_CARRIER}


def test_headers_that_are_not_written_are_passed_on() -> None:
    """The very same object."""
    headers = {"traceparent": "old"}
    sent = send(
        make_telemetry(),
        Outgoing("s", OBJECT, "", headers),
        Received(None, None),
        context_with(),
        always,
        headers_supported=True,
    )
    assert sent is not None
    assert sent.headers is headers
