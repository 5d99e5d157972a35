"""What is no error passes through, wherever it is raised, and leaves no span and no context."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
from nats.aio.msg import Msg
from opentelemetry import context
from opentelemetry.context import Context

from conftest import Connect, Inbox, Instrumentation, settle
from interrupted_calls import CALLS, STEPS, SWALLOWING, Surroundings, connected, surroundings_of
from opentelemetry_instrumentation_nats_payload import process_span
from points import Meter, point
from side_by_side import OpenSpans

_ERRORS = "messaging.nats.instrumentation.errors"
_INTERRUPTS = [KeyboardInterrupt, SystemExit]
_PAYLOAD = b'{"a":1}'


async def _interrupt(call: Awaitable[Any], error: BaseException, turns: int) -> None:
    """Wait for ``call``, and raise ``error`` in it where it waits after so many turns of the loop.

    As a task does it, save that a task could only be cancelled. In what is done by then, nothing
    is raised.
    """
    inner: Any = call.__await__()
    waited_for: Any = None
    with suppress(StopIteration):
        for _ in range(turns):
            if waited_for is None or waited_for.done():
                waited_for = inner.send(None)
            await asyncio.sleep(0)
        inner.throw(error)
        raise AssertionError("it was swallowed")


# What has come back from publish_async waits for the acknowledgement, whoever else does.
_INTERRUPTIBLE = [call for call in CALLS if call.__name__ != "publish_async"]
# They wait until it is written, if at all.
_SHORT = SWALLOWING


@pytest.mark.parametrize("call", _INTERRUPTIBLE, ids=lambda call: call.__name__)
async def test_what_is_raised_in_the_middle_of_a_call_comes_out_of_it(
    server: str,
    instrumentation: Instrumentation,
    caplog: pytest.LogCaptureFixture,
    call: Callable[[Surroundings], Awaitable[None]],
) -> None:
    """The very object, at whichever step; the spans have ended, and not as failed."""
    spans, meter = OpenSpans(), Meter()
    instrumentation.provider.add_span_processor(spans)
    instrumentation.start(settle_spans=True, meter_provider=meter.provider)
    surroundings = await asyncio.create_task(surroundings_of(await connected(server)))
    for turns in range(1, STEPS):
        raised = KeyboardInterrupt()
        before, after, got = await _raise_in(call(surroundings), raised, turns)
        assert before == after
        assert got is raised or (got is None and call in _SHORT)
        await surroundings.nc.flush()
        assert spans.left() == {}
    await surroundings.js.delete_stream("CANCEL")
    await surroundings.nc.close()
    assert {span.status for span in instrumentation.spans()} == {"UNSET"}
    assert meter.points(_ERRORS) == {}
    assert not [r for r in caplog.records if r.levelno >= logging.WARNING]


async def _raise_in(
    call: Awaitable[Any], error: BaseException, turns: int
) -> tuple[Context, Context, BaseException | None]:
    """The context before and after, and what came out."""

    async def work() -> tuple[Context, Context, BaseException | None]:
        before = context.get_current()
        got: BaseException | None = None
        try:
            await _interrupt(call, error, turns)
        except BaseException as raised:
            got = raised
        return before, context.get_current(), got

    return await asyncio.create_task(work())


class _Hooks:
    """Hooks of an application's, of which all raise."""

    def __init__(self, error: type[BaseException]) -> None:
        self._error = error

    def hook(self, *_: Any) -> Any:
        """Any of them."""
        raise self._error

    def options(self) -> dict[str, Any]:
        """What makes them called."""
        names = ("publish_hook", "process_hook", "receive_hook", "redact_body")
        return {"captured_body_bytes": 99, **dict.fromkeys(names, self.hook)}


async def test_a_hook_that_raises_a_cancellation_cancels_nothing(
    connect: Connect,
    inbox: Inbox,
    instrumentation: Instrumentation,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As ``task.result()`` of a cancelled task does: an error of the hook's, which is counted."""
    spans, meter = OpenSpans(), Meter()
    instrumentation.provider.add_span_processor(spans)
    options = _Hooks(asyncio.CancelledError).options()
    instrumentation.start(meter_provider=meter.provider, **options)
    nc = await connect()
    await nc.subscribe("interrupt.hook", cb=inbox.callback)
    asked = await nc.subscribe("interrupt.hook")
    await settle(nc)
    await nc.publish("interrupt.hook", _PAYLOAD)
    assert (await inbox.data()).startswith(_PAYLOAD[:-1])
    assert (await asyncio.create_task(asked.next_msg(9))).data.startswith(_PAYLOAD[:-1])
    await nc.flush()
    assert spans.left() == {}
    function = f"{__name__}.{_Hooks.hook.__qualname__}"
    kind = point(error__type="asyncio.exceptions.CancelledError", code__function__name=function)
    assert meter.points(_ERRORS) == {kind: 6}
    assert len([r for r in caplog.records if r.levelno >= logging.WARNING]) == 2


@pytest.mark.parametrize("error", _INTERRUPTS)
async def test_an_interrupt_in_a_hook_comes_out_of_the_call(
    connect: Connect, instrumentation: Instrumentation, error: type[BaseException]
) -> None:
    """Of a publish, a request, a publish to a stream, a message that was asked for; no span of
    them stays open.
    """
    spans = OpenSpans()
    instrumentation.provider.add_span_processor(spans)
    nc = await connect()
    asked = await nc.subscribe("interrupt.asked")
    await settle(nc)
    await nc.publish("interrupt.asked", _PAYLOAD)
    await nc.flush()
    hook = _Hooks(error).hook
    instrumentation.start(publish_hook=hook, process_hook=hook, receive_hook=hook)
    before = context.get_current()
    for call in (nc.publish, nc.request, nc.jetstream().publish):
        with pytest.raises(error):
            await call("interrupt.sent", _PAYLOAD)
        assert spans.left() == {}
    with pytest.raises(error):
        await asked.next_msg(9)
    with pytest.raises(error), process_span(Msg(nc, "interrupt.by_hand", data=_PAYLOAD)):
        raise AssertionError("it is not begun")
    assert spans.left() == {}
    assert context.get_current() == before


@pytest.mark.parametrize("is_instrumented", [False, True], ids=["bare", "instrumented"])
async def test_a_callback_that_raises_a_cancellation_ends_its_task_as_without_us(
    connect: Connect, instrumentation: Instrumentation, is_instrumented: bool
) -> None:
    """nats-py takes it for the end of the subscription."""
    spans = OpenSpans()
    instrumentation.provider.add_span_processor(spans)
    if is_instrumented:
        instrumentation.start()
    nc = await connect()
    tasks: asyncio.Queue[Any] = asyncio.Queue()

    async def callback(message: Msg) -> None:
        await tasks.put(asyncio.current_task())
        raise asyncio.CancelledError

    await nc.subscribe("interrupt.callback", cb=callback)
    await settle(nc)
    await nc.publish("interrupt.callback", _PAYLOAD)
    await nc.publish("interrupt.callback", _PAYLOAD)
    task = await tasks.get()
    await asyncio.wait([task])
    assert task.cancelled() is False
    assert tasks.empty()
    assert spans.left() == {}
    processed = [span for span in instrumentation.spans() if span.kind == "CONSUMER"]
    assert [span.status for span in processed] == ["UNSET"] * is_instrumented
