"""Where a context is read from and written to, with the propagators that everybody has."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import baggage, trace
from opentelemetry import context as context_api
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.textmap import TextMapPropagator
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, TraceState
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from opentelemetry_instrumentation_nats_payload._carrier import (
    Embedded,
    Received,
    extract,
    inject,
    read_field,
    receive,
    reused,
    send,
    smaller,
)
from opentelemetry_instrumentation_nats_payload._config import Carrier, Settings
from opentelemetry_instrumentation_nats_payload._headers import header_getter
from opentelemetry_instrumentation_nats_payload._message import Outgoing
from opentelemetry_instrumentation_nats_payload._payload import PayloadField
from opentelemetry_instrumentation_nats_payload._telemetry import Telemetry
from strategies import FIELD, PROPERTY, WithField, json_objects, objects_with_field, parse, without

_ALIAS, _ALIAS_2 = "_otel_trace_context", "tracing"
_W3C = CompositePropagator([TraceContextTextMapPropagator(), W3CBaggagePropagator()])
_MODES: tuple[Carrier, ...] = ("payload", "headers", "both", "auto")

# Traces by the place that a test puts them in.
_IN_FIELD, _IN_ALIAS, _IN_ALIAS_2, _IN_HEADERS, _NEW = 1, 2, 3, 4, 9

_OBJECT = b'{"id": 1}\n'
_ARRAY = b"[1]"


def _telemetry(carrier: Carrier = "payload", propagator: TextMapPropagator = _W3C) -> Telemetry:
    settings = Settings(carrier=carrier, payload_field_aliases=(_ALIAS, _ALIAS_2))
    return Telemetry(settings, propagator=propagator)


def _traceparent(number: int) -> str:
    """The W3C header of a trace that is known by a number."""
    return f"00-{number:032x}-{number:016x}-01"


def _carrier(kind: str, number: int) -> object:
    """A carrier, or something else, that stands for its place by a number."""
    kinds: dict[str, object] = {
        "span": {"traceparent": _traceparent(number)},
        "baggage": {"baggage": f"place={number}"},
        "both": {"baggage": f"place={number}", "traceparent": _traceparent(number)},
        "zeros": {"traceparent": f"00-{0:032x}-{0:016x}-01"},
        "garbage": {"traceparent": "garbage", "tracestate": "a=b"},
        "empty": {},
        "null": None,
        "number": {"traceparent": _traceparent(number), "x": 1},
        "list": {"traceparent": [_traceparent(number)]},
        "many": {"traceparent": _traceparent(number), **{str(i): "" for i in range(16)}},
        "large": {"traceparent": _traceparent(number), "x": "x" * 8192},
    }
    return kinds[kind]


def _payload(**fields: object) -> bytes:
    return json.dumps({"id": 1, **fields}).encode()


def _context(
    entries: dict[str, str] | None = None,
    *,
    span: bool = True,
    state: dict[str, str] | None = None,
) -> Context:
    """A context with a span of the new trace, with a trace state, and with baggage."""
    context = Context()
    if span:
        tracestate = TraceState(list((state or {}).items()))
        span_context = SpanContext(_NEW, _NEW, False, TraceFlags(1), tracestate)
        context = trace.set_span_in_context(NonRecordingSpan(span_context), context)
    for name, value in (entries or {}).items():
        context = baggage.set_baggage(name, value, context)
    return context


_NEW_CARRIER = {"traceparent": _traceparent(_NEW)}
_NEW_MEMBER = f'"{FIELD}":{{"traceparent":"{_traceparent(_NEW)}"}}'.encode()


def _source(embedded: Embedded | None) -> tuple[str, int, object] | None:
    """Where a context was found, its trace, and what its baggage says."""
    if embedded is None:
        return None
    span_context = trace.get_current_span(embedded.context).get_span_context()
    assert span_context == embedded.span_context
    assert span_context.is_valid == bool(span_context.trace_id)
    return (
        embedded.source,
        span_context.trace_id,
        baggage.get_baggage("place", embedded.context),
    )


def _always(_: int) -> bool:
    return True


def _send(
    telemetry: Telemetry,
    payload: bytes,
    headers: dict[str, str] | None = None,
    context: Context | None = None,
    fits: Callable[[int], bool] = _always,
    headers_supported: bool = True,
) -> Outgoing | None:
    """Send as the wrapper of publish does: what the message carries is looked up before."""
    message = Outgoing("subject", payload, "reply", headers)
    received = receive(telemetry, payload, headers)
    before = None if headers is None else dict(headers)
    sent = send(
        telemetry,
        message,
        received,
        _context() if context is None else context,
        fits,
        headers_supported=headers_supported,
    )
    assert headers == before
    if sent is not None:
        assert (sent.subject, sent.reply) == ("subject", "reply")
    return sent


def _written(sent: Outgoing | None) -> tuple[dict[str, str] | None, dict[str, str] | None] | None:
    """The carriers in payload and headers of a sent message."""
    if sent is None:
        return None
    in_payload = None
    if sent.payload.strip().startswith(b"{"):
        in_payload = json.loads(sent.payload).get(FIELD)
    return in_payload, sent.headers


def _wire(message: Outgoing) -> int:
    """Bytes of a message as the server counts them."""
    if message.headers is None:
        return len(message.payload)
    lines = "".join(f"{name}: {value}\r\n" for name, value in message.headers.items())
    return len(f"NATS/1.0\r\n{lines}\r\n".encode()) + len(message.payload)


# --- receive ------------------------------------------------------------------------------------

_PLACES = (FIELD, _ALIAS, "headers")
_NUMBERS = {FIELD: _IN_FIELD, _ALIAS: _IN_ALIAS, "headers": _IN_HEADERS}


@pytest.mark.parametrize(
    "kinds", [*itertools.product(["span", "baggage", "garbage", None], repeat=3)], ids=str
)
def test_the_field_goes_before_the_alias_before_the_headers(
    kinds: tuple[str | None, str | None, str | None],
) -> None:
    """The first valid span context; without one, the first place that has baggage."""
    carriers: dict[str, Any] = {
        place: _carrier(kind, _NUMBERS[place])
        for place, kind in zip(_PLACES, kinds, strict=True)
        if kind is not None
    }
    headers = carriers.pop("headers", None)
    received = receive(_telemetry(), _payload(**carriers), headers)
    by_kind = [
        (place, kind)
        for wanted in ("span", "baggage")
        for place, kind in zip(_PLACES, kinds, strict=True)
        if kind == wanted
    ]
    expected = None
    if by_kind:
        place, kind = by_kind[0]
        number = _NUMBERS[place]
        expected = (place, number, None) if kind == "span" else (place, 0, str(number))
    assert _source(received.embedded) == expected


def test_the_aliases_are_read_in_their_order() -> None:
    """The first one that has a valid span context."""
    for first, second, expected in (
        ("span", "span", (_ALIAS, _IN_ALIAS, None)),
        ("baggage", "span", (_ALIAS_2, _IN_ALIAS_2, None)),
        ("baggage", "baggage", (_ALIAS, 0, str(_IN_ALIAS))),
        ("garbage", "baggage", (_ALIAS_2, 0, str(_IN_ALIAS_2))),
    ):
        fields = {
            _ALIAS: _carrier(first, _IN_ALIAS),
            _ALIAS_2: _carrier(second, _IN_ALIAS_2),
        }
        embedded = receive(_telemetry(), _payload(**fields), None).embedded
        assert _source(embedded) == expected


@pytest.mark.parametrize(
    "kind", ["zeros", "garbage", "empty", "null", "number", "list", "many", "large"]
)
def test_what_is_no_context_is_ignored(kind: str) -> None:
    """The next place is looked at; alone it is nothing."""
    payload = _payload(**{FIELD: _carrier(kind, _IN_FIELD)})
    assert receive(_telemetry(), payload, None).embedded is None
    payload = _payload(**{FIELD: _carrier(kind, _IN_FIELD), _ALIAS: _carrier("span", _IN_ALIAS)})
    embedded = receive(_telemetry(), payload, None).embedded
    assert _source(embedded) == (_ALIAS, _IN_ALIAS, None)


@pytest.mark.parametrize("kind", ["zeros", "garbage", "empty"])
def test_headers_that_are_no_context_are_ignored(kind: str) -> None:
    """As are those of the application."""
    headers: Any = _carrier(kind, _IN_HEADERS)
    assert receive(_telemetry(), _OBJECT, {"Nats-Msg-Id": "1", **headers}).embedded is None


def test_a_span_and_baggage_come_together() -> None:
    """From one place, not mixed of several."""
    payload = _payload(**{FIELD: _carrier("both", _IN_FIELD), _ALIAS: _carrier("both", _IN_ALIAS)})
    embedded = receive(_telemetry(), payload, {"baggage": "place=4,other=x"}).embedded
    assert _source(embedded) == (FIELD, _IN_FIELD, str(_IN_FIELD))
    assert embedded is not None
    assert baggage.get_all(embedded.context) == {"place": str(_IN_FIELD)}


def test_what_was_found_is_told_apart() -> None:
    """The member, the carrier in it, and the context of that."""
    telemetry = _telemetry()
    payload = _payload(**{FIELD: {"other": "x"}})
    member = telemetry.field.find(payload)
    assert receive(telemetry, payload, None) == Received(member, {"other": "x"}, None)
    payload = _payload(**{FIELD: None})
    member = telemetry.field.find(payload)
    assert member is not None
    assert receive(telemetry, payload, None) == Received(member, None, None)
    assert receive(telemetry, _OBJECT, None) == Received(None, None, None)
    assert receive(telemetry, b"", {}) == Received(None, None, None)


@pytest.mark.parametrize("case", [str.lower, str.upper, str.title])
def test_headers_are_read_in_any_case(case: Callable[[str], str]) -> None:
    """All names that the propagators know."""
    headers = {
        case("traceparent"): _traceparent(_IN_HEADERS),
        case("tracestate"): "vendor=1",
        case("baggage"): "place=x",
    }
    embedded = receive(_telemetry(), _ARRAY, headers).embedded
    assert _source(embedded) == ("headers", _IN_HEADERS, "x")
    assert embedded is not None
    assert embedded.span_context.trace_state.get("vendor") == "1"
    assert embedded.span_context.is_remote


def test_the_payload_is_read_as_it_is_written() -> None:
    """In its own case: the carrier in a payload is JSON, not headers."""
    payload = _payload(**{FIELD: {"Traceparent": _traceparent(_IN_FIELD)}})
    assert receive(_telemetry(), payload, None).embedded is None


def test_the_current_context_never_gets_into_a_received_one() -> None:
    """It belongs to whoever subscribed, maybe long ago."""
    token = context_api.attach(_context({"place": "current"}))
    try:
        for payload in (_OBJECT, b'{"%b":{}}' % FIELD.encode(), _payload(**{FIELD: {"x": "y"}})):
            assert receive(_telemetry(), payload, {"x": "y"}).embedded is None
        embedded = receive(_telemetry(), _payload(**{FIELD: {"baggage": "a=b"}}), None).embedded
        assert _source(embedded) == (FIELD, 0, None)
        embedded = receive(_telemetry(), _OBJECT, {"traceparent": _traceparent(1)}).embedded
        assert _source(embedded) == ("headers", 1, None)
    finally:
        context_api.detach(token)


@PROPERTY
@given(st.binary(max_size=30) | objects_with_field().map(lambda document: document.payload))
def test_any_payload_can_be_received(payload: bytes) -> None:
    """Nothing in a payload raises."""
    received = receive(_telemetry(), payload, {"traceparent": _traceparent(_IN_HEADERS)})
    assert received.embedded is not None


def test_extract_finds_nothing_in_nothing() -> None:
    """No carrier, an empty one, one of others."""
    for carrier in (None, {}, {"x": "y"}):
        assert extract(_W3C, carrier, "x") is None
        assert extract(_W3C, carrier, "x", header_getter) is None


def test_a_field_is_read_if_it_is_there() -> None:
    """Member and carrier at once."""
    field = PayloadField(_ALIAS)
    assert read_field(field, _payload(**{_ALIAS: {"a": "b"}})) == {"a": "b"}
    assert read_field(field, _payload(**{_ALIAS: 1})) is None
    assert read_field(field, _OBJECT) is None


# --- inject, reused, smaller --------------------------------------------------------------------


def test_inject_writes_what_the_propagators_write() -> None:
    """A new dict of it, in their order; an empty one where there is no context."""
    context = _context({"place": "x"}, state={"a": "1"})
    assert list(inject(_W3C, context).items()) == [
        ("traceparent", _traceparent(_NEW)),
        ("tracestate", "a=1"),
        ("baggage", "place=x"),
    ]
    assert inject(_W3C, Context()) == {}
    assert inject(_W3C, _context({"a": "b"}, span=False)) == {"baggage": "a=b"}


def test_inject_without_a_context_takes_the_current_one() -> None:
    """None is not an empty context."""
    token = context_api.attach(_context())
    try:
        assert inject(_W3C, None) == _NEW_CARRIER
        assert inject(_W3C, Context()) == {}
    finally:
        context_api.detach(token)


def test_entries_of_other_propagators_are_reused() -> None:
    """What these propagators could have written is theirs, and out of date."""
    old = {"b3": "1", "traceparent": "old", "tracestate": "old", "baggage": "old", "x": "2"}
    assert reused(_W3C, old, {"traceparent": "new"}) == {"b3": "1", "x": "2", "traceparent": "new"}
    assert reused(_W3C, {"b3": "1"}, {"b3": "2"}) == {"b3": "2"}
    assert reused(_W3C, {}, {"traceparent": "new"}) == {"traceparent": "new"}
    assert reused(_W3C, None, {"traceparent": "new"}) == {"traceparent": "new"}
    assert old["traceparent"] == "old"


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (
            ("a", "baggage", "tracestate"),
            [("a", "baggage", "tracestate"), ("a", "tracestate"), ("a",)],
        ),
        (("a", "tracestate"), [("a", "tracestate"), ("a",)]),
        (("a", "baggage"), [("a", "baggage"), ("a",)]),
        (("a",), [("a",)]),
        (("baggage",), [("baggage",)]),
        (("baggage", "tracestate"), [("baggage", "tracestate"), ("tracestate",)]),
    ],
)
def test_carriers_become_smaller(names: tuple[str, ...], expected: list[tuple[str, ...]]) -> None:
    """Without baggage first, then without tracestate, but never without anything."""
    carrier = dict.fromkeys(names, "x")
    assert [tuple(candidate) for candidate in smaller(carrier)] == expected
    assert tuple(carrier) == names


# --- send ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", _MODES)
@pytest.mark.parametrize("payload", [_OBJECT, _ARRAY, b"", b"\xff", b"{name}"])
@pytest.mark.parametrize("headers_supported", [True, False])
@pytest.mark.parametrize("headers", [None, {}, {"Nats-Msg-Id": "1"}])
def test_each_carrier_is_written_where_it_is_wanted_and_possible(
    mode: Carrier, payload: bytes, headers_supported: bool, headers: dict[str, str] | None
) -> None:
    """In objects, in headers, in both; auto takes headers where the payload is no object."""
    sent = _send(_telemetry(mode), payload, headers, headers_supported=headers_supported)
    in_payload = payload == _OBJECT and mode != "headers"
    in_headers = headers_supported and (
        mode in ("headers", "both") or (mode == "auto" and not in_payload)
    )
    if not in_payload and not in_headers:
        assert sent is None
        return
    assert sent is not None
    spliced = b'{"id": 1,' + _NEW_MEMBER + b"}\n"
    assert sent.payload == (spliced if in_payload else payload)
    assert sent.headers == ({**(headers or {}), **_NEW_CARRIER} if in_headers else headers)


@pytest.mark.parametrize("mode", _MODES)
def test_nothing_is_written_without_a_context(mode: Carrier) -> None:
    """The message stays as it is, also one that has a field."""
    for payload in (_OBJECT, _ARRAY, _payload(**{FIELD: {"traceparent": "old"}})):
        assert _send(_telemetry(mode), payload, {"a": "b"}, Context()) is None


def test_the_current_context_is_not_what_is_sent() -> None:
    """Only the one that is given."""
    token = context_api.attach(_context())
    try:
        assert _send(_telemetry("both"), _OBJECT, None, Context()) is None
    finally:
        context_api.detach(token)


@pytest.mark.parametrize("mode", _MODES)
@pytest.mark.parametrize("headers_supported", [True, False])
@pytest.mark.parametrize("value", [{"traceparent": "old"}, {}, None, 1, "x", [{}], {"a": {}}])
def test_an_existing_field_is_replaced_in_place(
    mode: Carrier, headers_supported: bool, value: object
) -> None:
    """With every carrier: a reader would find the old one first."""
    old = f'"{FIELD}": {json.dumps(value)}'.encode()
    new = _NEW_MEMBER.replace(b'":{', b'": {')
    sent = _send(_telemetry(mode), b'{"a":1, %b ,"b":2}' % old, headers_supported=headers_supported)
    assert sent is not None
    assert sent.payload == b'{"a":1, %b ,"b":2}' % new
    in_headers = headers_supported and mode in ("headers", "both")
    assert sent.headers == (_NEW_CARRIER if in_headers else None)


@pytest.mark.parametrize("mode", _MODES)
def test_other_entries_of_an_existing_field_survive(mode: Carrier) -> None:
    """Those of propagators that are not configured here; they do not get into headers."""
    old = {"b3": "1", "traceparent": "old", "tracestate": "old=1", "baggage": "old=1", "é": '"'}
    sent = _send(_telemetry(mode), _payload(**{FIELD: old}))
    in_headers = _NEW_CARRIER if mode in ("headers", "both") else None
    assert _written(sent) == ({"b3": "1", "é": '"', **_NEW_CARRIER}, in_headers)


@pytest.mark.parametrize("mode", _MODES)
def test_a_field_too_large_for_a_carrier_is_left(mode: Carrier) -> None:
    """It is nobody's carrier; headers can still be written."""
    payload = b'{"%b":"%b","a":1}' % (FIELD.encode(), b"x" * 20_000)
    sent = _send(_telemetry(mode), payload)
    if mode == "payload":
        assert sent is None
    else:
        assert sent == Outgoing("subject", payload, "reply", _NEW_CARRIER)


