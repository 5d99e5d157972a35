"""What of a context is sent where not all of it fits."""

from __future__ import annotations

import pytest
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from contexts import (
    ARRAY,
    MODES,
    NEW_CARRIER,
    OBJECT,
    W3C,
    OddPropagator,
    context_with,
    make_telemetry,
    payload_with,
    send_message,
    wire_bytes,
    written_in,
)
from opentelemetry_instrumentation_nats_payload._carrier import (
    inject,
)
from opentelemetry_instrumentation_nats_payload._settings import Carrier
from oracle import FIELD


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("payload", [OBJECT, ARRAY, payload_with(**{FIELD: {"b3": "x"}, "b": "é"})])
@pytest.mark.parametrize("headers", [None, {"Nats-Msg-Id": "é"}])
def test_a_message_is_weighed_as_it_is_sent(
    mode: Carrier, payload: bytes, headers: dict[str, str] | None
) -> None:
    """Headers and payload, to the byte."""
    context = context_with({"place": "x"}, state={"a": "1"})
    sizes: list[int] = []
    sent = send_message(
        make_telemetry(mode), payload, headers, context, lambda size: not sizes.append(size)
    )
    assert sizes == ([] if sent is None else [wire_bytes(sent)])


_TARGETS: dict[Carrier, list[Carrier]] = {
    "payload": ["payload"],
    "headers": ["headers"],
    "auto": ["payload"],
    "both": ["both", "payload", "headers"],
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("headers", [None, {"Nats-Msg-Id": "1"}])
def test_what_does_not_fit_is_reduced(mode: Carrier, headers: dict[str, str] | None) -> None:
    """Baggage goes first, then tracestate, then one of both places; then nothing is sent."""
    state = {"vendor": "1"}
    contexts = [
        context_with({"place": "x"}, state=state),
        context_with(state=state),
        context_with(),
    ]
    wanted = [
        message
        for target in _TARGETS[mode]
        for context in contexts
        if (message := send_message(make_telemetry(target), OBJECT, headers, context)) is not None
    ]
    assert len(wanted) == 3 * len(_TARGETS[mode])
    sizes = {wire_bytes(message) for message in wanted}
    for limit in sorted({0, *sizes, *(size - 1 for size in sizes), max(sizes) + 1}):
        sent = send_message(make_telemetry(mode), OBJECT, headers, contexts[0], limit.__ge__)
        assert sent == next((message for message in wanted if wire_bytes(message) <= limit), None)


def test_entries_of_others_go_before_the_baggage() -> None:
    """Where there is no room for all."""
    payload = payload_with(**{FIELD: {"b3": "x" * 100, "traceparent": "old"}})
    sent = send_message(
        make_telemetry(), payload, None, context_with({"place": "x"}), lambda size: size < 200
    )
    assert written_in(sent) == ({**NEW_CARRIER, "baggage": "place=x"}, None)


def test_old_baggage_does_not_come_back() -> None:
    """Where the new one does not fit, that of an existing field goes as well."""
    payload = payload_with(**{FIELD: {"baggage": "old=1", "tracestate": "old=1"}})
    context = context_with({"place": "x" * 500}, state={"vendor": "1"})
    sent = send_message(make_telemetry(), payload, None, context, lambda size: size < 400)
    assert written_in(sent) == ({**NEW_CARRIER, "tracestate": "vendor=1"}, None)


def test_mere_baggage_that_does_not_fit_is_not_sent() -> None:
    """Nothing would be left of it."""
    context = context_with({"place": "x"}, span=False)
    sent = send_message(make_telemetry(), OBJECT, None, context)
    assert written_in(sent) == ({"baggage": "place=x"}, None)
    assert send_message(make_telemetry(), OBJECT, None, context, lambda _: False) is None


def _long_baggage(size: int) -> dict[str, str]:
    """Two entries whose header is of that size; each is within its own bounds."""
    half, rest = divmod(size - len("a=,b="), 2)
    return {"a": "x" * half, "b": "y" * (half + rest)}


@pytest.mark.parametrize(("size", "kept"), [(8106, True), (8107, False), (8190, False)])
@pytest.mark.parametrize("mode", MODES)
def test_a_carrier_over_8_kib_is_never_written(mode: Carrier, size: int, kept: bool) -> None:
    """No reader would accept it: the baggage is left out, however much room there is."""
    context = context_with(_long_baggage(size))
    carrier = inject(W3C, context)
    assert len(carrier["baggage"]) == size
    telemetry = make_telemetry(mode)
    sent = send_message(telemetry, OBJECT, None, context)
    written = carrier if kept else NEW_CARRIER
    assert written_in(sent) == (
        written if mode != "headers" else None,
        written if mode in ("headers", "both") else None,
    )
    assert sent is not None
    member = telemetry.field.find(sent.payload)
    assert mode == "headers" or (member is not None and member.carrier == written)


def test_a_tracestate_over_8_kib_is_never_written() -> None:
    """It goes after the baggage."""
    state = {f"vendor{number}": "x" * 255 for number in range(32)}
    context = context_with({"place": "x"}, state=state)
    assert len(inject(W3C, context)["tracestate"]) > 8192
    assert written_in(send_message(make_telemetry(), OBJECT, None, context)) == (NEW_CARRIER, None)


@pytest.mark.parametrize("mode", MODES)
def test_a_carrier_of_too_many_entries_is_never_written(mode: Carrier) -> None:
    """The entries of others, in an existing field, make room."""
    payload = payload_with(**{FIELD: {str(number): "" for number in range(16)}})
    sent = send_message(make_telemetry(mode), payload)
    in_headers = NEW_CARRIER if mode in ("headers", "both") else None
    assert written_in(sent) == (NEW_CARRIER, in_headers)


def test_what_is_no_header_stays_out_of_headers() -> None:
    """nats-py would refuse the message for the name of an entry."""
    odd = OddPropagator({"a b": "x", "c": "x\r\ny: z"})
    propagator = CompositePropagator([TraceContextTextMapPropagator(), odd])
    sent = send_message(make_telemetry("both", propagator), OBJECT)
    assert written_in(sent) == ({**NEW_CARRIER, "a b": "x", "c": "x\r\ny: z"}, NEW_CARRIER)
