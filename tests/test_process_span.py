"""``process_span``: a span around the work on a message that the application has already."""

from __future__ import annotations

import asyncio
import copy
import pickle
from typing import Any

import pytest
from nats.aio.msg import Msg
from opentelemetry import context, trace
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.trace import Span

from conftest import Connect, Expect, Inbox, Instrumentation, settle
from opentelemetry_instrumentation_nats_payload import (
    MessageDetails,
    _settings,
    _telemetry,
    process_span,
)
from spans import attributes, field


async def _message(nc: Any, subject: str, payload: bytes = b"{}") -> Msg:
    """A message that came through a callback, and a queue."""
    inbox = Inbox()
    await nc.subscribe(subject, cb=inbox.callback)
    await settle(nc)
    await nc.publish(subject, payload)
    return await inbox.messages.get()


async def test_in_a_worker_it_continues_from_the_callback(
    connect: Connect, spans: Instrumentation, expected: Expect
) -> None:
    """A child of the callback's process span, linked to the publish; what it publishes follows."""
    nc = await connect()
    message = await _message(nc, "work.queue")
    with process_span(message):
        await nc.publish("work.out", b"{}")
    assert spans.spans()[2:] == [
        expected(nc).process("work.queue", 1, 3, parent=2).but(links=((1, 1),)),
        expected(nc).publish("work.out", 1, 4, parent=3),
    ]


async def test_under_a_span_it_is_a_child_with_a_link(
    connect: Connect, spans: Instrumentation, expected: Expect
) -> None:
    """Of the application's own span, which goes on."""
    nc = await connect()
    message = await _message(nc, "work.ambient")
    with spans.tracer.start_as_current_span("work"), process_span(message):
        pass
    span = expected(nc).process("work.ambient", 2, 4, parent=3).but(links=((1, 1),))
    assert spans.spans()[3] == span


async def test_after_next_msg_it_is_a_child_of_receive(
    connect: Connect, spans: Instrumentation, expected: Expect
) -> None:
    """The context that next_msg left is no span of the application's."""
    nc = await connect()
    subscription = await nc.subscribe("work.*")
    await settle(nc)
    await nc.publish("work.next", b"{}")
    message = await subscription.next_msg()
    before = context.get_current()
    with process_span(message):
        pass
    assert context.get_current() == before
    template = attributes({"messaging.destination.template": "work.*"})
    assert spans.spans()[2] == expected(nc).process("work.next", 1, 3, parent=2).but(
        name="process work.*", links=((1, 1),), attributes=template
    )


async def test_what_the_block_raises_is_recorded_and_raised_on(
    connect: Connect, spans: Instrumentation, expected: Expect
) -> None:
    """The very exception, with its stack trace as an event."""
    nc = await connect()
    message = await _message(nc, "work.raises")
    error = ValueError("mine")
    with pytest.raises(ValueError, match="mine") as caught, process_span(message):
        raise error
    assert caught.value is error
    assert spans.spans()[2] == expected(nc).process("work.raises", 1, 3, parent=2).but(
        links=((1, 1),),
        status="ERROR",
        description="mine",
        events=("exception",),
        attributes=attributes({"error.type": "ValueError"}),
    )


async def test_a_cancelled_block_is_no_error(connect: Connect, spans: Instrumentation) -> None:
    """The span ends, and the context is given back."""
    nc = await connect()
    message = await _message(nc, "work.cancel")

    async def work() -> None:
        with process_span(message):
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (spans.spans()[2].name, spans.spans()[2].status) == ("process work.cancel", "UNSET")


async def test_it_yields_the_span_and_calls_the_hook(
    connect: Connect, instrumentation: Instrumentation
) -> None:
    """As for a callback."""
    seen: list[tuple[Span, Msg]] = []

    def hook(span: Span, details: MessageDetails) -> None:
        seen.append((span, details.message))

    instrumentation.start(process_hook=hook)
    nc = await connect()
    message = await _message(nc, "work.hook")
    with process_span(message) as span:
        span.set_attribute("mine", 1)
    assert seen[1] == (span, message)
    assert instrumentation.spans()[2].attributes["mine"].value == 1


