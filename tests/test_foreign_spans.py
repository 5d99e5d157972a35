"""Another package's wrapper that starts spans: one trace comes of both."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest
from nats.aio.client import Client

from conftest import Connect, Inbox, Instrumentation
from opentelemetry_instrumentation_nats_payload import NATSInstrumentor


@pytest.fixture
def wrap(monkeypatch: pytest.MonkeyPatch) -> Callable[[Instrumentation], None]:
    """Puts a wrapper around Client.publish that starts a span of its own."""

    def wrap(instrumentation: Instrumentation) -> None:
        original: Any = Client.__dict__["publish"]

        @functools.wraps(original)
        async def publish(self: Any, *args: Any, **kwargs: Any) -> Any:
            with instrumentation.tracer.start_as_current_span("theirs"):
                return await original(self, *args, **kwargs)

        monkeypatch.setattr(Client, "publish", publish)

    return wrap


@pytest.mark.parametrize(
    "is_below",
    [False, True],
)
async def test_a_span_of_another_wrapper_is_in_the_trace(
    connect: Connect,
    inbox: Inbox,
    instrumentation: Instrumentation,
    monkeypatch: pytest.MonkeyPatch,
    wrap: Callable[[Instrumentation], None],
    is_below: bool,
) -> None:
    """Above ours it is the parent, below ours the child; no message begins two traces."""
    nc = await connect()
    await nc.subscribe("foreign.spans", cb=inbox.callback)
    undo = [NATSInstrumentor().uninstrument, monkeypatch.undo]
    if is_below:
        wrap(instrumentation)
        instrumentation.start()
    else:
        instrumentation.start()
        wrap(instrumentation)
        undo.reverse()
    await nc.publish("foreign.spans", b"{}")
    await inbox.data()
    for step in undo:
        step()
    outer, inner = instrumentation.spans()
    names = ["publish foreign.spans", "theirs"]
    assert [outer.name, inner.name] == (names if is_below else names[::-1])
    assert (inner.trace, inner.parent) == (outer.trace, outer.span)
