"""Telemetry never hurts the application: the one place where our own errors end."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

logger = logging.getLogger("opentelemetry_instrumentation_nats_payload")
"""The one logger of this package."""

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")
_Default = TypeVar("_Default")

_MAX_KINDS = 1000
_warned: set[tuple[str, ...]] = set()


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
        what = f"{function.__module__.rpartition('.')[2]}.{function.__qualname__}"

        @wraps(function)
        def call(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result | _Default:
            try:
                return function(*args, **kwargs)
            except Exception as error:
                report(what, error)
                return default

        return call

    return decorate


def attempted(
    otherwise: _Default,
) -> Callable[[Callable[_Arguments, _Result]], Callable[_Arguments, _Result | _Default]]:
    """A decorator for a short way to what is done in another way too: ``otherwise`` if it raises.

    That is said at DEBUG alone. The other way meets the same error, and reports it.
    """

    def decorate(
        function: Callable[_Arguments, _Result],
    ) -> Callable[_Arguments, _Result | _Default]:
        @wraps(function)
        def call(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result | _Default:
            try:
                return function(*args, **kwargs)
            except Exception:
                logger.debug("%s failed", function.__qualname__, exc_info=True)
                return otherwise

        return call

    return decorate


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
        report(f"{what} {getattr(function, '__qualname__', function)!s}", error)
        return None


def report(what: str, error: BaseException) -> None:
    """Log that ``what`` failed: a warning the first time for a kind of error, then DEBUG."""
    kind = (what, type(error).__name__)
    level = logging.WARNING if _is_first(kind) else logging.DEBUG
    logger.log(
        level,
        "Tracing of a NATS message failed in %s; the message is not affected.",
        what,
        exc_info=error,
    )


def warn_once(message: str, *args: str) -> None:
    """Log a warning, once for the same message and arguments."""
    if _is_first((message, *args)):
        logger.warning(message, *args)


def _is_first(kind: tuple[str, ...]) -> bool:
    if kind in _warned or len(_warned) >= _MAX_KINDS:
        return False
    _warned.add(kind)
    return True
