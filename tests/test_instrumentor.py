"""NATSInstrumentor: on, off, again; beside others; and whatever is wrong with its arguments."""

from __future__ import annotations

import functools
import logging
import subprocess
import sys
import types
from collections.abc import Iterator
from typing import Any
from unittest.mock import AsyncMock

import pytest
import wrapt
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.client import JetStreamContext
from nats.js.manager import JetStreamManager
from opentelemetry.propagators.textmap import TextMapPropagator
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from conftest import Connect, Inbox, Instrumentation
from opentelemetry_instrumentation_nats_payload import NATSInstrumentor, _jetstream
from opentelemetry_instrumentation_nats_payload._patching import PatchTable
from spans import traceparent

_OWNERS = (Client, Msg, JetStreamContext, JetStreamManager)


def _attributes() -> list[dict[str, Any]]:
    return [dict(owner.__dict__) for owner in _OWNERS]


def test_uninstrument_gives_back_the_identical_originals() -> None:
    """Every attribute of every patched class is the very object that it was, every time."""
    originals = _attributes()
    for _ in range(3):
        NATSInstrumentor().instrument()
        assert _attributes() != originals
        NATSInstrumentor().uninstrument()
        for before, after in zip(originals, _attributes(), strict=True):
            assert before.keys() == after.keys()
            assert all(after[name] is value for name, value in before.items())


def test_the_wrappers_look_like_the_originals(spans: Instrumentation) -> None:
    """Name, docstring and signature are nats-py's."""
    import inspect

    for name in ("publish", "subscribe"):
        wrapper = getattr(Client, name)
        assert wrapper.__qualname__ == f"Client.{name}"
        assert inspect.iscoroutinefunction(wrapper)
        assert list(inspect.signature(wrapper).parameters)[:2] == ["self", "subject"]


async def test_a_live_subscription_passes_through_after_uninstrument_and_is_traced_again_after(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation
) -> None:
    """What outlives the instrumentation follows what is active now."""
    nc = await connect()
    instrumentation.start()
    await nc.subscribe("live", cb=inbox.callback)
    NATSInstrumentor().uninstrument()
    await nc.publish("live", b"{}")
    assert await inbox.data() == b"{}"
    assert instrumentation.spans() == []
    instrumentation.start()
    await nc.publish("live", b"{}")
    assert await inbox.data() != b"{}"
    assert [s.name for s in instrumentation.spans()] == ["publish live", "process live"]


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


async def _keyword_only(self: Any, *, subject: str, payload: bytes = b"") -> Any:
    """The same, for keywords."""
    return await _keyword_only.original(self, subject=subject, payload=payload)  # type: ignore[attr-defined]


@pytest.mark.parametrize("wrapper", [_positional_only, _keyword_only])
async def test_arguments_reach_a_wrapper_below_us_in_the_form_they_came_in(
    connect: Connect,
    inbox: Inbox,
    instrumentation: Instrumentation,
    monkeypatch: pytest.MonkeyPatch,
    wrapper: Any,
) -> None:
    """A narrower publish of the application's goes on working, and is traced."""
    wrapper.original = Client.__dict__["publish"]
    monkeypatch.setattr(Client, "publish", wrapper)
    nc = await connect()
    await nc.subscribe("narrow", cb=inbox.callback)
    instrumentation.start()
    await nc.publish(subject="narrow", payload=b'{"a":1}')
    assert b"_otel_trace_headers" in await inbox.data()
    with pytest.raises(TypeError):
        await nc.publish(subject="narrow", teleport=True)
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


