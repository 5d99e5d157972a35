"""Scenarios, played bare and instrumented, and the differences between the two."""

from __future__ import annotations

import asyncio
import contextvars
import gc
from collections.abc import Coroutine, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, cast

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import ProxyTracerProvider

from opentelemetry_instrumentation_nats_payload import NATSInstrumentor, _guard

from .monitor import Monitor
from .values import FIELD, HEADERS, SIZES, Size, Traffic
from .world import Scenario, Surroundings, UnsupportedError, World

_SECONDS = 10.0
_REPEATS = 2
_NOTHING = "<nothing>"
SAMPLED, SAMPLED_OUT, NONE = "sampled", "sampled out", "none"
_OURS = {"current_context", "nats-has-met-message", "nats-begun", "nats-delivery"}
"""ContextVars of OpenTelemetry's and of ours: what follows a message is in its context."""


@dataclass(frozen=True)
class Configuration:
    """How the instrumentation is set up for a run."""

    carrier: str = "payload"
    consumed_field: str = "refresh"
    sdk: str = SAMPLED
    options: dict[str, Any] = field(default_factory=dict[str, Any])

    def __str__(self) -> str:
        options = [f"{name}={value}" for name, value in self.options.items()]
        return " ".join((self.carrier, self.consumed_field, self.sdk, *options))

    @property
    def allowed(self) -> frozenset[str]:
        """What messages and counts may have, and bare ones not."""
        if self.sdk == NONE or "excluded_subjects" in self.options:
            return frozenset()
        carriers = {"payload": {FIELD}, "headers": {HEADERS}}.get(self.carrier, {FIELD, HEADERS})
        seen = carriers - {FIELD} if self.consumed_field == "strip" else carriers
        return frozenset({SIZES, *seen})

    @contextmanager
    def active(self) -> Generator[InMemorySpanExporter]:
        """Instrumented so, for as long as the block lasts."""
        exporter = InMemorySpanExporter()
        provider: Any = ProxyTracerProvider()
        if self.sdk != NONE:
            sampler = ALWAYS_OFF if self.sdk == SAMPLED_OUT else None
            provider = TracerProvider(sampler=sampler, shutdown_on_exit=False)
            provider.add_span_processor(SimpleSpanProcessor(exporter))
        _guard._warned.clear()  # what was warned of in another run is warned of again
        meters = MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False)
        NATSInstrumentor().instrument(
            carrier=self.carrier,
            consumed_field=self.consumed_field,
            tracer_provider=provider,
            **({"meter_provider": meters} if self.sdk != NONE else {}),
            **self.options,
        )
        try:
            yield exporter
        finally:
            NATSInstrumentor().uninstrument()


@dataclass
class Observed:
    """Everything that was seen of a run."""

    seen: dict[str, Any]
    carried: int = 0
    spans: int = 0


async def play(
    scenario: Scenario, monitor: Monitor, configuration: Configuration | None = None
) -> Observed:
    """Run a scenario, bare without a configuration. It leaves nothing on the server."""
    if configuration is None:
        return await _play(scenario, monitor, frozenset())
    with configuration.active() as exporter:
        observed = await _play(scenario, monitor, configuration.allowed)
        observed.spans = len(exporter.get_finished_spans())
    return observed


async def _play(scenario: Scenario, monitor: Monitor, allowed: frozenset[str]) -> Observed:
    world = World(monitor, allowed)
    before, context = monitor.counters(), dict(contextvars.copy_context())
    seen: dict[str, Any] = {}
    with Surroundings(world):
        seen["variables"] = await _in_time(_act(scenario, world), world)
        seen["tasks"] = await _tasks()
        seen["server"] = _counted(world, monitor.snapshot(before))
        await _close(world)
        seen["left"] = {
            "connections": monitor.wait(lambda: monitor.connections() == 0),
            "tasks": await _tasks_left(),
            "context": dict(contextvars.copy_context()) == context,
        }
        gc.collect()
        monitor.clear()
    seen["tracks"] = world.tracks
    if seen["server"]["counters"].get("api_total") or not (world.lengths and world.counts):
        seen = _without_lengths(seen)
    return Observed(seen, world.carried)


def _without_lengths(value: Any) -> Any:
    """Only whether there was traffic: times and durations have more digits or fewer."""
    kind = cast(Any, type(value))
    if issubclass(kind, dict):
        return {name: _without_lengths(part) for name, part in value.items()}
    if issubclass(kind, (list, tuple)):
        return cast(Any, kind)(map(_without_lengths, value))
    return bool(value) if isinstance(value, Traffic) else value


