"""NATSInstrumentor: on, off, again; beside others; and whatever is wrong with its arguments."""

from __future__ import annotations

import logging
import subprocess
import sys
from typing import Any

import pytest
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
        ("process_hook", "a function of span and details"),
        ("receive_hook", "a function of span and details"),
        ("redact_body", "a function of subject and body"),
        ("meter_provider", "a MeterProvider"),
        ("logger_provider", "a LoggerProvider"),
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