def test_a_half_done_patch_is_rolled_back_and_nothing_is_raised(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An error while patching leaves nats-py as it was, and the other instrumentations load."""
    originals = _attributes()

    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("broken")

    monkeypatch.setattr(_jetstream, "wrap_init", broken)
    NATSInstrumentor().instrument()
    assert _attributes() == originals
    assert "NATS is not instrumented" in caplog.text
    NATSInstrumentor().uninstrument()
    assert _attributes() == originals


def test_a_method_that_this_nats_py_lacks_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    """The rest still works; it is said at DEBUG."""
    caplog.set_level(logging.DEBUG, "opentelemetry_instrumentation_nats_payload")
    table = PatchTable()
    table.replace(Client, "teleport", lambda original: original)
    table.restore()
    assert "Client has no teleport to instrument" in caplog.text
    assert not hasattr(Client, "teleport")


def test_instrumenting_twice_changes_nothing(spans: Instrumentation) -> None:
    """The second call is refused by the base class, with its own warning."""
    wrapper = Client.__dict__["publish"]
    NATSInstrumentor().instrument()
    assert Client.__dict__["publish"] is wrapper


def test_an_unknown_argument_is_named(
    instrumentation: Instrumentation, caplog: pytest.LogCaptureFixture
) -> None:
    """A misspelt setting is one warning with the accepted names; what distributions pass is not."""
    instrumentation.start(carier="headers", meter_provider=None)
    (record,) = caplog.records
    assert "carier unknown" in record.getMessage()
    assert "carrier" in record.getMessage()
    assert "consumed_field" in record.getMessage()


@pytest.mark.parametrize(
    ("name", "accepted"),
    [
        ("tracer_provider", "a TracerProvider"),
        ("propagator", "a TextMapPropagator"),
        ("publish_hook", "a function of span and details"),
        ("process_hook", "a function of span and message"),
    ],
)
def test_an_option_that_could_not_work_is_left_out(
    instrumentation: Instrumentation,
    caplog: pytest.LogCaptureFixture,
    name: str,
    accepted: str,
) -> None:
    """One warning says which, what was given, and what it has to be."""
    instrumentation.start(**{name: "b3"})
    (record,) = caplog.records
    expected = f"instrument({name}=): 'b3' is not accepted, it is left out. Accepted: {accepted}."
    assert record.getMessage() == expected


async def test_a_bad_setting_costs_the_setting_and_not_the_tracing(
    connect: Connect,
    inbox: Inbox,
    instrumentation: Instrumentation,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """One warning with variable, value and what is accepted; the default is used."""
    monkeypatch.setenv("OTEL_PYTHON_NATS_CARRIER", "pigeon")
    instrumentation.start()
    (record,) = caplog.records
    message = record.getMessage()
    assert "OTEL_PYTHON_NATS_CARRIER" in message
    assert "'pigeon'" in message
    assert "payload | headers | both | auto" in message
    nc = await connect()
    await nc.subscribe("bad.setting", cb=inbox.callback)
    await nc.publish("bad.setting", b"{}")
    assert b"_otel_trace_headers" in await inbox.data()


async def test_a_propagator_of_its_own_is_used(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation
) -> None:
    """propagator= takes the place of the global one, for writing and for reading."""

    class Renamed(TraceContextTextMapPropagator):
        _TRACEPARENT_HEADER_NAME = "x-parent"

    propagator: TextMapPropagator = Renamed()
    instrumentation.start(propagator=propagator)
    nc = await connect()
    await nc.subscribe("own.propagator", cb=inbox.callback)
    await nc.publish("own.propagator", b"{}")
    sent = b'{"_otel_trace_headers":{"x-parent":"%b"}}' % traceparent(1, 2).encode()
    assert await inbox.data() == sent
    assert instrumentation.spans()[1].parent == 1


def test_without_nats_py_the_package_imports_and_instrument_says_what_is_missing() -> None:
    """Importing never needs nats-py; instrument() logs the conflict, or raises ImportError."""
    code = (
        "import sys; sys.modules['nats'] = None\n"
        "from opentelemetry_instrumentation_nats_payload import NATSInstrumentor\n"
        "import opentelemetry_instrumentation_nats_payload.environment_variables\n"
        "try:\n"
        "    NATSInstrumentor().instrument(skip_dep_check=True)\n"
        "except ImportError as error:\n"
        "    print('ImportError')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "ImportError\n"
