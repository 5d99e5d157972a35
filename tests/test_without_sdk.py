"""Without an SDK there are no spans, and the trace between the neighbours is not cut."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from nats.aio.msg import Msg
from opentelemetry import context, trace
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import (
    NonRecordingSpan,
    NoOpTracerProvider,
    ProxyTracerProvider,
    SpanContext,
    TraceFlags,
)

from conftest import Connect, Inbox, Instrumentation
from spans import field, traceparent

_TRACEPARENT = traceparent(77, 99).encode()


@pytest.fixture(params=["none", "no-op", "disabled"])
def no_sdk(
    request: pytest.FixtureRequest,
    instrumentation: Instrumentation,
    monkeypatch: pytest.MonkeyPatch,
) -> Instrumentation:
    """Never set up, set up as a no-op, or switched off by OTEL_SDK_DISABLED."""
    if request.param == "disabled":
        monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    providers = {
        "none": ProxyTracerProvider,
        "no-op": NoOpTracerProvider,
        "disabled": lambda: TracerProvider(shutdown_on_exit=False),
    }
    instrumentation.start(tracer_provider=providers[request.param]())
    return instrumentation


@pytest.mark.usefixtures("no_sdk")
async def test_nothing_to_pass_on_is_nothing_done(connect: Connect, inbox: Inbox) -> None:
    """Messages go out and come in as without us."""
    nc = await connect()
    await nc.subscribe("sdk.nothing", cb=inbox.callback)
    await nc.publish("sdk.nothing", b'{"a":1}')
    message = await inbox.messages.get()
    assert (message.data, message.headers) == (b'{"a":1}', None)
    assert not any(name.startswith("_otel") for name in message.__dict__)


@pytest.mark.usefixtures("no_sdk")
async def test_what_a_message_carried_goes_out_with_what_the_callback_publishes(
    connect: Connect, inbox: Inbox
) -> None:
    """A service without an SDK does not cut the trace between its neighbours."""
    nc = await connect()
    await nc.subscribe("sdk.out", cb=inbox.callback)

    async def callback(message: Msg) -> None:
        await nc.publish("sdk.out", message.data)
        await nc.publish("sdk.out", b'{"b":2}')

    await nc.subscribe("sdk.in", cb=callback)
    carrier = {"traceparent": _TRACEPARENT.decode(), "baggage": "user=7"}
    payload = json.dumps({"_otel_trace_headers": carrier, "a": 1}).encode()
    with suppress_instrumentation():
        await nc.publish("sdk.in", payload)
    forwarded, made = json.loads(await inbox.data()), json.loads(await inbox.data())
    assert forwarded == {"_otel_trace_headers": carrier, "a": 1}
    assert made == {"b": 2, "_otel_trace_headers": carrier}


@pytest.mark.usefixtures("no_sdk")
async def test_the_field_stays_as_it_came(connect: Connect, inbox: Inbox) -> None:
    """There is no process span to refresh it with; not one byte is rewritten."""
    payload = b'{ "_otel_trace_headers" : { "traceparent" : "%b" } , "a" : 1 }' % _TRACEPARENT
    nc = await connect()
    await nc.subscribe("sdk.field", cb=inbox.callback)
    await nc.publish("sdk.field", payload)
    assert await inbox.data() == payload


@pytest.mark.usefixtures("no_sdk")
async def test_jetstream_publishes_the_bytes_of_the_application(connect: Connect) -> None:
    """There is nothing to pass on, so that a field written by hand keeps its spelling."""
    payload = b'{"a":1, "_otel_trace_headers": {"traceparent": "%b"}}' % _TRACEPARENT
    js = (await connect()).jetstream()
    await js.add_stream(name="NOSDK", subjects=["nosdk"])
    ack = await js.publish("nosdk", payload)
    assert (await js.get_msg("NOSDK", ack.seq)).data == payload


async def test_strip_strips_without_an_sdk(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation
) -> None:
    """A strict schema does not fail where the SDK is off."""
    instrumentation.start(tracer_provider=NoOpTracerProvider(), consumed_field="strip")
    nc = await connect()
    await nc.subscribe("sdk.strip", cb=inbox.callback)
    await nc.publish("sdk.strip", b'{"a":1' + field(77, 99) + b"}")
    assert await inbox.data() == b'{"a":1}'


@pytest.mark.usefixtures("no_sdk")
async def test_a_context_of_the_application_is_passed_on(connect: Connect, inbox: Inbox) -> None:
    """The current context travels, whoever made it."""
    nc = await connect()
    await nc.subscribe("sdk.own", cb=inbox.callback)
    remote = SpanContext(77, 99, is_remote=True, trace_flags=TraceFlags(1))
    token = context.attach(trace.set_span_in_context(NonRecordingSpan(remote)))
    await nc.publish("sdk.own", b'{"a":1}')
    context.detach(token)
    assert await inbox.data() == b'{"a":1' + field(77, 99) + b"}"


_SERVICE = """
import asyncio, nats, sys
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry_instrumentation_nats_payload import NATSInstrumentor

_, server, when = sys.argv
exporter = InMemorySpanExporter()

def set_up():
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)

async def main():
    nc = await nats.connect(server)
    got = asyncio.Queue()
    await nc.subscribe("sdk.late", cb=got.put)
    if when == "after":
        await nc.publish("sdk.late", b"{}")
        assert (await got.get()).data == b"{}"
        set_up()
    await nc.publish("sdk.late", b"{}")
    assert b"_otel_trace_headers" in (await got.get()).data
    await nc.close()

if when == "before":
    set_up()
NATSInstrumentor().instrument()
asyncio.run(main())
print([span.name for span in exporter.get_finished_spans()])
"""


@pytest.mark.parametrize("when", ["before", "after"])
def test_the_sdk_may_be_set_up_before_and_after(server: str, when: str, tmp_path: Path) -> None:
    """The global provider counts from the moment it is set, in a process of its own."""
    script = tmp_path / "service.py"
    script.write_text(_SERVICE)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("OTEL_")}
    done = subprocess.run(
        [sys.executable, script, server, when],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        timeout=50,
    )
    assert done.stderr == ""
    assert done.stdout == "['publish sdk.late', 'process sdk.late']\n"
