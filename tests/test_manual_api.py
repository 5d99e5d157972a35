"""The manual API: names and behaviour that services written by hand rely on."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from opentelemetry import baggage, context, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import Sampler, SamplingResult
from opentelemetry.trace import SpanKind, Tracer

import opentelemetry_instrumentation_nats_payload as package
from conftest import Connect, Inbox, Instrumentation
from opentelemetry_instrumentation_nats_payload import (
    NATSTracePropagator,
    publish_with_trace_context,
)
from spans import attributes, traceparent

_LOGGER = "opentelemetry_instrumentation_nats_payload"


@pytest.fixture
def tracer(instrumentation: Instrumentation) -> Tracer:
    """A tracer of the application; nothing is instrumented."""
    return instrumentation.tracer


@pytest.fixture
def debug(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """The package's log at DEBUG."""
    caplog.set_level(logging.DEBUG, _LOGGER)
    return caplog


def test_inject_context_adds_the_current_context_in_place(
    tracer: Tracer, debug: pytest.LogCaptureFixture
) -> None:
    """The dict itself gets the field, is returned, and the log says what was injected."""
    message: dict[str, Any] = {"a": 1}
    with tracer.start_as_current_span("work"):
        assert NATSTracePropagator.inject_context(message) is message
    field_name = NATSTracePropagator.TRACE_HEADERS_FIELD
    assert field_name == "_otel_trace_headers"
    assert message == {"a": 1, field_name: {"traceparent": traceparent(1, 1)}}
    assert traceparent(1, 1) in debug.text


def test_inject_context_without_an_active_span_adds_nothing(
    debug: pytest.LogCaptureFixture,
) -> None:
    """No empty field; the log says that there was nothing."""
    message = {"a": 1}
    assert NATSTracePropagator.inject_context(message) == {"a": 1}
    assert "no context to inject" in debug.text


def test_baggage_travels_too() -> None:
    """What the configured propagators write is written."""
    token = context.attach(baggage.set_baggage("user", "7"))
    message = NATSTracePropagator.inject_context({})
    context.detach(token)
    assert message == {"_otel_trace_headers": {"baggage": "user=7"}}


@pytest.mark.parametrize("name", ["_otel_trace_headers", "_otel_trace_context"])
def test_extract_context_finds_field_and_alias(name: str, debug: pytest.LogCaptureFixture) -> None:
    """The context holds the remote span; the log says where it was found."""
    message = {name: {"traceparent": traceparent(77, 99)}}
    found = NATSTracePropagator.extract_context(message)
    assert found is not None
    span_context = trace.get_current_span(found).get_span_context()
    assert (span_context.trace_id, span_context.span_id) == (77, 99)
    assert span_context.is_remote
    assert name in debug.text


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"a": 1},
        {"_otel_trace_headers": None},
        {"_otel_trace_headers": {}},
        {"_otel_trace_headers": "text"},
        {"_otel_trace_headers": {"traceparent": 7}},
        {"_otel_trace_headers": {"traceparent": "garbage"}},
        {"_otel_trace_headers": {7: "seven"}},
        {"_otel_trace_headers": {f"k{i}": "v" for i in range(17)}},
        {"_otel_trace_headers": {"traceparent": traceparent(1, 1), "big": "x" * 9000}},
        None,
        [],
        "text",
    ],
    ids=range(13),
)
def test_extract_context_is_none_where_there_is_nothing(message: Any) -> None:
    """Nothing, or nothing that is a carrier, is None and never an error."""
    assert NATSTracePropagator.extract_context(message) is None


@pytest.mark.parametrize("message", [None, [], "text", 7])
def test_nothing_raises_for_telemetry_s_sake(tracer: Tracer, message: Any) -> None:
    """A message that is no dict comes back as it is."""
    with tracer.start_as_current_span("work"):
        assert NATSTracePropagator.inject_context(message) is message
        assert NATSTracePropagator.remove_trace_headers(message) is message
        with NATSTracePropagator.create_span_from_message(tracer, message, "process"):
            pass


def test_create_span_from_message_continues_the_trace(instrumentation: Instrumentation) -> None:
    """A consumer span under the context of the message, current in the block."""
    message = {"_otel_trace_headers": {"traceparent": traceparent(77, 99)}}
    with NATSTracePropagator.create_span_from_message(
        instrumentation.tracer, message, "process order", attributes={"order": 5}
    ) as span:
        assert trace.get_current_span() is span
    (recorded_span,) = instrumentation.spans()
    assert recorded_span.attributes == attributes({"messaging.system": "nats", "order": 5})
    assert (recorded_span.kind, recorded_span.trace, recorded_span.parent) == ("CONSUMER", 77, 99)


def test_create_span_from_message_without_a_context_belongs_to_the_current_span(
    instrumentation: Instrumentation,
) -> None:
    """In a callback whose field was stripped, the span is still in the trace."""
    tracer = instrumentation.tracer
    with tracer.start_as_current_span("process"):
        with NATSTracePropagator.create_span_from_message(tracer, {}, "store", SpanKind.INTERNAL):
            pass
    store = instrumentation.spans()[1]
    assert (store.kind, store.trace, store.parent) == ("INTERNAL", 1, 1)


