"""Durations and counts of operations: whole data points, of bounded cardinality."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import ConnectionClosedError, NoRespondersError
from opentelemetry import metrics
from opentelemetry.instrumentation.utils import suppress_instrumentation

from conftest import Connect, Inbox, Instrumentation, settle
from opentelemetry_instrumentation_nats_payload import NATSInstrumentor, process_span
from points import BUCKETS, Attributes, Exported, Meter, point

_OPERATION = "messaging.client.operation.duration"
_PROCESS = "messaging.process.duration"
_SENT = "messaging.client.sent.messages"
_CONSUMED = "messaging.client.consumed.messages"
# From OpenTelemetry 1.30 on; before, a View of the application's sets them.
_TAKES_BOUNDARIES = "explicit_bucket_boundaries_advisory" in (
    inspect.signature(metrics.Meter.create_histogram).parameters
)


@pytest.fixture
def meter(instrumentation: Instrumentation) -> Meter:
    """An instrumentation that is started with a meter provider of its own."""
    meter = Meter()
    instrumentation.start(meter_provider=meter.provider, subject_templates=["orders.*"])
    return meter


def _point(
    nc: Client, operation: str, operation_type: str | None = None, **values: Any
) -> Attributes:
    """The attributes of an operation of this client."""
    address = nc.connected_url
    assert address is not None
    found = {
        "messaging.system": "nats",
        "messaging.operation.name": operation,
        "server.address": address.hostname,
        "server.port": address.port,
    }
    if operation_type:
        found["messaging.operation.type"] = operation_type
    return point(**found) | point(**values)


def _count(attributes: Attributes) -> Attributes:
    """A count has no operation type (messaging-metrics.md)."""
    return frozenset(item for item in attributes if item[0] != "messaging.operation.type")


async def test_a_publish_and_its_delivery(connect: Connect, inbox: Inbox, meter: Meter) -> None:
    """One duration and one count each, with the template where there is one."""
    nc = await connect()
    await nc.subscribe("orders.*", "workers", cb=inbox.callback)
    await settle(nc)
    for number in range(3):
        await nc.publish(f"orders.{number}", b"{}")
        await inbox.data()
    await nc.publish("plain", b"{}")
    await nc.flush()
    template = point(messaging__destination__template="orders.*")
    group = point(messaging__consumer__group__name="workers")
    sent = _point(nc, "publish", "send")
    process = _point(nc, "process", None) | template | group
    assert {k: v for k, v in meter.exported().items() if "nats" not in k} == {
        _OPERATION: Exported("s", "histogram", {sent | template: 3, sent: 1}),
        _SENT: Exported("{message}", "counter", {_count(sent | template): 3, _count(sent): 1}),
        _PROCESS: Exported("s", "histogram", {process: 3}),
        _CONSUMED: Exported("{message}", "counter", {process: 3}),
    }


async def test_the_duration_is_that_of_the_span(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation, meter: Meter
) -> None:
    """To the nanosecond, in seconds; with the boundaries of the conventions."""
    nc = await connect()
    await nc.subscribe("same", cb=inbox.callback)
    await settle(nc)
    await nc.publish("same", b"{}")
    await inbox.data()
    await nc.flush()
    for name, operation in ((_OPERATION, "publish same"), (_PROCESS, "process same")):
        (span,) = (s for s in instrumentation.finished_spans() if s.name == operation)
        (found,) = meter.sums(name)
        assert found.sum == ((span.end_time or 0) - (span.start_time or 0)) / 1e9
        if _TAKES_BOUNDARIES:
            assert tuple(found.explicit_bounds) == BUCKETS


async def test_errors_are_told_apart(connect: Connect, meter: Meter) -> None:
    """A request that failed is sent and timed with its error; a handler's with its own."""
    errors: asyncio.Queue[Exception] = asyncio.Queue()
    nc = await connect(error_cb=errors.put)

    async def callback(message: Msg) -> None:
        raise ValueError

    await nc.subscribe("fails", cb=callback)
    await settle(nc)
    await nc.publish("fails", b"{}")
    await errors.get()
    with pytest.raises(NoRespondersError):
        await nc.request("nobody", b"{}")
    failed = point(error__type="nats.errors.NoRespondersError")
    sent, request = _point(nc, "publish", "send"), _point(nc, "request", "send") | failed
    assert meter.points(_OPERATION) == {sent: 1, request: 1}
    assert meter.points(_SENT) == {_count(sent): 1, _count(request): 1}
    process = _point(nc, "process", None) | point(messaging__destination__name="fails")
    assert meter.points(_PROCESS) == {process | point(error__type="ValueError"): 1}
    assert meter.points(_CONSUMED) == {process: 1}


async def test_messages_that_are_asked_for(connect: Connect, meter: Meter) -> None:
    """Receive and fetch: one duration an operation, one count a message; idle polls have none."""
    nc = await connect()
    js = nc.jetstream()
    await js.add_stream(name="METERED", subjects=["metered.>"])
    subscription = await nc.subscribe("metered.>")
    pull = await js.pull_subscribe("metered.>", durable="d")
    await settle(nc)
    for number in range(4):
        await js.publish(f"metered.{number}", b"{}")
    await subscription.next_msg()
    async for _ in subscription.messages:
        break
    messages = [*await pull.fetch(1), *await pull.fetch(3)]
    with pytest.raises(asyncio.TimeoutError):
        await pull.fetch(1, timeout=0.05)
    with process_span(messages[0]):
        pass
    template = point(messaging__destination__template="metered.>")
    receive = _point(nc, "receive", "receive") | template
    fetch = _point(nc, "fetch", "receive") | template
    publish = _point(nc, "publish", "send")
    assert meter.points(_OPERATION) == {receive: 2, fetch: 2, publish: 4}
    assert meter.points(_CONSUMED) == {_count(receive): 2, _count(fetch): 4}
    assert meter.points(_PROCESS) == {_point(nc, "process", None) | template: 1}
    assert meter.points("messaging.nats.delivery.duration") == {fetch: 4}


