"""What the propagators write, and what is left of it where there is little room."""

from __future__ import annotations

import json

import pytest
from opentelemetry import context as context_api
from opentelemetry.context import Context
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from contexts import (
    NEW,
    NEW_CARRIER,
    W3C,
    OddPropagator,
    context_with,
    traceparent_of,
)
from opentelemetry_instrumentation_nats_payload._carrier import (
    documents,
    inject,
)


def test_inject_writes_what_the_propagators_write() -> None:
    """A new dict of it, in their order; an empty one where there is no context."""
    context = context_with({"place": "x"}, state={"a": "1"})
    assert list(inject(W3C, context).items()) == [
        ("traceparent", traceparent_of(NEW)),
        ("tracestate", "a=1"),
        ("baggage", "place=x"),
    ]
    assert inject(W3C, Context()) == {}
    assert inject(W3C, context_with({"a": "b"}, span=False)) == {"baggage": "a=b"}


def test_inject_without_a_context_takes_the_current_one() -> None:
    """None is not an empty context."""
    token = context_api.attach(context_with())
    try:
        assert inject(W3C, None) == NEW_CARRIER
        assert inject(W3C, Context()) == {}
    finally:
        context_api.detach(token)


def test_only_texts_are_injected() -> None:
    """What no reader would accept does not cost the rest."""
    odd = OddPropagator(
        {"n": 1, "none": None, "b": b"x", "s": "\ud800", "\udc00": "x", 5: "x", "e": "", "é": "€"}
    )
    propagator = CompositePropagator([odd, TraceContextTextMapPropagator()])
    assert inject(propagator, context_with()) == {"e": "", "é": "€", **NEW_CARRIER}


def _documents(old: dict[str, str] | None, new: dict[str, str]) -> list[tuple[object, object]]:
    """The candidates, each with the parsed JSON for a field."""
    return [(candidate, json.loads(text)) for candidate, text in documents(W3C, old, new)]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (
            ["a", "tracestate", "baggage"],
            [["a", "tracestate", "baggage"], ["a", "tracestate"], ["a"]],
        ),
        (["a", "tracestate"], [["a", "tracestate"], ["a"]]),
        (["a", "baggage"], [["a", "baggage"], ["a"]]),
        (["a"], [["a"]]),
        (["baggage"], [["baggage"]]),
        (["tracestate", "baggage"], [["tracestate", "baggage"], ["tracestate"]]),
        (["a", "b", "c"], [["a", "b", "c"], ["a", "b"], ["a"]]),
        (["a", "b", "baggage"], [["a", "b", "baggage"], ["a", "b"], ["a"]]),
    ],
)
def test_carriers_become_smaller(names: list[str], expected: list[list[str]]) -> None:
    """Without baggage, without tracestate, then without the last entries; never empty."""
    carrier = dict.fromkeys(names, "x")
    found = _documents(None, carrier)
    assert [document for _, document in found] == [dict.fromkeys(keys, "x") for keys in expected]
    assert all(candidate == document for candidate, document in found)
    assert list(carrier) == names


def test_entries_of_other_propagators_are_kept_as_long_as_there_is_room() -> None:
    """What these propagators could have written is theirs, and out of date."""
    old = {"b3": "1", "traceparent": "old", "tracestate": "old", "baggage": "old", "x": "2"}
    new = {"traceparent": "new", "baggage": "b"}
    assert _documents(old, new) == [
        (new, {"b3": "1", "x": "2", **new}),
        (new, new),
        ({"traceparent": "new"}, {"b3": "1", "x": "2", "traceparent": "new"}),
        ({"traceparent": "new"}, {"traceparent": "new"}),
    ]
    assert old["traceparent"] == "old"
    for nothing in (None, {}, {"traceparent": "old"}):
        assert _documents(nothing, {"traceparent": "new"}) == [({"traceparent": "new"},) * 2]
    assert _documents({"b3": "1"}, {"b3": "2"}) == [({"b3": "2"},) * 2]


def test_too_many_entries_become_fewer() -> None:
    """Sixteen at most; the first of them are those of the span context."""
    carrier = {"traceparent": "x", **{str(number): "y" for number in range(30)}}
    found = [candidate for candidate, _ in documents(W3C, None, carrier)]
    assert [len(candidate) for candidate in found] == list(range(16, 0, -1))
    assert all(list(candidate) == list(carrier)[: len(candidate)] for candidate in found)
