"""Baggage: what is read of it, in what time, and how it is passed on."""

from __future__ import annotations

import json
from urllib.parse import unquote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.aio.msg import Msg
from opentelemetry import baggage
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.textmap import TextMapPropagator
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from conftest import Connect, Inbox, Instrumentation, settle
from opentelemetry_instrumentation_nats_payload import _baggage
from opentelemetry_instrumentation_nats_payload._baggage import read_baggage
from opentelemetry_instrumentation_nats_payload._baggage_propagator import (
    BaggagePropagator,
    with_own_baggage,
)
from opentelemetry_instrumentation_nats_payload._carrier import extract, inject
from opentelemetry_instrumentation_nats_payload._getters import carrier_getter, header_getter
from strategies import PROPERTY

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
_TEXTS = st.text('ab,=;% \t1AF+"\\@ü/*-', max_size=40)
_OWN, _THEIRS = BaggagePropagator(), W3CBaggagePropagator()


def _all(propagator: TextMapPropagator, value: str) -> dict[str, object]:
    return dict(baggage.get_all(propagator.extract({"baggage": value}, Context(), carrier_getter)))


@PROPERTY
@given(_TEXTS)
def test_the_entries_are_those_of_opentelemetry(value: str) -> None:
    """Of what is well-formed, which is all that its own propagator is given."""
    assert _all(_OWN, value) == _all(_THEIRS, value)


@PROPERTY
@given(st.text("%AaFf09cC3=+;/x", max_size=30))
def test_percent_encoding_is_decoded_as_by_the_standard_library(text: str) -> None:
    """Malformed escapes and bytes that are no UTF-8 as well."""
    assert _baggage._decoded(text, has_few_escapes=True) == unquote_plus(text)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("tenant=a%20b;secret;ttl=5,user=j+d", "tenant=a%20b;secret;ttl=5,user=j+d"),
        (" tenant = a ; secret , ,user=b,broken", "tenant=a;secret,user=b"),
        ("a=1,a=2", "a=1,a=2"),
    ],
)
def test_what_came_goes_out_as_it_was_spelled(value: str, expected: str) -> None:
    """Its properties, too; OpenTelemetry's propagator makes them part of the value."""
    embedded = extract(_OWN, {"baggage": value}, "x")
    assert embedded is not None
    assert inject(_OWN, embedded.context) == {"baggage": expected}


def test_what_the_application_changes_goes_out_as_by_opentelemetry() -> None:
    """An entry that is set, removed, or all of them cleared."""
    embedded = extract(_OWN, {"baggage": "a=1;p,b=%20"}, "x")
    assert embedded is not None
    context = embedded.context
    for changed in (
        baggage.set_baggage("c", "ü", context),
        baggage.remove_baggage("a", context),
        baggage.clear(context),
        Context(),
    ):
        assert inject(_OWN, changed) == inject(_THEIRS, changed)
    assert inject(_OWN, context) == {"baggage": "a=1;p,b=%20"}


def test_what_would_grow_when_it_is_written_anew_is_read_as_a_whole() -> None:
    """It goes out as it came: 60 entries of 115 characters."""
    value = ",".join(f"k{number}={'/' * 110}" for number in range(60))
    assert len(read_baggage(value)) == 60
    assert read_baggage(value).text == value


@pytest.mark.parametrize("value", ["", ",", "nothing", "=1", 'a="'])
def test_nothing_well_formed_is_no_context(value: str) -> None:
    """And no key in a context either."""
    assert _OWN.extract({"baggage": value}, Context(), carrier_getter) == Context()


def test_the_rest_is_left_to_opentelemetry() -> None:
    """Another getter, a baggage that is there already, and the current context."""
    carrier = {"baggage": "a=1"}
    there = baggage.set_baggage("b", "2", Context())
    for context, getter in ((there, carrier_getter), (None, carrier_getter)):
        own, theirs = (p.extract(carrier, context, getter) for p in (_OWN, _THEIRS))
        assert baggage.get_all(own) == baggage.get_all(theirs)
    assert baggage.get_all(_OWN.extract(carrier, Context())) == {"a": "1"}
    headers = {"Baggage": "a=1"}
    assert baggage.get_all(_OWN.extract(headers, Context(), header_getter)) == {"a": "1"}


def test_a_control_character_costs_its_entry() -> None:
    """As with OpenTelemetry's propagator, which says so each time."""
    assert read_baggage("a=1,b=\x1b[2J,c=3\n,d\r=4,e=5").text == "a=1,e=5"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (f"a=1,b=2{';p' * 256}", ["a", "b"]),
        (f"a=1,b=2{';p' * 257}", ["a"]),
        (f"a=1,b={'%z' * 256}", ["a", "b"]),
        (f"a=1,b={'%z' * 257}", ["a"]),
        (f"a=1,b={'%41' * 1000}", ["a", "b"]),
        ("," * 127 + "a=1", ["a"]),
        ("," * 128 + "a=1", []),
    ],
)
def test_what_takes_long_is_bounded(value: str, expected: list[str]) -> None:
    """Properties, malformed escapes and malformed entries."""
    assert list(read_baggage(value)) == expected


class _Other(CompositePropagator):
    """A composite of somebody else's."""


def test_only_the_propagator_of_opentelemetry_is_replaced() -> None:
    """Wherever it stands among others."""
    trace_context = TraceContextTextMapPropagator()
    assert type(with_own_baggage(W3CBaggagePropagator())) is BaggagePropagator
    composite = with_own_baggage(CompositePropagator([trace_context, W3CBaggagePropagator()]))
    parts = vars(composite)["_propagators"]
    assert [type(part) for part in parts] == [TraceContextTextMapPropagator, BaggagePropagator]
    assert composite.fields == {"traceparent", "tracestate", "baggage"}
    other = _Other([W3CBaggagePropagator()])
    assert with_own_baggage(other) is other
    assert with_own_baggage(trace_context) is trace_context


@pytest.mark.parametrize("consumed_field", ["refresh", "keep"])
async def test_baggage_reaches_the_next_service_as_it_came(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation, consumed_field: str
) -> None:
    """With its properties: in what a callback reads by hand, and in what it publishes."""
    spelled = "tenant=a%2Cb;ttl=5,user=j+d"
    carrier = {"traceparent": TRACEPARENT, "baggage": f" {spelled} , broken"}
    sender = await connect()
    instrumentation.start(consumed_field=consumed_field)
    client = await connect()
    seen: list[tuple[dict[str, object], str]] = []

    async def callback(message: Msg) -> None:
        own = json.loads(message.data)["_otel_trace_headers"]
        seen.append((dict(baggage.get_all()), own["baggage"]))
        await client.publish("baggage.out", b"{}")

    await client.subscribe("baggage.in", cb=callback)
    await sender.subscribe("baggage.out", cb=inbox.callback)
    for each in (client, sender):
        await settle(each)
    with suppress_instrumentation():
        await sender.publish("baggage.in", json.dumps({"_otel_trace_headers": carrier}).encode())
    sent = json.loads(await inbox.data())["_otel_trace_headers"]
    assert sent["baggage"] == spelled
    read = spelled if consumed_field == "refresh" else carrier["baggage"]
    assert seen == [({"tenant": "a,b;ttl=5", "user": "j d"}, read)]
