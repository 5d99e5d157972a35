"""What is nats-py's own is never touched: JetStream, KV, object store, micro, replies, acks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import ConsumerConfig
from nats.js.client import JetStreamContext
from nats.js.errors import APIError

from conftest import Connect, Expected, Inbox, Instrumentation, StartServer
from opentelemetry_instrumentation_nats_payload import _client
from spans import field, traceparent

Expect = Callable[[Any], Expected]
_CARRIERS = ["payload", "headers", "both", "auto"]

_ACCOUNTS = """
accounts {
  SERVICE {
    jetstream: enabled
    users: [{ user: service, password: x }]
    exports: [
      { service: "$JS.API.>", response_type: stream }
      { stream: "deliver.>" }
      { service: "orders.>" }
    ]
  }
  APP {
    users: [{ user: app, password: x }]
    imports: [
      { service: { account: SERVICE, subject: "$JS.API.>" }, to: "acme.js.>" }
      { stream: { account: SERVICE, subject: "deliver.>" } }
      { service: { account: SERVICE, subject: "orders.>" } }
    ]
  }
}
"""


def _names(instrumentation: Instrumentation) -> list[str]:
    return [span.name for span in instrumentation.spans()]


@pytest.mark.parametrize("carrier", _CARRIERS)
async def test_jetstream_works_and_only_the_messages_are_traced(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation, carrier: str
) -> None:
    """Streams, consumers, publishes, acks and fetches work; only messages have spans."""
    instrumentation.start(carrier=carrier)
    nc = await connect()
    js = nc.jetstream()
    stream = f"JS-{carrier}"
    await js.add_stream(name=stream, subjects=[f"js.{carrier}.>"])
    subject = f"js.{carrier}.new"
    ack = await js.publish(subject, b'{"a":1}')
    assert (ack.stream, ack.seq) == (stream, 1)
    push = await js.subscribe(subject, cb=inbox.callback)
    await inbox.data()
    pull = await js.pull_subscribe(subject, durable="d")
    (message,) = await pull.fetch(1)
    assert json.loads(message.data)["a"] == 1
    await message.ack_sync()
    stored = await js.get_msg(stream, 1)
    assert stored.data is not None
    assert json.loads(stored.data)["a"] == 1
    await push.unsubscribe()
    await js.delete_stream(stream)
    assert _names(instrumentation) == [f"publish {subject}", f"process {subject}"]


@pytest.mark.parametrize("carrier", _CARRIERS)
async def test_a_publish_and_its_push_delivery_are_one_trace(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation, carrier: str
) -> None:
    """Push deliveries come in on an inbox, and are known by the subject of the message."""
    instrumentation.start(carrier=carrier)
    nc = await connect()
    js = nc.jetstream()
    await js.add_stream(name=f"PUSH-{carrier}", subjects=[f"push.{carrier}"])
    await js.publish(f"push.{carrier}", b"{}")
    await js.subscribe(f"push.{carrier}", cb=inbox.callback)
    await inbox.data()
    publish, process = instrumentation.spans()
    assert (process.trace, process.parent) == (publish.trace, publish.span)


@pytest.mark.parametrize("carrier", _CARRIERS)
async def test_key_value_stores_exactly_what_is_put(
    connect: Connect, instrumentation: Instrumentation, carrier: str
) -> None:
    """A KV value is the application's bytes, for whoever reads it; there are no spans."""
    instrumentation.start(carrier=carrier)
    kv = await (await connect()).jetstream().create_key_value(bucket=f"kv-{carrier}")
    with instrumentation.tracer.start_as_current_span("work"):
        revision = await kv.put("key", b'{"v":1}')
        await kv.update("key", b'{"v":2}', last=revision)
        watcher = await kv.watchall()
        entry: Any = await watcher.updates()
        assert entry.value == (await kv.get("key")).value == b'{"v":2}'
        await kv.delete("key")
        await watcher.stop()
    assert _names(instrumentation) == ["work"]


@pytest.mark.parametrize("carrier", _CARRIERS)
async def test_the_object_store_gives_back_what_was_put(
    connect: Connect, instrumentation: Instrumentation, carrier: str
) -> None:
    """A chunk that is a JSON object itself keeps its digest."""
    if not hasattr(JetStreamContext, "create_object_store"):
        pytest.skip("this nats-py has no object store")
    instrumentation.start(carrier=carrier)
    nc = await connect()
    store = await nc.jetstream().create_object_store(f"os-{carrier}")
    with instrumentation.tracer.start_as_current_span("work"):
        await store.put("name", b'{"v":1}')
        assert (await store.get("name")).data == b'{"v":1}'
    assert _names(instrumentation) == ["work"]


