"""Beside others: a second instrumentation, and what an application puts around nats-py."""

from __future__ import annotations

import functools
import logging
import types
from collections.abc import Iterator
from typing import Any
from unittest.mock import AsyncMock

import pytest
import wrapt
from nats.aio.client import Client
from nats.js.client import JetStreamContext

from conftest import Connect, Inbox, Instrumentation
from opentelemetry_instrumentation_nats_payload import NATSInstrumentor


@pytest.fixture
def foreign() -> Iterator[Any]:
    """Puts another package's wrapper around Client.publish, and takes it off at the end."""
    original = Client.__dict__["publish"]
    calls: list[str] = []
    module = types.ModuleType("other_nats_instrumentation.client")
    source = (
        "def make(original, calls):\n"
        "    async def publish(self, subject, *args, **kwargs):\n"
        "        calls.append(subject)\n"
        "        return await original(self, subject, *args, **kwargs)\n"
        "    return publish\n"
    )
    exec(source, module.__dict__)  # noqa: S102 - a function whose module is another package

    def wrap(by: str) -> Any:
        inner = Client.__dict__["publish"]
        if by == "wrapt":
            make = module.__dict__["make"]
            other = wrapt.FunctionWrapper(inner, _wrapt_wrapper(module, calls))
        else:
            make = module.__dict__["make"]
            other = functools.wraps(inner)(make(inner, calls))
        Client.publish = other
        return other

    yield types.SimpleNamespace(wrap=wrap, calls=calls)
    Client.publish = original


def _wrapt_wrapper(module: types.ModuleType, calls: list[str]) -> Any:
    source = (
        "def wrapper(wrapped, instance, args, kwargs):\n"
        "    calls.append(args[0])\n"
        "    return wrapped(*args, **kwargs)\n"
    )
    module.__dict__["calls"] = calls
    exec(source, module.__dict__)  # noqa: S102
    return module.__dict__["wrapper"]


@pytest.mark.parametrize("by", ["wrapt", "functools"])
async def test_a_foreign_wrapper_on_top_survives(
    connect: Connect, inbox: Inbox, foreign: Any, by: str
) -> None:
    """Uninstrument leaves it alone; ours stays below and passes through, also when we return."""
    instrumentation = Instrumentation()
    nc = await connect()
    await nc.subscribe("foreign", cb=inbox.callback)
    instrumentation.start()
    other = foreign.wrap(by)
    NATSInstrumentor().uninstrument()
    assert Client.__dict__["publish"] is other
    await nc.publish("foreign", b"{}")
    assert await inbox.data() == b"{}"
    assert instrumentation.spans() == []
    instrumentation.start()
    await nc.publish("foreign", b"{}")
    await inbox.data()
    NATSInstrumentor().uninstrument()
    assert foreign.calls == ["foreign", "foreign"]
    assert [s.name for s in instrumentation.spans()] == ["publish foreign"]


