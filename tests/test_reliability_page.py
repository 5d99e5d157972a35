"""The figures of the documentation are those of one whole run of the soak, of which all holds."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from soak.page import NAME, Record, page
from soak.plan import LIMIT_SECONDS, PLAN
from soak.trust import faults_of

_DOCS = Path(__file__).parents[1] / "docs"
_GENERATED = _DOCS / "generated"
_CLAIM = "nothing is lost"


def _record() -> Record:
    """What the soak wrote."""
    return json.loads((_GENERATED / f"{NAME}.json").read_text())


def _run() -> Record:
    """A record that is as it should be."""
    part: dict[str, Any] = {
        "started": "2026-11-23T00:00:00Z",
        "command": "python -m tests.soak",
        "machine": {"Python": "3.11"},
        "source": "0123456789ab",
        "busy_before": 0.01,
        "seconds": 100.0,
        "is_quick": False,
        "claims": [{"text": _CLAIM, "holds": True}],
    }
    return {name: dict(part) for name in PLAN}


def _lose(record: Record) -> None:
    del record["cluster"]


def _of(name: str, **values: Any) -> Callable[[Record], None]:
    def change(record: Record) -> None:
        record[name].update(values)

    return change


def _of_all(**values: Any) -> Callable[[Record], None]:
    def change(record: Record) -> None:
        for part in record.values():
            part.update(values)

    return change


_CHANGES: dict[str, Callable[[Record], None]] = {
    "missing": _lose,
    "quick": _of("flat", is_quick=True),
    "says nothing": _of("flat", claims=[]),
    "does not hold": _of("flat", claims=[{"text": _CLAIM, "holds": False}]),
    "command": _of("flat", command="python -m tests.soak --only flat"),
    "machine": _of("flat", machine={"Python": "3.12"}),
    "other source": _of("flat", source="ba9876543210"),
    "no source": _of_all(source=None),
    "other start": _of("flat", started="2026-11-24T00:00:00Z"),
    "busy": _of_all(busy_before=0.5),
    "too long": _of("flat", seconds=LIMIT_SECONDS),
}


def test_the_page_is_made_of_the_record() -> None:
    """If this fails: python -m tests.soak."""
    assert (_GENERATED / f"{NAME}.rst").read_text() == page(_record())


def test_the_record_is_one_whole_run_of_which_all_holds() -> None:
    """Or the page names what does not. If this fails: python -m tests.soak."""
    assert faults_of(_record(), (_DOCS / "reliability.rst").read_text()) == []


@pytest.mark.parametrize("name", _CHANGES)
def test_a_record_with_a_fault_is_refused(name: str) -> None:
    """Each kind of fault, by itself, in a record that has no other one."""
    record = _run()
    assert faults_of(record) == []
    _CHANGES[name](record)
    assert len(faults_of(record)) == 1


def test_what_does_not_hold_may_be_explained() -> None:
    """The page has the statement, word by word, whatever its lines are."""
    record = _run()
    _CHANGES["does not hold"](record)
    assert faults_of(record, "It is not so that nothing\nis lost here, because of that.") == []


def test_parts_are_planned_for_less_than_they_may_take() -> None:
    """All together, as the page says."""
    assert sum(part.seconds for part in PLAN.values()) < LIMIT_SECONDS
