"""Messages through JetStream: one trace, names by the filter subject, and streams with a limit."""

from __future__ import annotations

import pytest
from nats.aio.msg import Msg
from nats.js.errors import APIError

from conftest import BOTH_SERVERS, CARRIERS, Connect, Inbox, Instrumentation

pytestmark = BOTH_SERVERS


@pytest.mark.parametrize("carrier", CARRIERS)
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


@pytest.mark.parametrize("carrier", CARRIERS)
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
    found = [(s.name, s.status) for s in instrumentation.spans()]
    assert found == [(f"publish {subject}", "UNSET")] * 2
    with pytest.raises(APIError) as error:
        await js.publish(subject, b"x" * 101)
    assert error.value.err_code == 10054


async def test_small_messages_of_such_a_subject_keep_their_context(
    connect: Connect, instrumentation: Instrumentation
) -> None:
    """They grow to less than what was refused; one refused for itself teaches nothing."""
    instrumentation.start(payload_field="f")
    js = (await connect()).jetstream()
    await js.add_stream(name="MIXED", subjects=["mixed"], max_msg_size=150)
    with pytest.raises(APIError):
        await js.publish("mixed", b'{"a":"%b"}' % (b"x" * 200))
    for size, has_context in ((10, True), (120, False), (10, True), (30, True), (60, True)):
        ack = await js.publish("mixed", b'{"a":"%b"}' % (b"x" * size))
        stored = await js.get_msg("MIXED", ack.seq)
        assert stored.data is not None
        assert (b'"f"' in stored.data) is has_context, size
    assert len(instrumentation.spans()) == 6


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
