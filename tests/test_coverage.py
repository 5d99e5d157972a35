"""The proof of coverage: of every message, what became of its context, and where it was found."""

from __future__ import annotations

from typing import Any

import pytest
from nats.aio.msg import Msg
from nats.errors import ConnectionClosedError
from opentelemetry import trace
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.propagators.textmap import TextMapPropagator

from conftest import CARRIERS, Connect, Inbox, Instrumentation, StartServer, settle
from points import Meter, point
from spans import field, traceparent

_SENT = "messaging.nats.propagation.sent"
_RECEIVED = "messaging.nats.propagation.received"


def _by(meter: Meter, metric: str, attribute: str) -> dict[str, int | float]:
    """The points of ``metric`` by ``attribute``; replies also have the pattern of inboxes."""
    found: dict[str, int | float] = {}
    for key, value in meter.points(metric).items():
        values = dict(key)
        found[values.pop(attribute)] = value
        assert values in ({}, {"messaging.destination.template": "_INBOX.>"})
    return found


def _outcomes(meter: Meter) -> dict[str, int | float]:
    """The messages that went out, by what became of their context."""
    return _by(meter, _SENT, "messaging.nats.propagation.outcome")


def _sources(meter: Meter) -> dict[str, int | float]:
    """The messages that came in, by where their context was."""
    return _by(meter, _RECEIVED, "messaging.nats.propagation.source")


@pytest.mark.parametrize("carrier", CARRIERS)
async def test_every_message_that_goes_out_is_counted_once(
    connect: Connect, instrumentation: Instrumentation, carrier: str
) -> None:
    """By what became of its context, or by why it has none."""
    meter = Meter()
    excluded = ["excluded"]
    instrumentation.start(
        meter_provider=meter.provider, carrier=carrier, excluded_subjects=excluded
    )
    nc = await connect()
    await nc.publish("a", b'{"a":1}')
    await nc.publish("a", b'{"a":1' + field(1, 1) + b"}")
    with instrumentation.tracer.start_as_current_span("work"):
        await nc.publish("a", b'{"a":1' + field(77, 88) + b"}")
    await nc.publish("a", b"[1]")
    await nc.publish("a", b'{"_otel_trace_headers":7}')
    await nc.publish("excluded", b"{}")
    await nc.publish("$SYS.mine", b"{}")
    await nc.publish(nc.new_inbox(), b"{}")
    with suppress_instrumentation():
        await nc.publish("a", b"{}")
    in_headers = carrier in ("headers", "both")
    expected = {"injected": 1, "replaced": 1, "kept": 1, "excluded": 1, "internal": 1}
    expected |= {"reply": 1, "suppressed": 1, "not_a_json_object": 1, "field_in_use": 1}
    if carrier == "auto":
        expected |= {"headers": 2}
    if in_headers:
        expected |= {"headers": 2}
    if carrier == "headers":
        expected |= {"headers": 3}
        del expected["injected"]
    if carrier != "payload":
        del expected["not_a_json_object"], expected["field_in_use"]
    assert _outcomes(meter) == expected


async def test_what_is_too_large(
    connect: Connect, start_server: StartServer, instrumentation: Instrumentation
) -> None:
    """A message at max_payload goes out without its context, and is counted as that."""
    meter = Meter()
    instrumentation.start(meter_provider=meter.provider)
    nc = await connect(start_server("max_payload: 1024"))
    await nc.publish("large", b'{"a":"%b"}' % (b"x" * 1000))
    assert _outcomes(meter) == {"too_large": 1}


async def test_where_there_is_no_context(
    connect: Connect, instrumentation: Instrumentation
) -> None:
    """Without a tracer there is nothing to inject."""
    meter = Meter()
    provider = trace.NoOpTracerProvider()
    instrumentation.start(meter_provider=meter.provider, tracer_provider=provider)
    nc = await connect()
    await nc.publish("nothing", b"{}")
    assert _outcomes(meter) == {"no_context": 1}


class _Broken(TextMapPropagator):
    """Raises at everything."""

    def extract(self, *_: Any, **__: Any) -> Any:
        raise ValueError

    inject = extract

    @property
    def fields(self) -> set[str]:
        raise ValueError


async def test_an_error_of_ours_is_counted(
    connect: Connect, instrumentation: Instrumentation
) -> None:
    """A propagator that raises."""
    meter = Meter()
    instrumentation.start(meter_provider=meter.provider, propagator=_Broken())
    nc = await connect()
    await nc.publish("broken", b"{}")
    assert _outcomes(meter) == {"error": 1}