@pytest.mark.parametrize("carrier", _CARRIERS)
async def test_an_api_under_a_prefix_of_its_own_is_known(
    connect: Connect, start_server: StartServer, instrumentation: Instrumentation, carrier: str
) -> None:
    """jetstream(prefix=...) over an account import: no $ in the subject, and still no field."""
    url = start_server(_ACCOUNTS)
    service = await connect(url, user="service", password="x")
    await service.jetstream().add_stream(name="ORDERS", subjects=["orders.>"])
    nc = await connect(url, user="app", password="x")
    instrumentation.start(carrier=carrier)
    js = nc.jetstream(prefix="acme.js")
    with instrumentation.tracer.start_as_current_span("work"):
        info = await js.add_consumer("ORDERS", ConsumerConfig(durable_name="late"))
        assert info.name == "late"
        assert (await js.stream_info("ORDERS")).config.name == "ORDERS"
    assert _names(instrumentation) == ["work"]


@pytest.mark.parametrize("call", ["pull", "manage", "get"])
async def test_an_api_prefix_older_than_the_instrumentation_is_known(
    connect: Connect, start_server: StartServer, instrumentation: Instrumentation, call: str
) -> None:
    """Contexts and pull subscriptions made before instrument() ask under a prefix not seen yet."""
    url = start_server(_ACCOUNTS)
    service = await connect(url, user="service", password="x")
    await service.jetstream().add_stream(name="ORDERS", subjects=["orders.>"])
    await service.jetstream().publish("orders.new", b'{"a":1}')
    nc = await connect(url, user="app", password="x")
    js = nc.jetstream(prefix="acme.js")
    pull = await js.pull_subscribe("orders.new", durable="early", stream="ORDERS")
    instrumentation.start()
    with instrumentation.tracer.start_as_current_span("work"):
        if call == "pull":
            assert [m.data for m in await pull.fetch(1)] == [b'{"a":1}']
        elif call == "manage":
            info = await js.add_consumer("ORDERS", ConsumerConfig(durable_name="late"))
            assert info.name == "late"
        else:
            assert (await js.get_msg("ORDERS", 1)).data == b'{"a":1}'
    assert _names(instrumentation) == ["work"]


async def test_a_domain_is_known(
    connect: Connect, start_server: StartServer, instrumentation: Instrumentation
) -> None:
    """$JS.<domain>.API is internal as $JS.API is."""
    instrumentation.start()
    nc = await connect(start_server())
    context = nc.jetstream(domain="hub")
    with pytest.raises(Exception, match=r"(?i)no ?responders|unavailable|503"):
        await context.account_info()
    assert _names(instrumentation) == []


async def test_a_request_and_its_reply(
    connect: Connect, spans: Instrumentation, expected: Expect
) -> None:
    """The request carries the context; the reply has a span, and comes back as it was sent."""
    nc = await connect()

    async def service(message: Msg) -> None:
        await message.respond(message.data)

    await nc.subscribe("svc.echo", cb=service)
    reply = await nc.request("svc.echo", b'{"q":1}')
    assert reply.data == b'{"q":1' + field(1, 2) + b"}"
    await nc.flush()
    assert spans.spans() == [
        expected(nc).publish("svc.echo", 1, 1),
        expected(nc).process("svc.echo", 1, 2, parent=1),
        expected(nc).respond(reply.subject, 1, 3, parent=2),
    ]


async def test_a_callback_on_an_inbox_has_no_span(
    connect: Connect, inbox: Inbox, spans: Instrumentation
) -> None:
    """Scatter and gather: replies that come to an inbox of the application's are not processed."""
    nc = await connect()

    async def service(message: Msg) -> None:
        await nc.publish(message.reply, b'{"r":1}')

    own = nc.new_inbox()
    await nc.subscribe(own, cb=inbox.callback)
    await nc.subscribe("svc.many", cb=service)
    await nc.publish("svc.many", b"{}", reply=own)
    assert await inbox.data() == b'{"r":1}'
    assert _names(spans) == ["publish svc.many", "process svc.many", "respond"]


async def test_old_style_requests_work(connect: Connect, spans: Instrumentation) -> None:
    """A request with an inbox of its own gets its reply as it was sent."""
    nc = await connect()

    async def service(message: Msg) -> None:
        await nc.publish(message.reply, b'{"r":1}')

    await nc.subscribe("svc.old", cb=service)
    reply = await nc.request("svc.old", b"{}", old_style=True)
    assert reply.data == b'{"r":1}'
    assert _names(spans) == ["publish svc.old", "process svc.old", "respond"]


