"""Every function that runs when a service is instrumented raises in turn: the service runs."""

from __future__ import annotations

import logging

import pytest
from nats.aio.client import Client

from broken import Broken
from conftest import Connect, Instrumentation
from fault_modes import VARIABLES, start_everything
from fault_runs import Runs
from faults import Calls, broken, everything
from opentelemetry_instrumentation_nats_payload import NATSInstrumentor, _guard
from opentelemetry_instrumentation_nats_payload._telemetry import current

_PART = "asked_for"
_CALLED_BY_THE_APPLICATION = {
    "_instrumentor.NATSInstrumentor._instrument",
    "_instrumentor.NATSInstrumentor.instrumentation_dependencies",
}
"""By way of OpenTelemetry's base class. The first ends the errors of all the others."""


@pytest.mark.timeout(60)
async def test_what_raises_at_the_start_leaves_the_service_as_it_is(
    connect: Connect,
    instrumentation: Instrumentation,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Instrumented in part, or not at all, and the log says so."""
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    runs = Runs(connect)
    bare, originals = await runs.of(_PART), dict(vars(Client))
    calls = Calls()
    with calls.watch():
        start_everything(instrumentation)
    NATSInstrumentor().uninstrument()
    functions = [(name, function) for name, function in everything() if function in calls]
    assert len(functions) > 50
    for name, function in functions:
        if name in _CALLED_BY_THE_APPLICATION:
            continue
        caplog.clear()
        _guard._warned.clear()
        raised = Broken.raised
        with broken(function):
            start_everything(instrumentation)
        assert Broken.raised > raised, name
        told = [r for r in caplog.records if r.name == _guard.logger.name]
        warnings = [r.getMessage() for r in told if r.levelno >= logging.WARNING]
        assert len(set(warnings)) == len(warnings) > 0, (name, warnings)
        outcome = await runs.of(_PART)
        assert outcome.differences(bare) == {}, name
        NATSInstrumentor().uninstrument()
        assert (current(), dict(vars(Client))) == (None, originals), name
