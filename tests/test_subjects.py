"""Subjects and patterns, against a matcher that goes token by token."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opentelemetry_instrumentation_nats_payload._subjects import (
    INBOX_PREFIXES,
    Destination,
    Handling,
    SubjectRules,
    has_wildcard,
    is_pattern,
    is_reserved,
    matcher,
)
from strategies import PROPERTY, patterns, subjects


def _matches(pattern: str, subject: str) -> bool:
    """What nats-server does: one token after the other."""
    wanted, tokens = pattern.split("."), subject.split(".")
    for index, token in enumerate(wanted):
        if token == ">":
            return len(tokens) > index
        if index >= len(tokens) or token not in ("*", tokens[index]):
            return False
    return len(tokens) == len(wanted)


def _is_valid(text: str) -> bool:
    """The rules of a pattern, one by one."""
    tokens = text.split(".")
    for index, token in enumerate(tokens):
        if token == "":
            return False
        if any(char.isspace() for char in token):
            return False
        if "*" in token and token != "*":
            return False
        if ">" in token and (token != ">" or index != len(tokens) - 1):
            return False
    return True


@PROPERTY
@given(patterns, subjects)
def test_a_pattern_matches_token_by_token(pattern: str, subject: str) -> None:
    """One pattern and one subject."""
    assert matcher([pattern])(subject) == _matches(pattern, subject)


@PROPERTY
@given(st.lists(patterns, max_size=5), subjects)
def test_several_patterns_match_if_one_does(several: list[str], subject: str) -> None:
    """Whatever their number and order."""
    assert matcher(several)(subject) == any(_matches(pattern, subject) for pattern in several)


@PROPERTY
@given(subjects, st.data())
def test_a_subject_matches_what_generalises_it(subject: str, data: st.DataObject) -> None:
    """Tokens replaced by ``*``, and an end replaced by ``>``."""
    tokens = [data.draw(st.sampled_from([token, "*"])) for token in subject.split(".")]
    kept = data.draw(st.integers(0, len(tokens)))
    if kept < len(tokens):
        tokens = [*tokens[:kept], ">"]
    pattern = ".".join(tokens)
    assert is_pattern(pattern)
    assert matcher([pattern])(subject)


@PROPERTY
@given(
    st.text(st.sampled_from([*"ab*>. \t$"]), max_size=7)
    | st.lists(st.sampled_from(["a", "*", ">", "", "a*", "é", ">>"]), max_size=4).map(".".join)
    | st.text(max_size=5)
)
def test_is_pattern_follows_the_rules(text: str) -> None:
    """No empty tokens, no white space, wildcards as whole tokens, ``>`` only as the last."""
    assert is_pattern(text) == _is_valid(text)


@PROPERTY
@given(patterns)
def test_wildcards_are_what_makes_a_pattern(pattern: str) -> None:
    """A pattern without one stands for itself alone."""
    assert is_pattern(pattern)
    assert has_wildcard(pattern) == any(token in "*>" for token in pattern.split("."))


_MATCHES = [
    ("a.b", "a.b", True),
    ("a.b", "a.b.c", False),
    ("a.b", "a", False),
    ("a.b", "A.b", False),
    ("a.b", "axb", False),
    ("a.*", "a.b", True),
    ("a.*", "a", False),
    ("a.*", "a.b.c", False),
    ("*.b", "a.b", True),
    ("a.*.c", "a.b.c", True),
    ("a.*.c", "a.b.d", False),
    ("*", "a", True),
    ("*", "a.b", False),
    ("*.*", "a.b", True),
    (">", "a", True),
    (">", "a.b.c", True),
    ("a.>", "a", False),
    ("a.>", "a.b", True),
    ("a.>", "a.b.c.d", True),
    ("a.>", "ab.c", False),
    ("a.*.>", "a.b", False),
    ("a.*.>", "a.b.c", True),
    ("a.+", "a.+", True),
    ("a.+", "a.aaa", False),
    ("a|b", "a", False),
    ("(a", "(a", True),
    ("a.[b]", "a.b", False),
    ("a.\\d", "a.1", False),
    ("é.*", "é.ü", True),
]


def test_matching_by_example() -> None:
    """Wildcards, ends, and characters that regular expressions would take for theirs."""
    for pattern, subject, verdict in _MATCHES:
        assert matcher([pattern])(subject) is verdict, (pattern, subject)
        assert _matches(pattern, subject) is verdict, (pattern, subject)


def test_no_pattern_matches_nothing() -> None:
    """An empty list is not a pattern that matches everything."""
    assert not matcher([])("a")
    assert not matcher(())("")


def test_alternatives_are_kept_apart() -> None:
    """Of several patterns each has to match on its own, from start to end."""
    matches = matcher(["a.b", "c"])
    assert [s for s in ("a.b", "c", "a.c", "a.b.c", "a", "b.c") if matches(s)] == ["a.b", "c"]


_PATTERNS = ["a", "a.b-c_d.1", "*", ">", "a.*.b.>", "*.*.*", "$JS.>", "é"]
_NO_PATTERNS = [
    *("", ".", ".a", "a.", "a..b", "a b", "a.\tb", "a\n", "a.\u00a0"),
    *("a*", "*a.b", "a.**", "a>", "a.>>", "a.>.b", ">.a", ">.>", "*>"),
]


def test_patterns_by_example() -> None:
    """What nats-server accepts in a subscription."""
    assert [text for text in _PATTERNS if not is_pattern(text)] == []
    assert [text for text in _NO_PATTERNS if is_pattern(text)] == []


_RESERVED = ["$JS.API.INFO", "$SYS.REQ", "$KV.bucket.key", "acme.$JS.API.INFO", "a.b.$O", "$"]
_NOT_RESERVED = ["a$.b", "a.b$", "cost.in$", "a.b", ""]


def test_subjects_of_nats_itself_are_reserved() -> None:
    """A token that starts with a dollar sign, wherever it stands."""
    assert [subject for subject in _RESERVED if not is_reserved(subject)] == []
    assert [subject for subject in _NOT_RESERVED if is_reserved(subject)] == []


def test_inboxes_have_known_prefixes() -> None:
    """Those of nats-py, and the ones that servers make of them."""
    assert "_INBOX.x.y".startswith(INBOX_PREFIXES)
    assert not "_INBOXES.x".startswith(INBOX_PREFIXES)


@pytest.mark.parametrize(
    ("subject", "handling", "template"),
    [
        ("orders.new", Handling.TRACE, "orders.*"),
        ("orders.eu.new", Handling.TRACE, "orders.>"),
        ("other", Handling.TRACE, None),
        ("health", Handling.IGNORE, None),
        ("health.live", Handling.PROPAGATE, None),
        ("orders.debug", Handling.IGNORE, "orders.*"),
        ("orders.tick", Handling.PROPAGATE, "orders.*"),
        ("both", Handling.IGNORE, None),
        ("$JS.API.INFO", Handling.IGNORE, None),
        ("x.$KV.a", Handling.IGNORE, None),
    ],
)
def test_rules_classify_a_subject(subject: str, handling: Handling, template: str | None) -> None:
    """Excluded before propagated before traced; the first template wins."""
    rules = SubjectRules(
        excluded=["health", "*.debug", "both"],
        propagate_only=["health.>", "*.tick", "both"],
        templates=["orders.*", "orders.>", "orders.eu.*"],
    )
    assert rules.classify(subject) == Destination(handling, template)
    assert rules.classify(subject) == Destination(handling, template)
    assert rules.handling(subject) is handling


def test_rules_without_settings_trace_everything_but_nats() -> None:
    """The defaults."""
    rules = SubjectRules()
    assert rules.classify("a.b") == Destination(Handling.TRACE, None)
    assert rules.classify("$SYS.x").handling is Handling.IGNORE


@PROPERTY
@given(st.lists(patterns, max_size=3), st.lists(patterns, max_size=3), subjects)
def test_rules_agree_with_the_matcher(
    excluded: list[str], propagated: list[str], subject: str
) -> None:
    """Whatever the patterns, and cached or not."""
    rules = SubjectRules(excluded, propagated, [*excluded, *propagated])
    if subject.startswith("$") or ".$" in subject or any(_matches(p, subject) for p in excluded):
        expected = Handling.IGNORE
    elif any(_matches(p, subject) for p in propagated):
        expected = Handling.PROPAGATE
    else:
        expected = Handling.TRACE
    template = next((p for p in [*excluded, *propagated] if _matches(p, subject)), None)
    assert rules.handling(subject) is expected
    assert rules.classify(subject) == Destination(expected, template)