@pytest.mark.parametrize("how", ["respond", "publish", "worker"])
async def test_a_reply_to_any_other_subject_is_known_too(
    connect: Connect, inbox: Inbox, spans: Instrumentation, how: str
) -> None:
    """A requester may name any subject for replies; they are not injected either."""
    nc = await connect()
    pending: asyncio.Queue[Msg] = asyncio.Queue()

    async def service(message: Msg) -> None:
        if how == "respond":
            await message.respond(b'{"r":1}')
        elif how == "publish":
            await nc.publish(message.reply, b'{"r":1}')
        else:
            await pending.put(message)

    async def worker() -> None:
        await (await pending.get()).respond(b'{"r":1}')

    task = asyncio.create_task(worker()) if how == "worker" else None
    await nc.subscribe("my.replies", cb=inbox.callback)
    await nc.subscribe("svc.named", cb=service)
    await nc.publish("svc.named", b"{}", reply="my.replies")
    assert await inbox.data() == b'{"r":1}'
    if task:
        await task
    assert "respond" in _names(spans)


@pytest.mark.parametrize("how", ["callback", "worker", "another client"])
async def test_a_custom_inbox_prefix_is_known(
    connect: Connect, inbox: Inbox, spans: Instrumentation, how: str
) -> None:
    """The requester's own inbox prefix, and that of the responder, who only has the message."""
    requester = await connect(inbox_prefix=b"acme.inbox")
    responder = await connect()
    other = await connect() if how == "another client" else responder

    async def respond(message: Msg) -> None:
        await other.publish(message.reply, b'{"r":1}')

    async def work() -> None:
        await respond(await inbox.messages.get())

    worker = asyncio.create_task(work()) if how == "worker" else None
    await responder.subscribe("svc.prefix", cb=inbox.callback if worker else respond)
    await responder.flush()
    reply = await requester.request("svc.prefix", b"{}", timeout=5)
    assert reply.data == b'{"r":1}'
    if worker:
        await worker
    await responder.flush()
    assert "respond" in _names(spans)


async def test_a_push_subscription_names_the_span_by_its_filter_subject(
    connect: Connect, inbox: Inbox, spans: Instrumentation
) -> None:
    """js.subscribe("t.*") is a wildcard subscription, although its messages go to an inbox."""
    nc = await connect()
    js = nc.jetstream()
    await js.add_stream(name="FILTER", subjects=["filter.>"])
    await js.publish("filter.a.1", b"{}")
    await js.subscribe("filter.a.*", cb=inbox.callback)
    await inbox.data()
    process = spans.spans()[-1]
    assert process.name == "process filter.a.*"
    assert process.attributes["messaging.destination.name"].value == "filter.a.1"
    await nc.subscribe("filter.b.1", cb=inbox.callback)
    await nc.publish("filter.b.1", b"[1]")
    await inbox.data()
    assert spans.spans()[-1].name == "process filter.b.1"


async def test_a_filter_subject_names_no_subscription_made_in_its_callback(
    connect: Connect, inbox: Inbox, spans: Instrumentation
) -> None:
    """nats-py's task keeps what was current at js.subscribe(); the name of others is their own."""
    nc = await connect()
    js = nc.jetstream()
    await js.add_stream(name="LAZY", subjects=["lazy.>"])

    async def callback(message: Msg) -> None:
        await nc.subscribe("late.1", cb=inbox.callback)
        await nc.publish("late.1", b"{}")

    await js.subscribe("lazy.*", cb=callback)
    await js.publish("lazy.1", b"{}")
    await inbox.data()
    names = {s.name for s in spans.spans()}
    assert names == {"publish lazy.1", "process lazy.*", "publish late.1", "process late.1"}


@pytest.mark.parametrize("carrier", _CARRIERS)
async def test_a_message_that_grew_too_large_for_its_stream_is_sent_as_it_was(
    connect: Connect, instrumentation: Instrumentation, carrier: str
) -> None:
    """On error 10054 js.publish is done once more; the subject is remembered."""
    instrumentation.start(carrier=carrier)
    js = (await connect()).jetstream()
    stream, subject = f"SMALL-{carrier}", f"small.{carrier}"
    await js.add_stream(name=stream, subjects=[subject], max_msg_size=100)
    payload = b'{"a":"%b"}' % (b"x" * 60)
    for number in (1, 2):
        ack = await js.publish(subject, payload)
        assert ack.seq == number
        assert (await js.get_msg(stream, number)).data == payload
    assert len(instrumentation.spans()) == 3
    with pytest.raises(APIError) as error:
        await js.publish(subject, b"x" * 101)
    assert error.value.err_code == 10054


async def test_a_message_too_large_by_itself_is_refused_once(
    connect: Connect, spans: Instrumentation
) -> None:
    """What we did not make larger is not sent again, and the subject goes on being traced."""
    js = (await connect()).jetstream()
    await js.add_stream(name="LARGE", subjects=["large"], max_msg_size=300)
    with pytest.raises(APIError):
        await js.publish("large", b"x" * 301)
    assert len(spans.spans()) == 1
    await js.publish("large", b"{}")
    stored = (await js.get_msg("LARGE", 1)).data
    assert stored is not None
    assert b"_otel_trace_headers" in stored


