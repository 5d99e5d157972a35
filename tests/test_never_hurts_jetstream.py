"""Errors of ours in requests, receives, fetches and settlements cost the trace, nothing else."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from nats.aio.client import Client

from broken import raise_broken
from conftest import Connect, Instrumentation, settle
from opentelemetry_instrumentation_nats_payload import (
    _connection,
    _consumed,
    _continuation,
    _delivery,
    _fetch,
    _iteration,
    _operation,
    _process,
    _producer,
    _pull,
    _receive,
    _request,
    _sender,
    _settle,
    _telemetry,
)

_PAYLOAD = b'{"a":1}'


async def _use_everything(nc: Client, name: str) -> list[Any]:
    """Whatever an application sees of one message by each way."""
    seen: list[Any] = []

    async def service(message: Any) -> None:
        await message.respond(b"[1]")

    await nc.subscribe(f"{name}.service", cb=service)
    core = await nc.subscribe(f"{name}.core")
    js = nc.jetstream()
    await js.add_stream(name=name, subjects=[f"{name}.stored"])
    pull = await js.pull_subscribe(f"{name}.stored", durable="pull", stream=name)
    push = await js.subscribe(f"{name}.stored", durable="push", stream=name)
    await settle(nc)
    seen.append((await nc.request(f"{name}.service", _PAYLOAD)).data)
    for _ in range(2):
        await nc.publish(f"{name}.core", _PAYLOAD)
    seen.append((await core.next_msg()).data)
    async for message in core.messages:
        seen += [message.data]
        break
    for _ in range(3):
        seen.append((await js.publish(f"{name}.stored", _PAYLOAD)).seq)
    if hasattr(js, "publish_async"):
        future = await js.publish_async(f"{name}.stored", _PAYLOAD)
        seen.append((await future).seq)
    (one,) = await pull.fetch(1)
    await one.ack()
    for message in await pull.fetch(2):
        seen.append(message.data)
        await message.nak()
    message = await push.next_msg()
    await message.ack_sync()
    return [*seen, one.data, message.data, message.metadata.num_delivered]


def _without_field(seen: list[Any]) -> list[Any]:
    """What was seen, whether or not tracing came to taking its field out."""
    documents = [json.loads(s) if isinstance(s, bytes) else s for s in seen]
    for document in documents:
        if isinstance(document, dict):
            document.pop("_otel_trace_headers", None)
    return documents


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (_connection.Connection, "refresh"),
        (_consumed, "parse_ack_subject"),
        (_consumed, "with_reply"),
        (_continuation, "_continued_in"),
        (_delivery.Delivery, "settle"),
        (_fetch, "common"),
        (_fetch, "consume"),
        (_iteration, "give_back"),
        (_iteration, "subscriber_of"),
        (_operation.Operation, "tell_growth"),
        (_operation.Operation, "tell_start"),
        (_process, "perf_counter"),
        (_sender, "role_of"),
        (_producer, "_start"),
        (_pull, "Subscriber"),
        (_receive, "ambient"),
        (_receive, "continue_in"),
        (_receive, "context_of"),
        (_request, "receive"),
        (_settle, "attributes_of"),
        (_telemetry.Telemetry, "tracer"),
    ],
)
async def test_an_inner_function_that_raises_costs_the_trace_and_not_the_message(
    connect: Connect,
    instrumentation: Instrumentation,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    owner: Any,
    name: str,
) -> None:
    """The application sees the same, and a kind of error is warned of once."""
    nc = await connect()
    stream = f"HURT-{getattr(owner, '__name__', '').rpartition('.')[2]}-{name}"
    bare = await _use_everything(nc, stream + "-bare")
    instrumentation.start(consumed_field="strip", settle_spans=True)
    monkeypatch.setattr(owner, name, raise_broken)
    assert _without_field(await _use_everything(nc, stream)) == _without_field(bare)
    warnings = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    assert len(set(warnings)) == len(warnings)
    assert all("the message is not affected" in warning for warning in warnings)
    monkeypatch.undo()
