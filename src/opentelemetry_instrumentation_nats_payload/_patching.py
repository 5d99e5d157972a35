"""The patch table: what was replaced on nats-py's classes, and how it is given back."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from functools import update_wrapper
from types import FunctionType
from typing import Any, NamedTuple

from ._guard import guarded, logger, warn_once

_OWN_PACKAGE = __name__.partition(".")[0]
_SOURCE = "async def {}({}): return await _otel_nats_wrapper({})"


class _Patch(NamedTuple):
    owner: type
    name: str
    original: Any
    wrapper: Any


class PatchTable:
    """Replaced attributes of classes, restored in reverse.

    Contrib's ``unwrap`` takes off whatever was put on last, also another package's wrapper.
    """

    def __init__(self) -> None:
        self._patches: list[_Patch] = []
        self._later: dict[str, Callable[[], None]] = {}

    def replace(self, owner: type, name: str, make_wrapper: Callable[[Any], Any]) -> None:
        """Put ``make_wrapper(original)`` in the place of ``owner.name``.

        An attribute that this version of nats-py lacks, or that somebody replaced by something
        else than a method, is left out, said at DEBUG.
        """
        original = owner.__dict__.get(name)
        if not hasattr(original, "__get__"):
            logger.debug("%s has no %s to instrument", owner.__qualname__, name)
            return
        self._warn_of_foreign(owner, original)
        wrapper = make_wrapper(original)
        if _wrapping_package(original, _library_of(owner)) is None:
            wrapper = with_parameters_of(original, wrapper)
        setattr(owner, name, wrapper)
        self._patches.append(_Patch(owner, name, original, wrapper))

    def define(self, owner: type, name: str, value: Any) -> None:
        """Put ``value`` in the place of ``owner.name``, which is the default of a field.

        An attribute that is missing, or a descriptor, is left out, said at DEBUG.
        """
        original = owner.__dict__.get(name)
        if original is None or hasattr(original, "__get__"):
            logger.debug("%s.%s is no default of a field", owner.__qualname__, name)
            return
        setattr(owner, name, value)
        self._patches.append(_Patch(owner, name, original, value))

    def replace_later(self, module: str, replace: Callable[[], None]) -> None:
        """Call ``replace`` once ``module`` is imported: now, or at a :meth:`check`."""
        self._later[module] = replace
        self._replace_imported()

    def _replace_imported(self) -> None:
        for module in [module for module in self._later if module in sys.modules]:
            self._later[module]()
            del self._later[module]

    def restore(self) -> None:
        """Put the originals back, save where somebody else has wrapped our wrapper since."""
        self._later.clear()
        while self._patches:
            owner, name, original, wrapper = self._patches.pop()
            if owner.__dict__.get(name) is wrapper:
                setattr(owner, name, original)
            else:
                logger.debug(
                    "%s.%s was wrapped again; our wrapper stays, and passes through",
                    owner.__qualname__,
                    name,
                )

    @guarded(None)
    def check(self) -> None:
        """Replace what has been imported since, and warn once of every method that another
        package has wrapped.
        """
        self._replace_imported()
        for owner, name, _, wrapper in self._patches:
            attribute = owner.__dict__.get(name)
            if attribute is not wrapper:
                self._warn_of_foreign(owner, attribute)

    @guarded(None)
    def _warn_of_foreign(self, owner: type, attribute: Any) -> None:
        package = _wrapping_package(attribute, _library_of(owner))
        if package is not None:
            warn_once(
                "nats-py is also wrapped by %s. If that is a second NATS instrumentation, messages "
                "get spans twice: disable one of the two (OTEL_PYTHON_DISABLED_INSTRUMENTATIONS).",
                package,
            )


def _library_of(owner: type) -> str:
    return owner.__module__.partition(".")[0]


def _wrapping_package(attribute: Any, library: str) -> str | None:
    """The package that defined a wrapper around a method of ``library``, or None if none did."""
    # wrapt keeps the wrapper apart; functools.wraps copies __module__, but not __globals__.
    function = getattr(attribute, "_self_wrapper", attribute)
    module = getattr(
        inspect.unwrap(function, stop=lambda f: hasattr(f, "__globals__")), "__globals__", {}
    )
    package = str(module.get("__name__", type(attribute).__module__)).partition(".")[0]
    return None if package in (library, _OWN_PACKAGE) else package


def unbound(method: Any) -> Callable[..., Any]:
    """A function that takes ``self`` first, of what stands in a class's ``__dict__``.

    A plain function is one. A foreign wrapper has to be bound, or it takes ``self`` for the
    first argument.
    """
    if type(method) is FunctionType:  # wrapt's wrappers pass for one with isinstance
        return method

    def call(self: object, *args: Any, **kwargs: Any) -> Any:
        return method.__get__(self, type(self))(*args, **kwargs)

    return call


def with_parameters_of(original: Any, wrapper: Any) -> Any:
    """``wrapper``, a coroutine function that takes anything, with the parameters of nats-py's own.

    What is wrong with a call is then said at the call, in Python's words, and not when the
    coroutine is awaited. The function for that is written, as ``dataclass`` does: what wrapt makes
    is none for ``pickle`` and ``weakref.WeakMethod``, and takes 1 µs more.
    """
    if not _is_async(original) or not _is_async(wrapper) or not _takes_anything(wrapper):
        return wrapper
    code = original.__code__
    (first, *others), varargs, varkw = inspect.getargs(code)
    if varargs or varkw or code.co_posonlyargcount:
        return wrapper
    parameters = [first, *others]
    if code.co_kwonlyargcount:
        parameters.insert(code.co_argcount, "*")
    arguments = [first, *(f"{name}={name}" for name in others)]
    source = _SOURCE.format(code.co_name, ", ".join(parameters), ", ".join(arguments))
    scope: dict[str, Any] = {"__name__": __name__, "_otel_nats_wrapper": wrapper}
    exec(compile(source, f"<{__name__}>", "exec"), scope)  # noqa: S102  (names of parameters)
    function = scope.pop(code.co_name)
    function.__defaults__, function.__kwdefaults__ = original.__defaults__, original.__kwdefaults__
    return update_wrapper(function, original)


def _is_async(function: Any) -> bool:
    return type(function) is FunctionType and inspect.iscoroutinefunction(function)


def _takes_anything(function: FunctionType) -> bool:
    return bool(function.__code__.co_flags & inspect.CO_VARARGS)