async def test_a_new_trace_that_is_linked(
    connect: Connect, instrumentation: Instrumentation
) -> None:
    """consumer_parent=link: also for a message that nobody has processed yet."""
    instrumentation.start(consumer_parent="link")
    nc = await connect()
    message = Msg(nc, subject="work.link", data=b'{"a":1' + field(7, 8) + b"}")
    with process_span(message):
        pass
    (span,) = instrumentation.spans()
    assert (span.trace, span.parent, span.links) == (1, None, ((7, 8),))


async def test_a_message_that_was_copied_or_pickled_has_what_it_carries(
    connect: Connect, spans: Instrumentation
) -> None:
    """The field, refreshed in the callback, leads back to the same trace."""
    nc = await connect()
    message = await _message(nc, "work.copy", b'{"a":1}')
    message._client = None  # type: ignore[assignment]  # a client can not be copied
    pickled = pickle.loads(pickle.dumps(message))
    for again in (copy.copy(message), copy.deepcopy(message), pickled):
        again._client = nc
        with process_span(again):
            pass
    found = {(s.name, s.trace, s.parent) for s in spans.spans()[2:]}
    assert found == {("process work.copy", 1, 2)}


@pytest.mark.parametrize("how", ["excluded", "suppressed", "propagate", "no sdk"])
async def test_where_there_is_no_span_the_block_runs(
    connect: Connect, instrumentation: Instrumentation, how: str
) -> None:
    """Excluded or suppressed: as if it was not there; otherwise in the context of the message."""
    options: dict[str, dict[str, Any]] = {
        "excluded": {"excluded_subjects": ["work.>"]},
        "propagate": {"propagate_only_subjects": ["work.>"]},
        "no sdk": {"tracer_provider": trace.NoOpTracerProvider()},
    }
    instrumentation.start(**options.get(how, {}))
    nc = await connect()
    message = Msg(nc, subject="work.none", data=b'{"a":1' + field(7, 8) + b"}")

    def enter() -> tuple[Span, int]:
        with process_span(message) as span:
            return span, trace.get_current_span().get_span_context().trace_id

    if how == "suppressed":
        with suppress_instrumentation():
            span, current = enter()
    else:
        span, current = enter()
    assert not span.is_recording()
    assert current == (0 if how in ("excluded", "suppressed") else 7)
    assert instrumentation.names() == []


async def test_without_instrumentation_there_is_the_context_alone(
    connect: Connect, instrumentation: Instrumentation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service that uses it can be switched off, and leaves no spans without their traces."""
    default = _telemetry.Telemetry(_settings.Settings(), tracer_provider=instrumentation.provider)
    monkeypatch.setattr(_telemetry, "_default", lambda: default)
    nc = await connect()
    message = Msg(nc, subject="work.bare", data=b'{"a":1' + field(7, 8) + b"}")
    with process_span(message) as span:
        assert trace.get_current_span().get_span_context().trace_id == 7
    assert not span.is_recording()
    assert instrumentation.names() == []


async def test_replies_are_named_by_their_kind(connect: Connect, spans: Instrumentation) -> None:
    """An inbox is no name for a span."""
    nc = await connect()
    with process_span(Msg(nc, subject=nc.new_inbox(), data=b"{}")):
        pass
    assert spans.names() == ["process _INBOX.>"]


async def test_an_error_of_ours_costs_the_span_alone(
    connect: Connect, spans: Instrumentation, caplog: pytest.LogCaptureFixture
) -> None:
    """Something that is no message at all."""
    entered = False
    with process_span(object()):
        entered = True
    assert entered
    assert "the message is not affected" in caplog.text
