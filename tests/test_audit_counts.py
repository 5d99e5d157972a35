"""Tallies, the patterns that subjects collapse to, and which subscription counts a message."""

from __future__ import annotations

import random
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_cli import ALIAS, BARE, FIELD, INVALID, PARENT
from opentelemetry_instrumentation_nats_payload._audit import subject_tree
from opentelemetry_instrumentation_nats_payload._audit.finding import SOURCES
from opentelemetry_instrumentation_nats_payload._audit.routing import Route, Routing
from opentelemetry_instrumentation_nats_payload._audit.subject_tree import (
    MAX_DEPTH,
    MAX_FIRST_TOKENS,
    MAX_PATTERNS,
    MAX_TOKENS,
    SubjectTree,
)
from opentelemetry_instrumentation_nats_payload._audit.tally import Memory, Tally, percent
from strategies import PROPERTY, subject_tokens
from test_audit_finding import READER

_FINDINGS = [
    READER.read(payload, headers)
    for payload, headers in (
        (FIELD, None),
        (FIELD, {"traceparent": PARENT}),
        (ALIAS, None),
        (BARE, {"traceparent": PARENT}),
        (BARE, None),
        (INVALID, None),
        (b"", None),
    )
]


def _rows(subjects: list[str], *templates: str) -> dict[str, int]:
    """The rows of a report on one message on each of the subjects."""
    tree = SubjectTree(templates)
    for subject in subjects:
        tree.tally(subject).add(_FINDINGS[0])
    return {pattern: tally.messages for pattern, tally in tree.rows()}


