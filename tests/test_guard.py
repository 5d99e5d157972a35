"""Where our errors end: reported, never raised."""

from __future__ import annotations

import asyncio
import logging

import pytest

from opentelemetry_instrumentation_nats_payload import _guard
from opentelemetry_instrumentation_nats_payload._guard import guarded, report, warn_once

_LOGGER = "opentelemetry_instrumentation_nats_payload"


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing was warned of yet, and every level is seen."""
    monkeypatch.setattr(_guard, "_warned", set[tuple[str, ...]]())
    caplog.set_level(logging.DEBUG, _LOGGER)


def _levels(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The levels of our records."""
    return [record.levelname for record in caplog.records if record.name == _LOGGER]


def test_a_result_passes(caplog: pytest.LogCaptureFixture) -> None:
    """Arguments and result of what does not fail are untouched, and nothing is logged."""

    @guarded(None)
    def add(left: int, *, right: int = 2) -> int:
        """Add."""
        return left + right

    assert (add(1), add(1, right=5)) == (3, 6)
    assert (add.__name__, add.__doc__) == ("add", "Add.")
    assert _levels(caplog) == []


@pytest.mark.parametrize("default", [None, 7, "x"])
def test_an_exception_becomes_the_default(
    caplog: pytest.LogCaptureFixture, default: object
) -> None:
    """The very default, and a warning that names the function and has the traceback."""

    @guarded(default)
    def fail() -> str:
        raise ValueError("our mistake")

    assert fail() is default
    [record] = caplog.records
    assert (record.levelname, record.name) == ("WARNING", _LOGGER)
    assert "fail" in record.getMessage()
    assert "not affected" in record.getMessage()
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], ValueError)
    assert "our mistake" in caplog.text


def test_a_kind_of_error_is_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    """A message a millisecond must not become a warning a millisecond: DEBUG from then on."""

    @guarded(None)
    def fail(error: Exception) -> None:
        raise error

    @guarded(None)
    def fail_too() -> None:
        raise ValueError

    for error in (ValueError("1"), ValueError("2"), KeyError("3"), ValueError("4"), KeyError("5")):
        fail(error)
    fail_too()
    fail_too()
    assert _levels(caplog) == [
        *("WARNING", "DEBUG", "WARNING", "DEBUG", "DEBUG"),
        *("WARNING", "DEBUG"),
    ]


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt, SystemExit, asyncio.CancelledError, GeneratorExit]
)
def test_what_is_no_exception_passes_through(
    caplog: pytest.LogCaptureFixture, error: type[BaseException]
) -> None:
    """An interrupt or a cancellation belongs to the application."""

    @guarded(None)
    def interrupted() -> None:
        raise error

    with pytest.raises(error):
        interrupted()
    assert _levels(caplog) == []


def test_a_recursion_without_end_is_an_exception(caplog: pytest.LogCaptureFixture) -> None:
    """Even that ends in the default."""

    @guarded(0)
    def endless(depth: int) -> int:
        def deeper(depth: int) -> int:
            return deeper(depth + 1) + 1

        return deeper(depth)

    assert endless(0) == 0
    assert _levels(caplog) == ["WARNING"]


def test_report_names_what_failed(caplog: pytest.LogCaptureFixture) -> None:
    """By the name it is given; the same error elsewhere is another kind."""
    report("one", ValueError("x"))
    report("other", ValueError("x"))
    report("one", ValueError("y"))
    assert _levels(caplog) == ["WARNING", "WARNING", "DEBUG"]
    assert ["one" in r.getMessage() for r in caplog.records] == [True, False, True]


def test_warn_once_warns_once(caplog: pytest.LogCaptureFixture) -> None:
    """Of each message with the same arguments; nothing is logged of repetitions."""
    for _ in range(3):
        warn_once("%s and %s", "a", "b")
        warn_once("%s and %s", "a", "c")
        warn_once("plain")
    assert [record.getMessage() for record in caplog.records] == ["a and b", "a and c", "plain"]
    assert _levels(caplog) == ["WARNING"] * 3


def test_what_is_remembered_is_bounded(caplog: pytest.LogCaptureFixture) -> None:
    """Kinds without end, such as names in messages, neither fill the memory nor the log."""
    for number in range(3000):
        warn_once("%s", str(number))
    assert len(_guard._warned) <= 1000
    assert len(caplog.records) <= 1000
    caplog.clear()
    report("late", ValueError("x"))
    assert _levels(caplog) == ["DEBUG"]