@pytest.mark.parametrize("mode", _MODES)
def test_aliases_are_never_written(mode: Carrier) -> None:
    """What stands in one stays."""
    payload = _payload(**{_ALIAS: {"traceparent": _traceparent(_IN_ALIAS)}})
    sent = _send(_telemetry(mode), payload)
    assert sent is not None
    assert sent.payload.startswith(payload[:-1])
    assert (FIELD in json.loads(sent.payload)) == (mode != "headers")


@pytest.mark.parametrize("mode", ["headers", "both", "auto"])
@pytest.mark.parametrize("case", [str.lower, str.upper, str.title])
def test_old_headers_are_replaced_in_any_case(mode: Carrier, case: Callable[[str], str]) -> None:
    """Those of the propagators; the others stay, and so does the application's dict."""
    old = {case(name): "old" for name in ("traceparent", "tracestate", "baggage")}
    sent = _send(_telemetry(mode), _ARRAY, {"Nats-Msg-Id": "1", **old, "Trace": "x"})
    assert sent is not None
    assert sent.headers == {"Nats-Msg-Id": "1", "Trace": "x", **_NEW_CARRIER}


def test_headers_that_are_not_written_are_passed_on() -> None:
    """The very same object."""
    headers = {"traceparent": "old"}
    sent = send(
        _telemetry(),
        Outgoing("s", _OBJECT, "", headers),
        Received(None, None, None),
        _context(),
        _always,
        headers_supported=True,
    )
    assert sent is not None
    assert sent.headers is headers