async def test_a_message_that_was_refused_for_its_context_is_too_large(
    connect: Connect, instrumentation: Instrumentation
) -> None:
    """It went out as it was in the end; one that could not be published went out not at all."""
    meter = Meter()
    instrumentation.start(meter_provider=meter.provider)
    nc = await connect()
    js = nc.jetstream()
    await js.add_stream(name="COVERED", subjects=["covered"], max_msg_size=100)
    internal = _outcomes(meter)["internal"]
    await js.publish("covered", b'{"a":"%b"}' % (b"x" * 60))
    assert _outcomes(meter) == {"internal": internal, "too_large": 1}
    await nc.close()
    with pytest.raises(ConnectionClosedError):
        await nc.publish("closed", b"{}")
    assert _outcomes(meter) == {"internal": internal, "too_large": 1}


async def test_every_message_that_comes_in_is_counted_once(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation
) -> None:
    """By where its context was, or whether there was none, or none that could be read."""
    meter = Meter()
    instrumentation.start(meter_provider=meter.provider)
    sender, nc = await connect(), await connect()
    await nc.subscribe("in", cb=inbox.callback)
    subscription = await nc.subscribe("asked")
    await settle(nc)
    alias = b'{"_otel_trace_context":{"traceparent":"%b"}}' % traceparent(1, 2).encode()
    with suppress_instrumentation():
        for payload in (b'{"a":1' + field(1, 2) + b"}", alias, b"{}", b"[1]"):
            await sender.publish("in", payload)
        await sender.publish("in", b"", headers={"traceparent": traceparent(1, 2)})
        await sender.publish("in", b'{"_otel_trace_headers":{"traceparent":"no"}}')
        await sender.publish("asked", b'{"a":1' + field(1, 2) + b"}")
    for _ in range(6):
        await inbox.data()
    await subscription.next_msg()
    found = {"payload": 2, "alias": 1, "headers": 1, "none": 2, "invalid": 1}
    assert _sources(meter) == found


async def test_by_template_alone(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation
) -> None:
    """Never by the subject: a pattern of the settings, or of the subscription."""
    meter = Meter()
    instrumentation.start(meter_provider=meter.provider, subject_templates=["orders.*"])
    nc = await connect()
    await nc.subscribe("trades.*", cb=inbox.callback)
    await settle(nc)
    for subject in ("orders.1", "orders.2", "trades.1", "trades.2"):
        await nc.publish(subject, b"{}")
    await inbox.data()
    await inbox.data()
    outcome = point(messaging__nats__propagation__outcome="injected")
    source = point(messaging__nats__propagation__source="payload")
    template = "messaging__destination__template"
    assert meter.points(_SENT) == {outcome | point(**{template: "orders.*"}): 2, outcome: 2}
    assert meter.points(_RECEIVED) == {source | point(**{template: "trades.*"}): 2}


async def test_all_of_it_is_a_query(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation
) -> None:
    """The share of messages with a context is a quotient of these counts: here it is all."""
    meter = Meter()
    instrumentation.start(meter_provider=meter.provider, carrier="auto")
    nc = await connect()

    async def callback(message: Msg) -> None:
        await nc.publish("share.out", message.data)
        await inbox.callback(message)

    await nc.subscribe("share.in", cb=callback)
    await settle(nc)
    for payload in (b"{}", b"[1]", b"\xff", b""):
        await nc.publish("share.in", payload)
        await inbox.data()
    sent = _outcomes(meter)
    carried = sum(sent.get(name, 0) for name in ("injected", "replaced", "kept", "headers"))
    assert carried == sum(sent.values()) == 8
    assert _sources(meter) == {"payload": 1, "headers": 3}


async def test_a_context_that_is_replaced_in_headers_is_one(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation
) -> None:
    """Forwarded headers with the context of before: as long, and not the same."""
    meter = Meter()
    instrumentation.start(meter_provider=meter.provider, carrier="headers")
    nc = await connect()

    async def forward(message: Msg) -> None:
        await nc.publish("forward.out", message.data, headers=message.headers)

    await nc.subscribe("forward.in", cb=forward)
    await nc.subscribe("forward.out", cb=inbox.callback)
    await settle(nc)
    await nc.publish("forward.in", b"[1]")
    await inbox.data()
    await nc.flush()
    assert _outcomes(meter) == {"headers": 2}