@pytest.mark.parametrize("by", ["wrapt", "functools"])
@pytest.mark.parametrize("order", ["before", "after"])
@pytest.mark.parametrize("also_subscribes", [True, False])
async def test_a_second_instrumentation_is_warned_about_once(
    connect: Connect,
    foreign: Any,
    by: str,
    order: str,
    also_subscribes: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Another package's wrapper, put on before us or after us, is named in one warning."""
    if order == "before":
        foreign.wrap(by)
    Instrumentation().start()
    if order == "after":
        foreign.wrap(by)
    nc = await connect()
    if also_subscribes:
        for number in range(3):
            await nc.subscribe(f"second.{number}")
    NATSInstrumentor().uninstrument()
    warnings = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert len(warnings) == 1
    assert "nats-py is also wrapped by other_nats_instrumentation" in warnings[0]
    assert "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS" in warnings[0]


async def _positional_only(self: Any, subject: str, payload: bytes = b"", **rest: Any) -> Any:
    """What an application's own wrapper may look like; see the test."""
    return await _positional_only.original(self, subject, payload, **rest)  # type: ignore[attr-defined]


async def _keyword_only(
    self: Any, *, subject: str, payload: bytes = b"", reply: str = "", headers: Any = None
) -> Any:
    """The names of nats-py's, for keywords only."""
    original: Any = _keyword_only.original  # type: ignore[attr-defined]
    return await original(self, subject=subject, payload=payload, reply=reply, headers=headers)


@pytest.mark.parametrize("dressed", [True, False])
@pytest.mark.parametrize("wrapper", [_positional_only, _keyword_only])
async def test_arguments_reach_a_wrapper_below_us_in_the_form_they_came_in(
    connect: Connect,
    inbox: Inbox,
    instrumentation: Instrumentation,
    monkeypatch: pytest.MonkeyPatch,
    wrapper: Any,
    dressed: bool,
) -> None:
    """A narrower publish of the application's goes on working, and is traced."""
    original = wrapper.original = Client.__dict__["publish"]

    async def publish(*args: Any, **kwargs: Any) -> Any:
        return await wrapper(*args, **kwargs)

    # functools.wraps makes it look as wide as nats-py's own.
    looks_wide = functools.wraps(original)(publish)
    monkeypatch.setattr(Client, "publish", looks_wide if dressed else wrapper)
    nc = await connect()
    await nc.subscribe("narrow", cb=inbox.callback)
    instrumentation.start()
    await nc.publish(subject="narrow", payload=b'{"a":1}')
    assert b"_otel_trace_headers" in await inbox.data()
    with pytest.raises(TypeError):
        await nc.publish(subject="narrow", teleport=True)  # type: ignore[call-arg]
    NATSInstrumentor().uninstrument()
    monkeypatch.undo()


async def test_a_default_of_a_wrapper_below_us_stays_its_default(
    connect: Connect, inbox: Inbox, monkeypatch: pytest.MonkeyPatch, spans: Instrumentation
) -> None:
    """What the caller leaves out is left out, also where the names are those of nats-py."""
    NATSInstrumentor().uninstrument()
    original: Any = Client.__dict__["publish"]

    async def publish(
        self: Any, subject: str, payload: bytes = b"", reply: str = "", headers: Any = None
    ) -> Any:
        return await original(self, subject, payload, reply, headers)

    publish.__defaults__ = (b"", "", {"env": "prod"})
    monkeypatch.setattr(Client, "publish", publish)
    nc = await connect()
    await nc.subscribe("defaults", cb=inbox.callback)
    spans.start()
    await nc.publish("defaults", b"{}")
    message = await inbox.messages.get()
    assert message.headers == {"env": "prod"}
    assert b"_otel_trace_headers" in message.data
    NATSInstrumentor().uninstrument()
    monkeypatch.undo()


async def test_what_is_no_method_is_left_alone(
    instrumentation: Instrumentation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A test suite that replaced Client.publish by a mock keeps its mock."""
    mock = AsyncMock(return_value=1)
    monkeypatch.setattr(Client, "publish", mock)
    instrumentation.start()
    assert Client.__dict__["publish"] is mock
    assert await Client().publish("a", b"") == 1  # type: ignore[func-returns-value]
    NATSInstrumentor().uninstrument()
    monkeypatch.undo()


def test_a_mocked_client_is_not_looked_into(
    spans: Instrumentation, caplog: pytest.LogCaptureFixture
) -> None:
    """JetStreamContext(AsyncMock()) makes no un-awaited coroutine, and no warning."""
    JetStreamContext(AsyncMock())
    JetStreamContext(AsyncMock(), prefix=AsyncMock())
    assert not caplog.records


def test_nothing_is_warned_about_alone(
    spans: Instrumentation, caplog: pytest.LogCaptureFixture
) -> None:
    """nats-py's own methods are nobody's wrappers."""
    assert not caplog.records
