"""Every function of ours raises in turn: each message flows as without us, one warning a kind."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Sequence
from itertools import count, groupby
from types import FunctionType
from typing import Any

import pytest
from opentelemetry.trace import Span

from conftest import Connect, Instrumentation
from fault_scenario import PARTS, Application
from faults import RECOVERY, Breakable, Calls, breakable, broken
from opentelemetry_instrumentation_nats_payload import NATSInstrumentor, _guard, _hostile
from points import Meter

_FUNCTIONS = breakable()
_MODULES = {
    module: list(functions)
    for module, functions in groupby(_FUNCTIONS, lambda b: b.name.partition(".")[0])
}
_ERRORS = "messaging.nats.instrumentation.errors"


def _hook(span: Span, details: object) -> None:
    """Has something to do, as far as we know."""


def _redact(subject: str, body: bytes) -> bytes:
    return body


_OPTIONS: dict[str, Any] = {
    "carrier": "both",
    "settle_spans": True,
    "follow_handoff": "all",
    "excluded_subjects": ["excluded.>"],
    "subject_templates": ["*.core.*"],
    "captured_headers": ["X-Own"],
    "captured_body_bytes": 99,
    "publish_hook": _hook,
    "process_hook": _hook,
    "receive_hook": _hook,
    "redact_body": _redact,
}
_MODES = ("refresh", "strip")
_ALL = "FAULTS_EVERYWHERE" in os.environ
"""Whether a function is to raise in every part, and not only in the first two of those below."""
_PARTS = ("by_hand", "growing", "jetstream", "core", "asked_for", "apart")

_numbers = count()


class _Runs:
    """The application, again and again; it is the same each time."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect

    async def of(self, part: str) -> list[Any]:
        """What it sees in a part of what it does."""
        errors: asyncio.Queue[Exception] = asyncio.Queue()
        nc = await self._connect(error_cb=errors.put)
        application = Application(nc, errors, f"{part}{next(_numbers)}")
        try:
            # A task of its own: what is broken may leave something in its context.
            return await asyncio.wait_for(asyncio.create_task(application.do(part)), 20)
        finally:
            await nc.close()


class _Known:
    """What is found out once: what the application sees, and which functions run in which part."""

    def __init__(self) -> None:
        self.bare: dict[str, list[Any]] = {}
        self._calls: dict[tuple[str, str], Calls] = {}

    async def learn_bare(self, runs: _Runs) -> None:
        """Without the instrumentation."""
        for part in PARTS:
            self.bare[part] = self.bare.get(part) or await runs.of(part)

    async def learn(self, runs: _Runs, mode: str) -> None:
        """With it, in a mode, where the application sees the same."""
        for part in PARTS:
            if (mode, part) not in self._calls:
                calls = self._calls[mode, part] = Calls()
                _forget()
                with calls.watch():
                    assert await runs.of(part) == self.bare[part]

    def parts(self, name: str, function: FunctionType, mode: str) -> list[str]:
        """The parts to be done with a function that raises, unless another mode does them."""
        parts = [part for part in _PARTS if function in self._calls[mode, part]]
        if mode != _MODES[0] and self.parts(name, function, _MODES[0]):
            return []
        parts = [part for part in parts if part != "growing" or name not in RECOVERY]
        return parts if _ALL else parts[:2]


_known = _Known()


def _forget() -> None:
    """What was found out about values before, which would not be asked again."""
    _guard._warned.clear()
    for cached in (_hostile._baggage, _hostile._tracestate):
        cached.cache_clear()


def _new_warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    records = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    caplog.clear()
    return records


async def _break_all(
    runs: _Runs, functions: Sequence[Breakable], mode: str, caplog: pytest.LogCaptureFixture
) -> None:
    for name, function in functions:
        for part in _known.parts(name, function, mode):
            _forget()
            with broken(function):
                seen = await runs.of(part)
            assert seen == _known.bare[part], (name, part)
            warnings = _new_warnings(caplog)
            assert len(set(warnings)) == len(warnings), name
            for warning in warnings:
                assert "the message is not affected" in warning, name


@pytest.mark.timeout(60)
@pytest.mark.parametrize("module", _MODULES)
async def test_a_function_that_raises_costs_the_trace_and_not_the_message(
    connect: Connect,
    instrumentation: Instrumentation,
    caplog: pytest.LogCaptureFixture,
    module: str,
) -> None:
    """Each function of a module, whoever calls it, in all that an application does with it."""
    runs, meter = _Runs(connect), Meter()
    await _known.learn_bare(runs)
    for mode in _MODES:
        options = {"consumed_field": mode, "meter_provider": meter.provider, **_OPTIONS}
        instrumentation.start(**options)
        await _known.learn(runs, mode)
        _new_warnings(caplog)
        before = sum(_guard.failures().values())
        await _break_all(runs, _MODULES[module], mode, caplog)
        NATSInstrumentor().uninstrument()
        counted = sum(_guard.failures().values()) - before
        assert sum(meter.points(_ERRORS).values()) >= counted