async def test_a_reply_survives_an_insight_that_fails(
    connect: Connect, spans: Instrumentation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If nats-py moves what we read of a message, replies still go out."""

    def broken(*_: Any) -> Any:
        raise AttributeError("_msg")

    monkeypatch.setattr(_client, "with_reply", broken)
    nc = await connect()

    async def service(message: Msg) -> None:
        await message.respond(b'{"r":1}')

    await nc.subscribe("svc.broken", cb=service)
    assert (await nc.request("svc.broken", b"{}")).data == b'{"r":1}'


@pytest.mark.parametrize("carrier", _CARRIERS)
async def test_micro_services_work(
    connect: Connect, instrumentation: Instrumentation, carrier: str
) -> None:
    """Endpoints, their replies and the $SRV subjects work; replies are not injected."""
    micro = pytest.importorskip("nats.micro")
    instrumentation.start(carrier=carrier)
    nc = await connect()

    async def handler(request: Any) -> None:
        await request.respond(b'{"r":%d}' % json.loads(request.data)["q"])

    service = await micro.add_service(nc, name="calc", version="1.0.0")
    await service.add_endpoint(name="add", handler=handler, subject=f"calc.{carrier}")
    reply = await nc.request(f"calc.{carrier}", b'{"q":1}')
    assert reply.data == b'{"r":1}'
    ping = json.loads((await nc.request("$SRV.PING.calc", b"")).data)
    assert ping["name"] == "calc"
    assert "_otel_trace_headers" not in ping
    await service.stop()
    spans = [s for s in instrumentation.spans() if f"calc.{carrier}" in s.name]
    assert [s.name for s in spans] == [f"publish calc.{carrier}", f"process calc.{carrier}"]
    assert (spans[1].trace, spans[1].parent) == (spans[0].trace, spans[0].span)


async def test_acknowledgements_are_not_traced(
    connect: Connect, spans: Instrumentation, inbox: Inbox
) -> None:
    """ack, nak with a delay, in_progress and term reach the server as nats-py wrote them."""
    nc = await connect()
    js = nc.jetstream()
    await js.add_stream(name="ACKS", subjects=["acks"])
    for _ in range(3):
        await js.publish("acks", b"{}")
    names = _names(spans)
    pull = await js.pull_subscribe("acks", durable="acks")
    first, second, third = await pull.fetch(3)
    with spans.tracer.start_as_current_span("settle"):
        await first.in_progress()
        await first.ack_sync()
        await second.nak(delay=0.01)
        await third.term()
    (again,) = await pull.fetch(1)
    assert again.metadata.num_delivered == 2
    assert _names(spans) == [*names, "settle"]


async def test_the_wire_is_the_same_for_a_subscriber_of_everything(
    connect: Connect, instrumentation: Instrumentation, start_server: StartServer
) -> None:
    """Bare and instrumented, a run over JetStream, KV and requests sends the same messages."""

    async def run(client: Client) -> None:
        js = client.jetstream()
        await js.add_stream(name="WIRE", subjects=["wire.>"])
        kv = await js.create_key_value(bucket="wire")
        await kv.put("k", b'{"v":1}')
        await js.publish("wire.plain", b"[1]")
        pull = await js.pull_subscribe("wire.>", durable="d")
        (message,) = await pull.fetch(1)
        await message.ack_sync()

    async def recorded(url: str) -> list[tuple[str, bytes]]:
        seen: list[tuple[str, bytes]] = []
        observer = await connect(url)

        async def observe(message: Msg) -> None:
            if message.subject.startswith("$JS.API") or not message.subject.startswith("_INBOX"):
                subject = message.subject.partition("$JS.ACK")[1] or message.subject
                seen.append((subject, message.data))

        await observer.subscribe("$JS.API.>", cb=observe)
        await observer.subscribe("wire.>", cb=observe)
        await observer.subscribe("$KV.>", cb=observe)
        await observer.flush()
        await run(await connect(url))
        await observer.drain()
        return seen

    bare = await recorded(start_server())
    instrumentation.start(excluded_subjects=["nothing"])
    assert await recorded(start_server()) == bare


async def test_headers_of_a_request_are_echoed_without_being_changed(
    connect: Connect, instrumentation: Instrumentation
) -> None:
    """respond() echoes the request's headers, and the reply carries no field."""
    instrumentation.start(carrier="both")
    nc = await connect()

    async def service(message: Msg) -> None:
        await message.respond(b"{}")

    await nc.subscribe("svc.headers", cb=service)
    reply = await nc.request("svc.headers", b"{}", headers={"A": "b"})
    assert reply.data == b"{}"
    assert reply.headers == {"A": "b", "traceparent": traceparent(1, 1)}
