"""What the propagators get of a value: what they would accept of it, and nothing else."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import baggage, trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from hostile import TRACEPARENT
from opentelemetry_instrumentation_nats_payload._baggage import MAX_ENTRIES
from opentelemetry_instrumentation_nats_payload._hostile import accepted

_texts = st.text('ab,=;% \t1AF"\\@ü/*-', max_size=40)
_PARSERS = ("opentelemetry.baggage.propagation", "opentelemetry.trace.span")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", ""),
        ("a=1", "a=1"),
        ("a=1,b=2", "a=1,b=2"),
        (" a = 1 , b\t=2;p;q = 3 ", "a=1,b=2;p;q=3"),
        ("a=,b==", "a=,b=="),
        ("a=%20%2C,b=x+y", "a=%20%2C,b=x+y"),
        ("a,b=2", "b=2"),
        ("=1,b=2", "b=2"),
        ("a b=1,c=d e,f=3", "f=3"),
        ('a="1",b=2', "b=2"),
        ("a=ü,b=2", "b=2"),
        ("a=1;p=@ ,b=2;\\,c=3", "a=1;p=@,c=3"),
        ("nothing", ""),
        (f"a={'x' * 4094}", f"a={'x' * 4094}"),
        (f"a={'x' * 4095}", ""),
        (f"a={'%FF' * 460},b=1", "b=1"),
    ],
)
def test_baggage(value: str, expected: str) -> None:
    """The well-formed entries, without the blanks around names and values."""
    assert accepted("baggage", value) == expected


def test_as_much_baggage_as_every_platform_passes_on() -> None:
    """The first entries; https://www.w3.org/TR/baggage/#limits has their number."""
    entries = [f"k{i}=v" for i in range(200)]
    assert accepted("baggage", ",".join(entries)) == ",".join(entries[:MAX_ENTRIES])
    large = [f"k{i}={'v' * 1000}" for i in range(8)]
    assert accepted("baggage", ",".join(large)) == ",".join(large)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", ""),
        ("a=1", "a=1"),
        (" a=1 ,\tb=x y,,", "a=1,b=x y"),
        ("tenant@vendor=1", "tenant@vendor=1"),
        ("a=1,B=2", ""),
        ("a=1,b", ""),
        ("a=1,b=2=3", ""),
        ("a=ü", ""),
        (",".join(f"k{i}=v" for i in range(32)), ",".join(f"k{i}=v" for i in range(32))),
        (",".join(f"k{i}=v" for i in range(33)), ""),
    ],
)
def test_tracestate(value: str, expected: str) -> None:
    """All of it or nothing, as https://www.w3.org/TR/trace-context/#tracestate-header has it."""
    assert accepted("tracestate", value) == expected


@pytest.mark.parametrize("name", ["traceparent", "tracestate", "b3", "tenant"])
@pytest.mark.parametrize("char", ["\n", "\r", "\x00", "\x1b", "\x7f", "\x85", "\u2028", "\u2029"])
def test_a_control_character_costs_the_value(name: str, char: str) -> None:
    """Whoever reads it may log it."""
    assert accepted(name, f"a=1{char}") is None


@pytest.mark.parametrize("value", ["a\tb", "grüße", "東京\u3000x", "\U0001f600", ""])
def test_any_other_text_is_left_to_its_propagator(value: str) -> None:
    """Of names that are not W3C's."""
    assert accepted("tenant", value) == value


def test_no_value_is_longer_than_a_carrier() -> None:
    """In headers, which have no other bounds."""
    assert accepted("tenant", "x" * 8192) == "x" * 8192
    assert accepted("tenant", "x" * 8193) is None
    assert accepted("traceparent", TRACEPARENT + "-" + "x" * 400) is not None
    assert accepted("traceparent", TRACEPARENT + "-" + "x" * 500) is None


@pytest.mark.parametrize("value", [None, 5, b"a=1", ["a=1"]])
def test_what_is_no_text_is_nothing(value: object) -> None:
    """Headers of other clients' libraries may hold it."""
    assert accepted("traceparent", value) is None


def _baggage_of(value: str) -> dict[str, object]:
    context = W3CBaggagePropagator().extract({"baggage": value}, Context())
    return dict(baggage.get_all(context))


@given(_texts)
def test_baggage_says_the_same_as_the_parser(value: str) -> None:
    """Of one entry what it makes of that; the oldest parsers make nothing of more blanks."""
    for name in _PARSERS:
        logging.getLogger(name).disabled = True
    try:
        bare = _baggage_of(value)
    finally:
        for name in _PARSERS:
            logging.getLogger(name).disabled = False
    assert bare.items() <= _baggage_of(accepted("baggage", value) or "").items()


class _Records(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


@given(_texts)
def test_no_parser_says_a_word(value: str) -> None:
    """Whatever the value is."""
    handler = _Records()
    for name in _PARSERS:
        logging.getLogger(name).addHandler(handler)
    try:
        _baggage_of(accepted("baggage", value) or "")
        state = accepted("tracestate", value) or ""
        carrier = {"traceparent": TRACEPARENT, "tracestate": state}
        context = TraceContextTextMapPropagator().extract(carrier, Context())
    finally:
        for name in _PARSERS:
            logging.getLogger(name).removeHandler(handler)
    assert handler.texts == []
    assert trace.get_current_span(context).get_span_context().is_valid