@pytest.mark.parametrize(
    ("subjects", "rows"),
    [
        (["b", "a", "a.b"], {"a": 1, "a.b": 1, "b": 1}),
        ([f"market.S{n}.trade" for n in range(30)], {"market.*.trade": 30}),
        ([f"market.S{n}" for n in range(MAX_TOKENS)], {f"market.S{n}": 1 for n in range(20)}),
        ([f"orders.{uuid.UUID(int=n)}.new" for n in range(3)], {"orders.*.new": 3}),
        (["o.17", "o.2024-05-01", "o.ORD-10042", "o.5f2b9c1e", "o.v2"], {"o.*": 4, "o.v2": 1}),
        (
            ["o.01ARZ3NDEKTSV4RRFFQ69G5FAV", "o.deadbeef", "o.acknowledge"],
            {
                "o.*": 1,
                "o.acknowledge": 1,
                "o.deadbeef": 1,
            },
        ),
        ([f"t{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(60)], {"*": 60}),
        ([".".join("x" * 40)], {".".join("x" * MAX_DEPTH) + ".>": 1}),
        (["a.*", "a.1", "a.>"], {"a.*": 2, "a.>": 1}),
    ],
)
def test_subjects_collapse(subjects: list[str], rows: dict[str, int]) -> None:
    """Where there are many different tokens, and where one is an identifier, it is a *."""
    assert _rows(subjects) == rows


def test_collapsing_keeps_what_comes_after() -> None:
    """The tails of what was apart are together; a later tail is still apart."""
    subjects = [f"m.S{n}.{kind}" for n in range(30) for kind in ("book", "trade")]
    assert _rows(subjects) == {"m.*.book": 30, "m.*.trade": 30}


def test_what_collapses_makes_the_rest_collapse() -> None:
    """Two tokens each are few, and together too many."""
    subjects = [f"m.S{n}.{kind}{n}" for n in range(MAX_TOKENS) for kind in ("a", "b")]
    assert len(_rows(subjects)) == 2 * MAX_TOKENS
    assert _rows([*subjects, "m.other.a1"]) == {"m.*.*": 2 * MAX_TOKENS + 1}


def test_templates_are_names() -> None:
    """They go first, and are one row with a pattern of the same name."""
    assert _rows(["a.b.c", "a.b", "x"], "a.>", "a.*") == {"a.>": 2, "x": 1}
    assert _rows(["a.b", "a.17"], "a.b") == {"a.*": 1, "a.b": 1}
    assert _rows([*(f"m.S{n}.x" for n in range(30)), "m.S1.y.z"], "m.*.x") == {
        "m.*.x": 30,
        "m.S1.y.z": 1,
    }


_subjects = st.lists(
    subject_tokens | st.sampled_from(["*", ">", "", "17"]) | st.text(max_size=4),
    min_size=1,
    max_size=MAX_DEPTH + 2,
).map(".".join)


@PROPERTY
@given(
    st.lists(st.tuples(_subjects, st.sampled_from(_FINDINGS)), max_size=60),
    st.lists(st.sampled_from(["a.>", "*", "*.b", "ab"]), max_size=2),
    st.integers(1, 4),
)
def test_collapsing_conserves_counts(
    messages: list[tuple[str, object]], templates: list[str], most: int
) -> None:
    """Whatever the subjects: the rows add up to the total, and all the sources to the messages."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("MAX_FIRST_TOKENS", "MAX_TOKENS", "MAX_PATTERNS"):
            patch.setattr(subject_tree, name, most)
        patch.setattr(subject_tree._Node.__init__, "__defaults__", (most,))
        tree, total = SubjectTree(templates), Tally()
        for subject, finding in messages:
            tree.tally(subject).add(finding)  # pyright: ignore[reportArgumentType]
            total.add(finding)  # pyright: ignore[reportArgumentType]
        rows = tree.rows()
    assert len({pattern for pattern, _ in rows}) == len(rows) <= most + 1 + len(templates)
    for name, count in total.counts().items():
        if name != "traces":
            assert sum(tally.counts()[name] for _, tally in rows) == count
    for tally in (total, *(tally for _, tally in rows)):
        assert sum(tally.sources[source] for source in SOURCES) == tally.messages


def _nodes(node: subject_tree._Node) -> int:
    return 1 + sum(map(_nodes, node.children.values()))


@pytest.mark.parametrize("depth", [1, 2, 3, 5, 15, 30])
def test_memory_is_bounded(depth: int) -> None:
    """Ten thousand random subjects: no more rows than that, and as few nodes in memory."""
    choose = random.Random(depth)  # noqa: S311
    words = [f"{a}{b}{c}" for a in "abcdefghij" for b in "klmnopqrst" for c in "uvwxyz"]
    tree, total = SubjectTree(), Tally()
    for index in range(10_000):
        # Now from all words, now from few enough that no place is full.
        few = words[: MAX_TOKENS - 1] if index % 2 else words
        tree.tally(".".join(choose.choices(few, k=depth))).add(_FINDINGS[0])
        total.add(_FINDINGS[0])
    rows = tree.rows()
    assert len(rows) <= MAX_PATTERNS + 1
    assert sum(tally.messages for _, tally in rows) == total.messages
    assert _nodes(tree._root) <= MAX_PATTERNS * (MAX_DEPTH + 1) + 1
    assert all(len(pattern.split(".")) <= MAX_DEPTH + 1 for pattern, _ in rows)
    first = {pattern.split(".")[0] for pattern, _ in rows}
    assert len(first) <= MAX_FIRST_TOKENS + 1


def test_traces_are_told_apart_as_long_as_there_is_memory() -> None:
    """Tallies that share one have it together; what is merged gives some back."""
    memory = Memory(3)
    one, other = Tally(memory), Tally(memory)
    for tally in (one, other):
        tally.add(_FINDINGS[0])
        tally.add(_FINDINGS[2])
    assert (one.traces, other.traces, other.has_forgotten) == (2, 1, True)
    one.merge(other)
    assert (one.traces, one.messages, one.has_forgotten) == (2, 4, False)


@pytest.mark.parametrize(
    ("share", "text"),
    [(None, "-"), (0.0, "0.0 %"), (99.99, "99.9 %"), (100.0, "100.0 %"), (0.04, "0.0 %")],
)
def test_percent_is_never_more_than_it_is(share: float | None, text: str) -> None:
    """A hundred is all."""
    assert percent(share) == text


_ACK = "$JS.ACK.S.c.1.2.3.4.5"


@pytest.mark.parametrize(
    ("patterns", "subject", "reply", "routes"),
    [
        ([">"], "a", "", ["LOOK"]),
        (["a", ">", "*"], "a", "", ["LOOK", "SKIP", "SKIP"]),
        ([">", "*"], "a.b", "", ["LOOK", "SKIP"]),
        ([">"], "_INBOX.x", "", ["INTERNAL"]),
        ([">"], "$KV.b.k", "", ["INTERNAL"]),
        ([">", "_INBOX.>"], "_INBOX.x", "", ["SKIP", "LOOK"]),
        (["$KV.>", ">"], "$KV.b.k", "", ["LOOK", "SKIP"]),
        ([">", "a"], "a", _ACK, ["INTERNAL", "INTERNAL"]),
        (["deliver.a"], "a", _ACK, ["LOOK"]),
        (["deliver.a", "a"], "a", _ACK, ["INTERNAL", "INTERNAL"]),
        (["_INBOX.>"], "a", _ACK, ["LOOK"]),
        (["deliver.a"], "$KV.b.k", _ACK, ["INTERNAL"]),
        ([">"], "no.a", "", ["SKIP"]),
        (["no.a"], "no.a", _ACK, ["SKIP"]),
    ],
)
def test_each_message_is_counted_once(
    patterns: list[str], subject: str, reply: str, routes: list[str]
) -> None:
    """By the first of the subscriptions that get it and want it; twice the same."""
    routing = Routing(patterns, ["no.>"])
    for _ in range(2):
        found = [routing.route(index, subject, reply) for index in range(len(patterns))]
        assert found == [Route[name] for name in routes]