# --- what fits ----------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", _MODES)
@pytest.mark.parametrize("payload", [_OBJECT, _ARRAY, _payload(**{FIELD: {"b3": "x"}, "b": "é"})])
@pytest.mark.parametrize("headers", [None, {"Nats-Msg-Id": "é"}])
def test_a_message_is_weighed_as_it_is_sent(
    mode: Carrier, payload: bytes, headers: dict[str, str] | None
) -> None:
    """Headers and payload, to the byte."""
    context = _context({"place": "x"}, state={"a": "1"})
    sizes: list[int] = []
    sent = _send(_telemetry(mode), payload, headers, context, lambda size: not sizes.append(size))
    assert sizes == ([] if sent is None else [_wire(sent)])


@pytest.mark.parametrize("mode", _MODES)
@pytest.mark.parametrize("payload", [_OBJECT, _payload(**{FIELD: {"b3": "x"}})])
def test_what_does_not_fit_is_reduced(mode: Carrier, payload: bytes) -> None:
    """Baggage goes first, then tracestate; without room for the traceparent nothing is sent."""
    telemetry = _telemetry(mode)
    state = {"vendor": "1"}
    full, reduced, least = (
        _send(telemetry, payload, {"a": "b"}, context)
        for context in (_context({"place": "x"}, state=state), _context(state=state), _context())
    )
    assert full is not None
    assert reduced is not None
    assert least is not None
    sizes = [_wire(full), _wire(reduced), _wire(least)]
    assert sizes == sorted(set(sizes), reverse=True)
    limits = [
        (sizes[0], full),
        (sizes[0] - 1, reduced),
        (sizes[1], reduced),
        (sizes[1] - 1, least),
        (sizes[2], least),
        (sizes[2] - 1, None),
        (0, None),
    ]
    context = _context({"place": "x"}, state=state)
    for limit, expected in limits:
        assert _send(telemetry, payload, {"a": "b"}, context, limit.__ge__) == expected


