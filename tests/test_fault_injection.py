"""Every function of ours raises in turn: each message flows as without us, one warning a kind."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from itertools import groupby
from time import perf_counter
from types import FunctionType
from typing import Any, NamedTuple

import pytest
from opentelemetry import context
from opentelemetry.context import Context
from opentelemetry.sdk.trace import Span

from broken import Broken
from conftest import Connect, Instrumentation
from every_operation import HAS_PUBLISH_ASYNC, NEXT_MSG_FAILS
from fault_modes import LONG, MODES, VARIABLES, start_everything
from fault_names import (
    ENDS_SPANS,
    GIVES_BACK,
    MORE_SPANS,
    OF_FAILED_NEXT_MSG,
    OF_PUBLISH_ASYNC,
    QUIET,
    RECOVERY,
    UNREACHED,
)
from fault_runs import PARTS, Outcome, Runs
from faults import Breakable, Calls, breakable, broken
from opentelemetry_instrumentation_nats_payload import _baggage, _guard, _hostile, _telemetry
from opentelemetry_instrumentation_nats_payload._size_limits import SizeLimits
from points import Meter
from side_by_side import OpenSpans

_FUNCTIONS = breakable()
_MODULES = {
    module: list(functions)
    for module, functions in groupby(_FUNCTIONS, lambda b: b.name.partition(".")[0])
}
_ERRORS = "messaging.nats.instrumentation.errors"
_EVERYWHERE = "FAULTS_EVERYWHERE" in os.environ
"""Whether a function is to raise in every mode and part that it runs in, and not only where that
takes the least time: with most messages going the short way, and with all going the long one."""


class _Place(NamedTuple):
    """Where functions run."""

    mode: str
    part: str


class _Spans(OpenSpans):
    """Also counts those that have started."""

    def __init__(self) -> None:
        super().__init__()
        self.started = 0

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """One more."""
        super().on_start(span, parent_context)
        self.started += 1


class _Known:
    """What is found out once: what the application sees, and which functions run where."""

    def __init__(self) -> None:
        self.bare: dict[str, Outcome] = {}
        self._calls: dict[_Place, Calls] = {}
        self._times: dict[_Place, float] = {}
        self.spans: dict[_Place, int] = {}

    async def learn(self, runs: Runs, instrumentation: Instrumentation) -> None:
        """Without the instrumentation, and with it, where the application sees the same."""
        if self.bare:
            return
        self.bare = {part: await runs.of(part) for part in PARTS}
        spans = _Spans()
        instrumentation.provider.add_span_processor(spans)
        for name, mode in MODES.items():
            with mode.instrumented(instrumentation, Meter()):
                for part in PARTS:
                    place, before = _Place(name, part), spans.started
                    await self._learn(runs, place)
                    self.spans[place] = spans.started - before
        assert not spans.left()

    async def _learn(self, runs: Runs, place: _Place) -> None:
        calls = self._calls[place] = Calls()
        _forget()
        started_at = perf_counter()
        with calls.watch():
            outcome = await runs.of(place.part)
        self._times[place] = perf_counter() - started_at
        assert outcome.differences(self.bare[place.part]) == {}, place

    def places(self, name: str, function: FunctionType) -> list[_Place]:
        """Where a function is to raise."""
        places = [p for p, calls in self._calls.items() if function in calls]
        places = [p for p in places if p.part not in RECOVERY.get(name, ())]
        if _EVERYWHERE:
            return places
        short = [p for p in places if p.mode not in LONG]
        long = [p for p in places if p.mode in LONG]
        return [min(some, key=self._times.__getitem__) for some in (short, long) if some]


_known = _Known()


def _forget() -> None:
    """What was found out before, which would not be asked again."""
    _guard._warned.clear()
    for cached in (_baggage.read_baggage, _hostile._tracestate, _telemetry._default):
        cached.cache_clear()
    telemetry = _telemetry.current()
    if telemetry is not None:
        telemetry.has_armed = False
        telemetry.size_limits = SizeLimits()
        telemetry._known_propagator = None
        for field in (telemetry.field, *telemetry.aliases):
            vars(field._name).pop("_any_key", None)


class _Trial:
    """A function that raises, in one place, and what is left of it."""

    def __init__(self, runs: Runs, spans: _Spans, caplog: pytest.LogCaptureFixture) -> None:
        self._runs = runs
        self._spans = spans
        self._caplog = caplog

    async def run(self, name: str, function: FunctionType, place: _Place) -> dict[str, Any]:
        """What comes of it that must not."""
        _forget()
        self._caplog.clear()
        counted, raised = sum(_guard.failures().values()), Broken.raised
        started = self._spans.started
        with broken(function):
            outcome = await self._runs.of(place.part)
        problems: dict[str, Any] = outcome.differences(_known.bare[place.part])
        if name in GIVES_BACK:
            problems.pop("around", None)
        elif not outcome.is_tidy():
            problems["left"] = outcome.left
        if self._spans.left() and name not in ENDS_SPANS:
            problems["open"] = self._spans.left()
        self._spans.names.clear()
        if name not in MORE_SPANS and self._spans.started - started > _known.spans[place]:
            problems["twice"] = (self._spans.started - started, _known.spans[place])
        warnings = self._warnings()
        if bool(warnings) == (name in QUIET) or len(set(warnings)) < len(warnings):
            problems["warnings"] = warnings
        if sum(_guard.failures().values()) - counted < len(warnings):
            problems["failures"] = _guard.failures()
        if Broken.raised == raised:
            problems["raised"] = False
        return problems

    def _warnings(self) -> list[str]:
        records = [r for r in self._caplog.records if r.name == _guard.logger.name]
        warnings = [r.getMessage() for r in records if r.levelno >= logging.WARNING]
        assert all("the message is not affected" in warning for warning in warnings)
        return warnings


async def _problems(
    trial: _Trial, functions: Sequence[Breakable], name: str, instrumentation: Instrumentation
) -> dict[Any, Any]:
    """Of functions that run in a mode; and each failure is in the metric."""
    places = [(f, p) for f in functions for p in _known.places(*f) if p.mode == name]
    if not places:
        return {}
    mode, meter = MODES[name], Meter()
    with mode.instrumented(instrumentation, meter):
        before = sum(_guard.failures().values())
        problems = {(f.name, p): await trial.run(*f, p) for f, p in places}
        counted = sum(_guard.failures().values()) - before
    if mode.has_metrics:
        assert sum(meter.points(_ERRORS).values()) == counted
    return {where: problem for where, problem in problems.items() if problem}


@pytest.mark.timeout(600 if _EVERYWHERE else 60)
@pytest.mark.parametrize("module", _MODULES)
async def test_a_function_that_raises_costs_the_trace_and_not_the_message(
    connect: Connect,
    instrumentation: Instrumentation,
    caplog: pytest.LogCaptureFixture,
    module: str,
) -> None:
    """Each function of a module, whoever calls it, in all that an application does with it."""
    runs, spans = Runs(connect), _Spans()
    await _known.learn(runs, instrumentation)
    instrumentation.provider.add_span_processor(spans)
    trial = _Trial(runs, spans, caplog)
    for name in MODES:
        problems = await _problems(trial, _MODULES[module], name, instrumentation)
        assert not problems, "\n".join(map(str, problems.items()))
    assert not context.get_current()


@pytest.mark.timeout(60)
async def test_every_function_is_made_to_raise_or_named_with_a_reason(
    connect: Connect, instrumentation: Instrumentation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new function of ours runs in one of the modes, or somebody has said why it does not."""
    await _known.learn(Runs(connect), instrumentation)
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    setup = Calls()  # what runs there raises in test_fault_setup
    with setup.watch():
        start_everything(instrumentation)
    left = [(name, function) for name, function in _FUNCTIONS if function not in setup]
    unreached = {name for name, function in left if not _known.places(name, function)}
    known = set(UNREACHED)
    if not HAS_PUBLISH_ASYNC:
        known |= OF_PUBLISH_ASYNC
    if not NEXT_MSG_FAILS:
        known |= OF_FAILED_NEXT_MSG
    new, gone = sorted(unreached - known), sorted(UNREACHED.keys() - unreached)
    assert not new, "\n".join(new)
    assert not gone, "\n".join(gone)


def test_names_are_those_of_functions() -> None:
    """None of the lists has what is gone."""
    names = {name for name, _ in _FUNCTIONS}
    assert {*ENDS_SPANS, *GIVES_BACK, *MORE_SPANS, *QUIET, *RECOVERY} - names == set()