def test_create_span_from_message_records_and_raises_the_block_s_error(
    instrumentation: Instrumentation,
) -> None:
    """The application's error is its own."""
    raised = ValueError("broken order")
    with pytest.raises(ValueError, match="broken order") as caught:
        with NATSTracePropagator.create_span_from_message(instrumentation.tracer, {}, "process"):
            raise raised
    assert caught.value is raised
    (span,) = instrumentation.spans()
    assert (span.status, span.events) == ("ERROR", ("exception",))


class _BrokenSampler(Sampler):
    def should_sample(self, *args: Any, **kwargs: Any) -> SamplingResult:
        raise RuntimeError("sampler")

    def get_description(self) -> str:
        return "broken"


@pytest.mark.parametrize("broken", ["sampler", "attributes", "tracer"])
def test_the_block_runs_whatever_happens_to_its_span(broken: str) -> None:
    """A sampler that raises, or attributes that are none, cost the span and not the work."""
    sampler = _BrokenSampler() if broken == "sampler" else None
    provider = TracerProvider(sampler=sampler, shutdown_on_exit=False)
    tracer: Any = None if broken == "tracer" else provider.get_tracer("test")
    attributes: Any = [("a", 1)] if broken == "attributes" else None
    outer = TracerProvider(shutdown_on_exit=False).get_tracer("test")
    message: dict[str, Any] | None = None
    with outer.start_as_current_span("work"):
        with NATSTracePropagator.create_span_from_message(
            tracer, {}, "store", attributes=attributes
        ):
            message = NATSTracePropagator.inject_context({})
    assert message
    assert "traceparent" in message["_otel_trace_headers"]


def test_remove_trace_headers_takes_the_field_out_in_place() -> None:
    """The dict itself, returned; an alias is never stripped."""
    message: dict[str, Any] = {"_otel_trace_headers": {}, "_otel_trace_context": {}, "a": 1}
    assert NATSTracePropagator.remove_trace_headers(message) is message
    assert message == {"_otel_trace_context": {}, "a": 1}
    assert NATSTracePropagator.remove_trace_headers(message) == message


def test_the_methods_are_static() -> None:
    """Services call them on the class, and on an instance."""
    assert NATSTracePropagator().inject_context({}) == {}


async def test_publish_with_trace_context_publishes_json_with_the_context(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation
) -> None:
    """Not instrumented: the current span is injected, by hand and in place."""
    nc = await connect()
    await nc.subscribe("manual.publish", cb=inbox.callback)
    message = {"a": 1}
    with instrumentation.tracer.start_as_current_span("work"):
        await publish_with_trace_context(nc, "manual.publish", message, headers={"A": "b"})
    received = await inbox.messages.get()
    assert json.loads(received.data) == message
    assert message["_otel_trace_headers"] == {"traceparent": traceparent(1, 1)}
    assert received.headers == {"A": "b"}


async def test_by_hand_and_automatic_make_one_trace_and_one_field(
    connect: Connect, inbox: Inbox, spans: Instrumentation
) -> None:
    """Injected by hand under the instrumentation: one field, which carries the publish span."""
    nc = await connect()
    await nc.subscribe("manual.both", cb=inbox.callback)
    with spans.tracer.start_as_current_span("work"):
        await publish_with_trace_context(
            nc, "manual.both", {"a": 1}, encode=lambda d: json.dumps(d).encode()
        )
    received = await inbox.data()
    assert received.count(b"_otel_trace_headers") == 1
    with NATSTracePropagator.create_span_from_message(
        spans.tracer, json.loads(received), "by hand"
    ):
        pass
    tree = {s.name: (s.trace, s.span, s.parent) for s in spans.spans()}
    assert tree == {
        "work": (1, 1, None),
        "publish manual.both": (1, 2, 1),
        "process manual.both": (1, 3, 2),
        "by hand": (1, 4, 3),
    }


def test_the_manual_api_follows_the_settings(instrumentation: Instrumentation) -> None:
    """With another field configured, both write the same one."""
    instrumentation.start(payload_field="ctx")
    with instrumentation.tracer.start_as_current_span("work"):
        assert NATSTracePropagator.inject_context({}) == {"ctx": {"traceparent": traceparent(1, 1)}}


def test_works_with_any_sdk_span() -> None:
    """Spans of another provider than ours are as good."""
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("other")
    with tracer.start_as_current_span("work") as span:
        message = NATSTracePropagator.inject_context({})
    carrier = message["_otel_trace_headers"]
    assert f"{span.get_span_context().trace_id:032x}" in carrier["traceparent"]


def test_the_public_names_are_these() -> None:
    """__all__ is sorted, complete, and every name in it exists."""
    assert package.__all__ == sorted(package.__all__)
    assert all(hasattr(package, name) for name in package.__all__)
    public = {
        name
        for name, value in vars(package).items()
        if not name.startswith("_") and getattr(value, "__module__", "").startswith(_LOGGER)
    }
    assert public == set(package.__all__) - {"__version__"}
