"""JetStream in a domain, and over an account import: the messages are traced all the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from nats.js.api import ConsumerConfig

from accounts import ACCOUNTS
from conftest import BOTH_SERVERS, CARRIERS, Connect, Inbox, Instrumentation, StartServer, settle

pytestmark = BOTH_SERVERS


def _delivery(span: Any) -> dict[str, Any]:
    prefix = "messaging.nats."
    found = {k: v.value for k, v in span.attributes.items() if k.startswith(prefix)}
    found.pop("messaging.nats.ack.duration", None)
    return found


@pytest.mark.parametrize("carrier", CARRIERS)
async def test_a_domain(
    connect: Connect,
    start_server: StartServer,
    instrumentation: Instrumentation,
    inbox: Inbox,
    tmp_path: Path,
    carrier: str,
) -> None:
    """Its API is $JS.<domain>.API; publish, push and pull are traced, and nothing else."""
    store = tmp_path / "domain"
    nc = await connect(start_server(f'jetstream {{ domain: hub, store_dir: "{store}" }}'))
    instrumentation.start(carrier=carrier)
    js = nc.jetstream(domain="hub")
    await js.add_stream(name="HUB", subjects=["hub.>"])
    await js.publish("hub.1", b'{"a":1}')
    await js.subscribe("hub.1", cb=inbox.callback, durable="push", manual_ack=True)
    await inbox.data()
    await settle(nc)
    pull = await js.pull_subscribe("hub.1", durable="pull")
    (message,) = await pull.fetch(1)
    await message.ack_sync()
    _, process, fetch = instrumentation.spans()
    assert instrumentation.names() == ["publish hub.1", "process hub.1", "fetch hub.1"]
    assert [process.parent, fetch.parent] == [1, 1]
    values = {
        "messaging.nats.stream.name": "HUB",
        "messaging.nats.message.stream_sequence": 1,
        "messaging.nats.message.consumer_sequence": 1,
        "messaging.nats.message.delivery_count": 1,
        "messaging.nats.message.delivery_latency": 1.0,
    }
    push = {"messaging.nats.consumer.name": "push", "messaging.nats.ack.outcome": "none"}
    assert _delivery(process) == {**values, **push}
    assert _delivery(fetch) == {**values, "messaging.nats.consumer.name": "pull"}


@pytest.mark.parametrize("carrier", CARRIERS)
async def test_an_account_import(
    connect: Connect,
    start_server: StartServer,
    instrumentation: Instrumentation,
    inbox: Inbox,
    carrier: str,
) -> None:
    """The API is under a prefix without a $; the messages are traced, and nothing else."""
    url = start_server(ACCOUNTS)
    service = await connect(url, user="service", password="x")
    await service.jetstream().add_stream(name="ORDERS", subjects=["orders.>"])
    nc = await connect(url, user="app", password="x")
    instrumentation.start(carrier=carrier)
    js = nc.jetstream(prefix="acme.js")
    await js.publish("orders.1", b'{"a":1}')
    config = ConsumerConfig(
        durable_name="push", deliver_subject="deliver.app", filter_subject="orders.1"
    )
    info = await js.add_consumer("ORDERS", config)
    await js.subscribe_bind("ORDERS", info.config, "push", cb=inbox.callback)
    await inbox.data()
    await settle(nc)
    pull = await js.pull_subscribe("orders.1", durable="pull", stream="ORDERS")
    (message,) = await pull.fetch(1)
    await message.ack_sync()
    assert instrumentation.names() == ["publish orders.1", "process orders.1", "fetch orders.1"]
    assert [s.parent for s in instrumentation.spans()] == [None, 1, 1]


@pytest.mark.parametrize("carrier", CARRIERS)
async def test_a_subject_that_turns_out_to_be_an_api_s(
    connect: Connect, start_server: StartServer, instrumentation: Instrumentation, carrier: str
) -> None:
    """Published to before jetstream(prefix=...) was called, it is the API's from then on."""
    nc = await connect(start_server(ACCOUNTS), user="app", password="x")
    instrumentation.start(carrier=carrier)
    subject = "acme.js.STREAM.CREATE.LATE"
    await nc.publish(subject, b'{"a":1}')
    js = nc.jetstream(prefix="acme.js")
    with instrumentation.tracer.start_as_current_span("work"):
        info = await js.add_stream(name="LATE", subjects=["orders.late"])
        await nc.publish(subject, b'{"a":1}')
    assert info.config.name == "LATE"
    assert instrumentation.names() == [f"publish {subject}", "work"]
