"""Telemetry never hurts the application: the one place where our own errors end."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from threading import RLock
from typing import NamedTuple, ParamSpec, TypeVar

from ._semconv import OTHER, class_name

logger = logging.getLogger("opentelemetry_instrumentation_nats_payload")
"""The one logger of this package."""

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")
_Default = TypeVar("_Default")

_MAX_KINDS = 1000
_warned: set[tuple[str, ...]] = set()


class Failure(NamedTuple):
    """A kind of error of ours."""

    function: str
    """The qualified name of what raised, as a part of ours or as a hook."""

    error_type: str


_MAX_FAILURES = 200
_failures: dict[Failure, int] = {}
# Reentrant: an iterator that is thrown away in the middle may report something as well.
_lock = RLock()


def guarded(
    default: _Default,
) -> Callable[[Callable[_Arguments, _Result]], Callable[_Arguments, _Result | _Default]]:
    """A decorator: an exception is reported, and ``default`` returned in its place.

    Only for functions that do our work. The application's own calls stay outside, so that its
    errors, and ``CancelledError`` or ``KeyboardInterrupt``, pass unchanged.
    """

    def decorate(
        function: Callable[_Arguments, _Result],
    ) -> Callable[_Arguments, _Result | _Default]:
        @wraps(function)
        def call(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result | _Default:
            try:
                return function(*args, **kwargs)
            except Exception as error:
                report_from(function, error)
                return default

        return call

    return decorate


def attempted(
    function: Callable[_Arguments, _Result],
) -> Callable[_Arguments, _Result | None]:
    """A decorator for what is tried in another way if it raises: None then, said at DEBUG alone.

    The other way meets the same error, and reports it.
    """

    @wraps(function)
    def call(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result | None:
        try:
            return function(*args, **kwargs)
        except Exception:
            with suppress(Exception):  # of a filter or a handler of the application's
                logger.debug("%s failed", function.__qualname__, exc_info=True)
            return None

    return call


def contained(what: str, function: Callable[..., _Result], *args: object) -> _Result | None:
    """What a function of the application's returns, or None if it raises, which is reported.

    Also for ``CancelledError``, which ``task.result()`` may raise: in a function that awaits
    nothing it cancels nothing, and must not end the task that calls us.
    """
    try:
        return function(*args)
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:
        name = _name_of(function)
        report(f"{what} {name}", error, name)
        return None


def _name_of(function: Callable[..., object]) -> str:
    """The qualified name, of an object that is called that of its class."""
    named = function if hasattr(function, "__qualname__") else type(function)
    return f"{getattr(named, '__module__', None)}.{named.__qualname__}"


def report_from(function: Callable[..., object], error: BaseException) -> None:
    """Count and log that ``function``, a part of ours, failed.

    For the two wrappers that every message goes through: a decorator costs a call as much as three
    calls do, and a ``try`` nothing.
    """
    name = _name_of(function)
    report(name.partition(".")[2], error, name)


def report(what: str, error: BaseException, function: str = "") -> None:
    """Count that ``what`` failed, and log it: a warning the first time for a kind, then DEBUG.

    Args:
        what: what it is called in the log.
        error: what was raised.
        function: the qualified name of what raised it.
    """
    with suppress(Exception):  # also of a filter or a handler of the application's
        _count(Failure(function or what, class_name(error)))
        level = logging.WARNING if _is_first((what, type(error).__name__)) else logging.DEBUG
        logger.log(
            level,
            "Tracing of a NATS message failed in %s; the message is not affected.",
            what,
            exc_info=error,
        )


def _count(failure: Failure) -> None:
    with _lock:
        if failure not in _failures and len(_failures) >= _MAX_FAILURES:
            failure = Failure(OTHER, OTHER)
        _failures[failure] = _failures.get(failure, 0) + 1


def failures() -> dict[Failure, int]:
    """How often each kind of error has been reported in this process."""
    with _lock:
        return dict(_failures)


def warn_once(message: str, *args: str) -> None:
    """Log a warning, once for the same message and arguments."""
    with suppress(Exception):  # as above
        if _is_first((message, *args)):
            logger.warning(message, *args)


def _is_first(kind: tuple[str, ...]) -> bool:
    if kind in _warned or len(_warned) >= _MAX_KINDS:
        return False
    _warned.add(kind)
    return True
