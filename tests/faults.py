"""Every function of ours that can be made to raise, found in the modules themselves."""

from __future__ import annotations

import inspect
import pkgutil
import sys
from collections.abc import Collection, Generator, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from itertools import chain
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

import opentelemetry_instrumentation_nats_payload as package

_NOT_PER_MESSAGE = {
    # What runs when it is imported, set up or taken off again.
    *("_instrumentor", "_config", "_settings", "_methods", "_patching", "_signals"),
}
_NEVER = {
    # What ends our errors.
    "_guard",
    # A program of its own.
    "_audit",
}
_CARRIES_A_CALL = {
    # In the place of methods of a queue, which they call.
    *("_queues._get", "_queues._get_nowait", "_queues._task_done", "_queues._take"),
    "_queues._Function.__call__",
    # In the place of an iterator of nats-py's, which it calls.
    *("_iteration._Loop.__init__", "_iteration._Loop.__aiter__", "_iteration._Loop.__anext__"),
    *("_iteration._Loop.__getattr__", "_iteration._Loop.__del__"),
    # What an application calls itself.
    "propagator.NATSTracePropagator.inject_context",
    "propagator.NATSTracePropagator.extract_context",
    "propagator.NATSTracePropagator.remove_trace_headers",
    "propagator.NATSTracePropagator.create_span_from_message",
    "_batch.process_batch",
    "_process_span.process_span",
    "_handoff.use_message_context",
    # In the place of a list of nats-py's, which it asks.
    "_waiting.Waiting.__getitem__",
    # Asks for a variable, and calls what is guarded.
    "_following.leave",
    # Returns a variable.
    "_telemetry.current",
}
"""Where an error of ours would be one of the application's: nothing is done in them that could
fail, save by the functions that they call."""


class Breakable(NamedTuple):
    """A function of ours."""

    name: str
    """Its module and qualified name, without the package."""

    function: FunctionType


def _modules(left_out: Collection[str]) -> Iterator[ModuleType]:
    for found in pkgutil.iter_modules(package.__path__):
        if found.name not in left_out:
            with suppress(ImportError):  # of what this nats-py, or this interpreter, lacks
                yield import_module(f"{package.__name__}.{found.name}")


def _functions(value: Any) -> Iterator[FunctionType]:
    """The functions in what stands in a module or in a class, without what is around them."""
    if inspect.isclass(value):
        return
    if isinstance(value, property):
        yield from (f for f in (value.fget, value.fset, value.fdel) if isinstance(f, FunctionType))
    elif isinstance(value, (staticmethod, classmethod)):
        yield from _functions(value.__func__)
    elif callable(value):
        inner = inspect.unwrap(value)
        if isinstance(inner, FunctionType):
            yield inner


def _is_ours(function: FunctionType, module: ModuleType) -> bool:
    """Whether it is written in the module, and not made by a decorator such as ``dataclass``."""
    return function.__code__.co_filename == module.__file__


def _carries_a_call(name: str, function: FunctionType) -> bool:
    """Whether nats-py's or the application's own work is done inside of it.

    A coroutine function of ours awaits that, and what is named ``wrap_*`` is called once, when
    the methods are replaced.
    """
    is_wrapper = function.__name__.startswith("wrap_")
    return name in _CARRIES_A_CALL or is_wrapper or inspect.iscoroutinefunction(function)


def breakable() -> list[Breakable]:
    """All that may run on the way of a message, by name."""
    found = _found(_NOT_PER_MESSAGE | _NEVER)
    return [b for b in found if not _carries_a_call(*b)]


def everything() -> list[Breakable]:
    """All that may run when the instrumentation is set up, by name."""
    return _found(_NEVER)


def _found(left_out: Collection[str]) -> list[Breakable]:
    found: dict[str, FunctionType] = {}
    for module in _modules(left_out):
        values = list(vars(module).values())
        classes = [v for v in values if inspect.isclass(v) and v.__module__ == module.__name__]
        for owner in classes:
            values += list(vars(owner).values())
        for function in chain.from_iterable(map(_functions, values)):
            if _is_ours(function, module):
                name = f"{module.__name__.rpartition('.')[2]}.{function.__qualname__}"
                found[name] = function
    return [Breakable(name, found[name]) for name in sorted(found)]


@contextmanager
def broken(function: FunctionType) -> Generator[None]:
    """Have ``function`` raise, whoever holds it: it is the same one with other code."""
    code = function.__code__
    raising = _raise_in_generator if inspect.isgeneratorfunction(function) else _raise
    function.__code__ = raising.__code__.replace(co_freevars=code.co_freevars)
    try:
        yield
    finally:
        function.__code__ = code


def _raise(*_: Any, **__: Any) -> Any:
    """With nothing of its surroundings, which are others where its code is run."""
    from broken import Broken

    raise Broken


def _raise_in_generator(*_: Any, **__: Any) -> Any:
    from broken import Broken

    raise Broken
    yield


class Calls:
    """The code of ours that ran while it was watched."""

    def __init__(self) -> None:
        self._codes: dict[int, CodeType] = {}  # held, or another may get the same id

    def __contains__(self, function: FunctionType) -> bool:
        return id(function.__code__) in self._codes

    @contextmanager
    def watch(self) -> Generator[None]:
        """Watch what the block does, other tasks included."""
        sys.setprofile(self._note)
        try:
            yield
        finally:
            sys.setprofile(None)

    def _note(self, frame: Any, event: str, _: Any) -> None:
        if event == "call":
            self._codes[id(frame.f_code)] = frame.f_code