def test_old_baggage_does_not_come_back() -> None:
    """Where the new one does not fit, that of an existing field goes as well."""
    payload = _payload(**{FIELD: {"baggage": "old=1", "tracestate": "old=1"}})
    context = _context({"place": "x" * 500}, state={"vendor": "1"})
    sent = _send(_telemetry(), payload, None, context, lambda size: size < 400)
    assert _written(sent) == ({**_NEW_CARRIER, "tracestate": "vendor=1"}, None)


def test_mere_baggage_that_does_not_fit_is_not_sent() -> None:
    """Nothing would be left of it."""
    context = _context({"place": "x"}, span=False)
    sent = _send(_telemetry(), _OBJECT, None, context)
    assert _written(sent) == ({"baggage": "place=x"}, None)
    assert _send(_telemetry(), _OBJECT, None, context, lambda _: False) is None


def _long_baggage(size: int) -> dict[str, str]:
    """Two entries whose header is of that size; each is within its own bounds."""
    half, rest = divmod(size - len("a=,b="), 2)
    return {"a": "x" * half, "b": "y" * (half + rest)}


@pytest.mark.parametrize(("size", "kept"), [(8106, True), (8107, False), (8190, False)])
@pytest.mark.parametrize("mode", ["payload", "both", "auto"])
def test_a_carrier_over_8_kib_is_never_written(mode: Carrier, size: int, kept: bool) -> None:
    """No reader would accept it: the baggage is left out, however much room there is."""
    context = _context(_long_baggage(size))
    carrier = inject(_W3C, context)
    assert len(carrier["baggage"]) == size
    sent = _send(_telemetry(mode), _OBJECT, None, context)
    written = carrier if kept else _NEW_CARRIER
    assert _written(sent) == (written, written if mode == "both" else None)
    assert sent is not None
    member = PayloadField(FIELD).find(sent.payload)
    assert member is not None
    assert PayloadField(FIELD).read(sent.payload, member) == written


