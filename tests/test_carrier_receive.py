"""Which context a message is received with, with the propagators that everybody has."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import baggage
from opentelemetry import context as context_api

from contexts import (
    ALIAS,
    ALIAS_2,
    ARRAY,
    IN_ALIAS,
    IN_ALIAS_2,
    IN_FIELD,
    IN_HEADERS,
    OBJECT,
    W3C,
    carrier_of,
    context_with,
    found_in,
    make_telemetry,
    payload_with,
    traceparent_of,
)
from opentelemetry_instrumentation_nats_payload._carrier import (
    Received,
    extract,
    receive,
)
from opentelemetry_instrumentation_nats_payload._getters import header_getter
from oracle import FIELD
from strategies import PROPERTY, objects_with_field

_PLACES = (FIELD, ALIAS, "headers")
_NUMBERS = {FIELD: IN_FIELD, ALIAS: IN_ALIAS, "headers": IN_HEADERS}


def _expected(kinds: tuple[str | None, ...]) -> tuple[str, int, str | None] | None:
    """The first place with a span, else the first with baggage."""
    for wanted in ("span", "baggage"):
        for place, kind in zip(_PLACES, kinds, strict=True):
            if kind == wanted:
                number = _NUMBERS[place]
                return (place, number, None) if kind == "span" else (place, 0, str(number))
    return None


def test_the_field_goes_before_the_alias_before_the_headers() -> None:
    """The first valid span context; without one, the first place that has baggage."""
    for kinds in itertools.product(["span", "baggage", "garbage", None], repeat=3):
        carriers: dict[str, Any] = {
            place: carrier_of(kind, _NUMBERS[place])
            for place, kind in zip(_PLACES, kinds, strict=True)
            if kind is not None
        }
        headers = carriers.pop("headers", None)
        received = receive(make_telemetry(), payload_with(**carriers), headers)
        assert found_in(received.embedded) == _expected(kinds), kinds


def test_the_aliases_are_read_in_their_order() -> None:
    """The first one that has a valid span context."""
    for first, second, expected in (
        ("span", "span", (ALIAS, IN_ALIAS, None)),
        ("baggage", "span", (ALIAS_2, IN_ALIAS_2, None)),
        ("baggage", "baggage", (ALIAS, 0, str(IN_ALIAS))),
        ("garbage", "baggage", (ALIAS_2, 0, str(IN_ALIAS_2))),
    ):
        fields = {
            ALIAS: carrier_of(first, IN_ALIAS),
            ALIAS_2: carrier_of(second, IN_ALIAS_2),
        }
        embedded = receive(make_telemetry(), payload_with(**fields), None).embedded
        assert found_in(embedded) == expected


@pytest.mark.parametrize(
    "kind", ["zeros", "garbage", "empty", "null", "number", "list", "many", "large"]
)
def test_what_is_no_context_is_ignored(kind: str) -> None:
    """The next place is looked at; alone it is nothing."""
    payload = payload_with(**{FIELD: carrier_of(kind, IN_FIELD)})
    assert receive(make_telemetry(), payload, None).embedded is None
    payload = payload_with(
        **{FIELD: carrier_of(kind, IN_FIELD), ALIAS: carrier_of("span", IN_ALIAS)}
    )
    embedded = receive(make_telemetry(), payload, None).embedded
    assert found_in(embedded) == (ALIAS, IN_ALIAS, None)


@pytest.mark.parametrize("kind", ["zeros", "garbage", "empty"])
def test_headers_that_are_no_context_are_ignored(kind: str) -> None:
    """As are those of the application."""
    headers: Any = carrier_of(kind, IN_HEADERS)
    assert receive(make_telemetry(), OBJECT, {"Nats-Msg-Id": "1", **headers}).embedded is None


def test_a_span_and_baggage_come_together() -> None:
    """From one place, not mixed of several."""
    payload = payload_with(
        **{FIELD: carrier_of("both", IN_FIELD), ALIAS: carrier_of("both", IN_ALIAS)}
    )
    embedded = receive(make_telemetry(), payload, {"baggage": "place=4,other=x"}).embedded
    assert found_in(embedded) == (FIELD, IN_FIELD, str(IN_FIELD))
    assert embedded is not None
    assert baggage.get_all(embedded.context) == {"place": str(IN_FIELD)}


def test_what_was_found_is_told_apart() -> None:
    """The member, the carrier in it, and the context of that."""
    telemetry = make_telemetry()
    for value, carrier in (({"other": "x"}, {"other": "x"}), (None, {}), (1, None)):
        payload = payload_with(**{FIELD: value})
        received = receive(telemetry, payload, None)
        assert received == Received(telemetry.field.find(payload), None)
        assert received.member is not None
        assert received.member.carrier == carrier
    assert receive(telemetry, OBJECT, None) == Received(None, None)
    assert receive(telemetry, b"", {}) == Received(None, None)


@pytest.mark.parametrize(
    "payload",
    [
        b'{"a":1,%b',
        b'{"a":1}\n{%b}',
        b"[%b]",
        b"[{%b}]",
        b"{%b}x",
        b'{"a":"\xff",%b}',
        b"\xef\xbb\xbf{%b}",
    ],
)
def test_a_field_in_what_is_no_object_is_not_read(payload: bytes) -> None:
    """A context is found only where one could have been written."""
    member = f'"{FIELD}":{{"traceparent":"{traceparent_of(IN_FIELD)}"}}'.encode()
    assert receive(make_telemetry(), b"{%b}" % member, None).embedded is not None
    assert receive(make_telemetry(), payload % member, None) == Received(None, None)


@pytest.mark.parametrize("case", [str.lower, str.upper, str.title])
def test_headers_are_read_in_any_case(case: Callable[[str], str]) -> None:
    """All names that the propagators know."""
    headers = {
        case("traceparent"): traceparent_of(IN_HEADERS),
        case("tracestate"): "vendor=1",
        case("baggage"): "place=x",
    }
    embedded = receive(make_telemetry(), ARRAY, headers).embedded
    assert found_in(embedded) == ("headers", IN_HEADERS, "x")
    assert embedded is not None
    assert embedded.span_context.trace_state.get("vendor") == "1"
    assert embedded.span_context.is_remote


def test_headers_that_break_a_propagator_cost_only_themselves(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """No value that is no string gets there; what the payload had is kept."""
    headers: Any = {"traceparent": 5}
    assert receive(make_telemetry(), OBJECT, headers) == Received(None, None)
    assert not caplog.records
    payload = payload_with(**{FIELD: carrier_of("baggage", IN_FIELD)})
    embedded = receive(make_telemetry(), payload, headers).embedded
    assert found_in(embedded) == (FIELD, 0, str(IN_FIELD))


def test_the_payload_is_read_as_it_is_written() -> None:
    """In its own case: the carrier in a payload is JSON, not headers."""
    payload = payload_with(**{FIELD: {"Traceparent": traceparent_of(IN_FIELD)}})
    assert receive(make_telemetry(), payload, None).embedded is None


def test_the_current_context_never_gets_into_a_received_one() -> None:
    """It belongs to whoever subscribed, maybe long ago."""
    token = context_api.attach(context_with({"place": "current"}))
    try:
        for payload in (OBJECT, b'{"%b":{}}' % FIELD.encode(), payload_with(**{FIELD: {"x": "y"}})):
            assert receive(make_telemetry(), payload, {"x": "y"}).embedded is None
        embedded = receive(
            make_telemetry(), payload_with(**{FIELD: {"baggage": "a=b"}}), None
        ).embedded
        assert found_in(embedded) == (FIELD, 0, None)
        embedded = receive(make_telemetry(), OBJECT, {"traceparent": traceparent_of(1)}).embedded
        assert found_in(embedded) == ("headers", 1, None)
    finally:
        context_api.detach(token)


@PROPERTY
@given(st.binary(max_size=30) | objects_with_field().map(lambda document: document.payload))
def test_any_payload_can_be_received(payload: bytes) -> None:
    """Nothing in a payload raises."""
    received = receive(make_telemetry(), payload, {"traceparent": traceparent_of(IN_HEADERS)})
    assert received.embedded is not None


def test_extract_finds_nothing_in_nothing() -> None:
    """No carrier, an empty one, one of others."""
    for carrier in (None, {}, {"x": "y"}):
        assert extract(W3C, carrier, "x") is None
        assert extract(W3C, carrier, "x", header_getter) is None