async def test_acknowledgements_are_timed_where_they_have_spans(
    connect: Connect, instrumentation: Instrumentation
) -> None:
    """settle_spans also switches their durations on."""
    meter = Meter()
    instrumentation.start(meter_provider=meter.provider, settle_spans=True)
    nc = await connect()
    js = nc.jetstream()
    await js.add_stream(name="METERED-ACK", subjects=["metered-ack"])
    pull = await js.pull_subscribe("metered-ack", durable="d")
    await js.publish("metered-ack", b"{}")
    (message,) = await pull.fetch(1)
    await message.ack()
    name = point(messaging__destination__name="metered-ack")
    assert meter.points(_OPERATION)[_point(nc, "ack", "settle") | name] == 1


async def test_cardinality_is_bounded(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation, meter: Meter
) -> None:
    """1000 inboxes, acknowledgements and subjects under a wildcard: a handful of series, names."""
    nc = await connect()
    js = nc.jetstream()
    await js.add_stream(name="MANY", subjects=["many.>"])

    async def service(message: Msg) -> None:
        await nc.publish(message.reply, b"[1]")

    await nc.subscribe("many.service", cb=service)
    await js.subscribe("many.item.*", cb=inbox.callback)
    await settle(nc)
    for number in range(1000):
        await nc.publish("many.service", b"{}", reply=nc.new_inbox())
        await nc.publish(f"orders.{number}", b"{}")
        await nc.publish(f"many.item.{number}", b"{}")
        await inbox.messages.get()
    await nc.flush()
    assert {len(metric.points) < 10 for metric in meter.exported().values()} == {True}
    names = {name for name in instrumentation.names() if not name.startswith("publish many.item")}
    assert names == {
        "publish many.service",
        "process many.service",
        "publish orders.*",
        "process many.item.*",
        "respond",
    }


async def test_without_a_tracer_there_are_metrics_all_the_same(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation
) -> None:
    """Spans and metrics do not need each other."""
    from opentelemetry.trace import NoOpTracerProvider

    meter = Meter()
    instrumentation.start(tracer_provider=NoOpTracerProvider(), meter_provider=meter.provider)
    nc = await connect()
    await nc.subscribe("untraced", cb=inbox.callback)
    await settle(nc)
    await nc.publish("untraced", b'{"a":1}')
    assert await inbox.data() == b'{"a":1}'
    await nc.flush()
    assert sum(meter.points(_SENT).values()) == sum(meter.points(_PROCESS).values()) == 1


@pytest.mark.parametrize("how", ["setting", "provider", "excluded", "suppressed"])
async def test_nothing_is_measured(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation, how: str
) -> None:
    """Switched off, without an SDK, excluded, or suppressed."""
    meter = Meter()
    options: dict[str, Any] = {"meter_provider": meter.provider}
    if how == "setting":
        options["metrics"] = False
    elif how == "provider":
        options["meter_provider"] = metrics.NoOpMeterProvider()
    elif how == "excluded":
        options["excluded_subjects"] = ["quiet"]
    instrumentation.start(**options)
    nc = await connect()
    await nc.subscribe("quiet", cb=inbox.callback)
    await settle(nc)
    if how == "suppressed":
        with suppress_instrumentation():
            await nc.publish("quiet", b"{}")
    else:
        await nc.publish("quiet", b"{}")
    await inbox.data()
    await nc.flush()
    assert meter.points(_SENT) == meter.points(_OPERATION) == {}
    assert sum(meter.points(_PROCESS).values()) == (1 if how == "suppressed" else 0)


async def test_counts_go_on_after_the_instrumentation_was_taken_off(
    connect: Connect, instrumentation: Instrumentation, caplog: pytest.LogCaptureFixture
) -> None:
    """With the same provider; and the SDK has nothing to complain of."""
    meter = Meter()
    nc = await connect()
    for _ in range(3):
        instrumentation.start(meter_provider=meter.provider)
        await nc.publish("again", b"{}")
        NATSInstrumentor().uninstrument()
        await nc.publish("again", b"{}")
    assert list(meter.points(_SENT).values()) == [3]
    assert caplog.text == ""


async def test_a_failure_without_a_span_is_measured(connect: Connect, meter: Meter) -> None:
    """A fetch on a closed connection."""
    nc = await connect()
    js = nc.jetstream()
    await js.add_stream(name="UNSPANNED", subjects=["unspanned"])
    pull = await js.pull_subscribe("unspanned", durable="d")
    fetch = _point(nc, "fetch", "receive", messaging__destination__name="unspanned")
    await nc.close()
    with pytest.raises(ConnectionClosedError):
        await pull.fetch(1)
    error = point(error__type="nats.errors.ConnectionClosedError")
    assert meter.points(_OPERATION) == {fetch | error: 1}