async def _in_time(acting: Coroutine[Any, Any, list[str]], world: World) -> list[str]:
    """In a task of its own, which does not go on for ever."""
    task = asyncio.create_task(acting)
    await asyncio.wait([task], timeout=_SECONDS)
    if task.done():
        return task.result()
    world.note("scenario", "does not end")
    task.cancel()
    await asyncio.wait([task], timeout=1)
    return []


def _counted(world: World, snapshot: dict[str, Any]) -> dict[str, Any]:
    """Without numbers of messages where these depend on time."""
    if not world.counts:
        snapshot["counters"] = {}
        for client in snapshot["clients"]:
            client.update(in_msgs=None, out_msgs=None)
    return snapshot


async def _act(scenario: Scenario, world: World) -> list[str]:
    """The names of the context variables that the scenario's task has in the end."""
    known = set(contextvars.copy_context())
    try:
        await scenario(world)
    except UnsupportedError:
        raise
    except Exception as error:  # an outcome as well, though not a planned one
        world.note("scenario", error)
    await world.finish()
    return sorted(
        v.name for v, value in contextvars.copy_context().items() if value and v not in known
    )


async def _close(world: World) -> None:
    for client in world.clients:
        await world.call(client.close, track="close")
        world.tracks.setdefault("closed", []).append((client.stats["reconnects"], client.is_closed))


def _others() -> list[asyncio.Task[Any]]:
    return [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]


async def _tasks() -> list[str]:
    """What goes on, after everything that is cancelled or ready has had its turns."""
    for _ in range(50):
        await asyncio.sleep(0)
    coroutines: list[Any] = [task.get_coro() for task in _others()]
    return sorted(coroutine.__qualname__ for coroutine in coroutines)


async def _tasks_left() -> list[str]:
    """What goes on although every connection is closed."""
    names = await _tasks()
    for task in _others():
        task.cancel()
    if _others():
        await asyncio.wait(_others(), timeout=1)
    return names


def differences(bare: Any, other: Any, *, is_exact: bool = True, path: str = "") -> list[str]:
    """Where two values differ, each with both sides.

    Args:
        bare: what is expected.
        other: what was seen.
        is_exact: False: counts of bytes may be more, where they are not 0.
        path: where they were found.
    """
    if type(bare) is not type(other):
        return [f"{path}: {bare!r} became {other!r}"]
    if isinstance(bare, (dict, list, tuple)):
        return [
            difference
            for key, one, two in _pairs(bare, other)
            for difference in differences(one, two, is_exact=is_exact, path=f"{path}/{key}")
        ]
    if bare == other or (not is_exact and _is_larger(bare, other)):
        return []
    return [f"{path}: {bare!r} became {other!r}"]


def _pairs(bare: Any, other: Any) -> Iterator[tuple[Any, Any, Any]]:
    if hasattr(bare, "keys"):
        for key in {**bare, **other}:
            yield key, bare.get(key, _NOTHING), other.get(key, _NOTHING)
    else:
        for index, (one, two) in enumerate(zip_longest(bare, other, fillvalue=_NOTHING)):
            yield index, one, two


def _is_larger(bare: Any, other: Any) -> bool:
    """Whether a context explains the difference of two counts of bytes."""
    if isinstance(bare, Traffic):
        return bool(bare and other)
    return isinstance(bare, Size) and (0 < bare < other or other < bare < 0)


async def compare(
    scenario: Scenario,
    monitor: Monitor,
    configuration: Configuration | None,
    bare: Observed,
) -> tuple[list[str], Observed]:
    """Play a scenario instrumented, or bare once more; what differs from its bare run.

    What differs is played again, both ways: nats-py has races of its own, such as in the start of
    a watcher, and what is by chance does not come back.
    """
    observed = await play(scenario, monitor, configuration)
    found = _compared(bare, observed, configuration)
    for _ in range(_REPEATS):
        if found:
            bare = await play(scenario, monitor)
            observed = await play(scenario, monitor, configuration)
            found = _compared(bare, observed, configuration)
    return found, observed


def _compared(bare: Observed, observed: Observed, configuration: Configuration | None) -> list[str]:
    is_exact = configuration is None or SIZES not in configuration.allowed
    found = differences(bare.seen, _without_context(observed.seen), is_exact=is_exact)
    return [f"{configuration or 'bare'}: {difference}" for difference in found]


def _without_context(seen: dict[str, Any]) -> dict[str, Any]:
    """Without the variable that says which message the task is about."""
    return {**seen, "variables": [name for name in seen["variables"] if name not in _OURS]}


__all__ = ["Configuration", "Observed", "compare", "differences", "play"]