def test_a_tracestate_over_8_kib_is_never_written() -> None:
    """It goes after the baggage."""
    state = {f"vendor{number}": "x" * 255 for number in range(32)}
    context = _context({"place": "x"}, state=state)
    assert len(inject(_W3C, context)["tracestate"]) > 8192
    assert _written(_send(_telemetry(), _OBJECT, None, context)) == (_NEW_CARRIER, None)


@pytest.mark.parametrize("mode", _MODES)
def test_a_carrier_of_too_many_entries_is_never_written(mode: Carrier) -> None:
    """Not even where the entries are those of an existing field."""
    payload = _payload(**{FIELD: {str(number): "" for number in range(16)}})
    sent = _send(_telemetry(mode), payload)
    assert sent is None or sent.payload == payload or len(json.loads(sent.payload)[FIELD]) <= 16


# --- both ways ----------------------------------------------------------------------------------


@PROPERTY
@given(json_objects, st.sampled_from(_MODES), st.booleans())
def test_what_is_sent_is_received(payload: bytes, mode: Carrier, with_baggage: bool) -> None:
    """Whatever the payload and the carrier, and nothing else of the message changes."""
    telemetry = _telemetry(mode)
    context = _context({"place": "x"} if with_baggage else {}, state={"a": "1"})
    sent = _send(telemetry, payload, None, context)
    assert sent is not None
    embedded = receive(telemetry, sent.payload, sent.headers).embedded
    source = "headers" if mode == "headers" else FIELD
    assert _source(embedded) == (source, _NEW, "x" if with_baggage else None)
    assert embedded is not None
    assert embedded.span_context.trace_state == {"a": "1"}
    assert without(parse(sent.payload)) == parse(payload)


