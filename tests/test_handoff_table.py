"""Every shape of a service under every setting: which traces are whole, and whose bytes it sees."""

from __future__ import annotations

from conftest import Instrumentation
from handoff_shapes_run import HAS_THREADING, MESSAGES
from handoff_shapes_table import (
    DOCUMENT,
    FIELDS,
    FOLLOWS,
    PYTHON,
    Results,
    document,
    measure,
    outcome_of,
    settings,
    stored,
)


async def test_the_table(server: str, instrumentation: Instrumentation) -> None:
    """What the documentation says is what is measured now, on the running Python.

    If this fails: python tests/handoff_shapes_table.py.
    """
    results = await measure(server)
    known = stored()[PYTHON]
    assert results == {title: known[title] for title in results}
    assert len(known) - len(results) == (0 if HAS_THREADING else 1)
    _assert_rules(results)


def test_the_table_is_made_of_the_data() -> None:
    """Of both groups of Pythons. If this fails: python tests/handoff_shapes_table.py."""
    assert DOCUMENT.read_text(encoding="utf-8") == document(stored())


def _assert_rules(results: Results) -> None:
    """What the documentation says in words."""
    for cells in results.values():
        for field in FIELDS:
            outcomes = [outcome_of(cells[settings(field, follow)]) for follow in FOLLOWS]
            clean = MESSAGES if field == "strip" else 0
            assert [outcome.as_sent for outcome in outcomes] == [clean] * len(FOLLOWS)
            off, message, queue, everything = outcomes
            assert off.wrong == 0
            assert everything.whole == max(outcome.whole for outcome in outcomes)
            assert everything.wrong <= message.wrong
            assert queue.wrong <= message.wrong
    assert not [title for title, cells in results.items() if _loses(cells)]


def _loses(cells: dict[str, str]) -> bool:
    """Whether following costs a trace that is whole without it, where the field stays."""
    off, *others = (outcome_of(cells[settings("refresh", follow)]) for follow in FOLLOWS)
    return any(other.whole < off.whole for other in others)