@PROPERTY
@given(objects_with_field(), st.sampled_from(_MODES))
def test_what_replaces_a_field_is_received(document: WithField, mode: Carrier) -> None:
    """Also where the field was spelled oddly or had duplicates."""
    telemetry = _telemetry(mode)
    sent = _send(telemetry, document.payload)
    if sent is None:
        return  # the entries of others leave no room
    assert sent.payload[: document.value_start] == document.payload[: document.value_start]
    assert without(parse(sent.payload)) == without(parse(document.payload))
    embedded = receive(telemetry, sent.payload, None).embedded
    assert embedded is not None
    assert (embedded.source, embedded.span_context.trace_id) == (FIELD, _NEW)


def test_b3_travels_beside_w3c() -> None:
    """Where it is installed: written by one, read by the other, in payload and headers."""
    b3 = pytest.importorskip("opentelemetry.propagators.b3")
    single: TextMapPropagator = b3.B3SingleFormat()
    multi: TextMapPropagator = b3.B3MultiFormat()
    both = CompositePropagator([single, multi, _W3C])
    for mode in _MODES:
        sent = _send(_telemetry(mode, both), _OBJECT)
        assert sent is not None
        for reader in (single, multi, _W3C):
            telemetry = _telemetry(mode, reader)
            embedded = receive(telemetry, sent.payload, sent.headers).embedded
            assert embedded is not None
            assert embedded.span_context.trace_id == _NEW
    sent = _send(_telemetry("payload", single), _payload(**{FIELD: _carrier("span", _IN_FIELD)}))
    in_payload, _ = _written(sent) or (None, None)
    assert in_payload is not None
    assert in_payload["traceparent"] == _traceparent(_IN_FIELD)
    assert "b3" in in_payload


def test_telemetry_needs_no_sdk() -> None:
    """The API alone: there is no tracer, and carriers are read and written all the same."""
    program = """
import sys
sys.modules["opentelemetry.sdk"] = None
from opentelemetry.context import Context
from opentelemetry_instrumentation_nats_payload._carrier import Received, receive, send
from opentelemetry_instrumentation_nats_payload._config import Settings
from opentelemetry_instrumentation_nats_payload._message import Outgoing
from opentelemetry_instrumentation_nats_payload._telemetry import Telemetry
telemetry = Telemetry(Settings(carrier="both"))
assert telemetry.tracer() is None
headers = {"traceparent": sys.argv[1]}
embedded = receive(telemetry, b"{}", headers).embedded
message = Outgoing("s", b"{}", "", None)
nothing = Received(None, None, None)
sent = send(telemetry, message, nothing, embedded.context, bool, headers_supported=True)
print(sent.headers == headers, sent.payload.decode())
"""
    command = [sys.executable, "-c", program, _traceparent(_NEW)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.split(" ", 1) == ["True", f"{{{_NEW_MEMBER.decode()}}}\n"]
