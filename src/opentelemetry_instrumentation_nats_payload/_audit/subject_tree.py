"""Subjects, collapsed to patterns of low cardinality. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from .._subjects import RecentSubjects, SubjectRules
from .tally import Memory, Tally

MAX_FIRST_TOKENS: Final = 50
MAX_TOKENS: Final = 20
"""Different tokens that may stand at one place of a subject; past that it is ``*``."""

MAX_DEPTH: Final = 16
"""Tokens of a subject that are told apart; those behind them are ``>``."""

MAX_PATTERNS: Final = 1000
"""Patterns that are told apart; past that, what is new counts under ``>``."""

# A number, also one with - _ : in it, any token with four digits in a row, hexadecimal digits from
# eight on, letters and digits from twenty on: dates, UUIDs, hashes, NUIDs, ULIDs.
_IDENTIFIER = re.compile(
    r"\d+(?:[-_:]\d+)*|.*\d{4}.*|(?=.*\d)[0-9a-fA-F-]{8,}|(?=.*\d)[0-9A-Za-z_-]{20,}"
)


class _Node:
    def __init__(self, most: int = MAX_TOKENS) -> None:
        self.tally: Tally | None = None
        self.children: dict[str, _Node] = {}
        self._most = most
        self._is_collapsed = False

    def name_of(self, token: str) -> str:
        """Under which name the child for ``token`` is."""
        return "*" if self._is_collapsed or _IDENTIFIER.fullmatch(token) else token

    @property
    def is_full(self) -> bool:
        return not self._is_collapsed and len(self.children) >= self._most

    def collapse(self) -> None:
        """Make one child of all."""
        children, self.children = self.children, {"*": _Node()}
        self._is_collapsed = True
        for child in children.values():
            self.children["*"].merge(child)

    def merge(self, other: _Node) -> None:
        """Take over the counts of ``other`` and of those below it."""
        if other.tally is not None:
            if self.tally is None:
                self.tally = other.tally
            else:
                self.tally.merge(other.tally)
        if other._is_collapsed and not self._is_collapsed:
            self.collapse()
        for token, child in other.children.items():
            name = self.name_of(token)
            if name not in self.children and self.is_full:
                self.collapse()
                name = "*"
            self.children.setdefault(name, _Node()).merge(child)


class SubjectTree:
    """A tally for each pattern of subjects.

    Args:
        templates: patterns that are the names of the subjects they match, the first one wins.
    """

    def __init__(self, templates: Sequence[str] = ()) -> None:
        self._rules = SubjectRules(templates=templates)
        self._named: dict[str, Tally] = {}
        self._memory = Memory()
        self._root = _Node(MAX_FIRST_TOKENS)
        self._rest = Tally(self._memory)
        self._patterns = 0
        self._recent: RecentSubjects[Tally] = RecentSubjects()

    def tally(self, subject: str) -> Tally:
        """The counts that a message on ``subject`` belongs to."""
        tally = self._recent.get(subject)
        if tally is None:
            template = self._rules.classify(subject).template
            tally = self._find(subject) if template is None else self._of_template(template)
            self._recent.remember(subject, tally)
        return tally

    def _of_template(self, template: str) -> Tally:
        return self._named.setdefault(template, Tally(self._memory))

    def _find(self, subject: str) -> Tally:
        tokens = subject.split(".")
        path = tokens[:MAX_DEPTH] + ([">"] if len(tokens) > MAX_DEPTH else [])
        tally = self._existing(path)
        if tally is None and self._patterns < MAX_PATTERNS:
            tally = self._new(path)
        return tally or self._rest

    def _existing(self, path: Sequence[str]) -> Tally | None:
        node: _Node | None = self._root
        for token in path:
            if (node := node.children.get(node.name_of(token))) is None:
                return None
        return node.tally

    def _new(self, path: Sequence[str]) -> Tally:
        node, has_collapsed = self._root, False
        for token in path:
            name = node.name_of(token)
            if name not in node.children and node.is_full:
                node.collapse()
                name, has_collapsed = "*", True
            node = node.children.setdefault(name, _Node())
        if node.tally is None:
            node.tally = Tally(self._memory)
            self._patterns += 1
        if has_collapsed:
            self._patterns = sum(1 for _ in _patterns(self._root, ()))
            self._recent.clear()  # their tallies are merged now
        return node.tally

    def rows(self) -> list[tuple[str, Tally]]:
        """Every pattern that messages came on, in alphabetical order, and its counts."""
        found: dict[str, Tally] = {}
        everything = [*self._named.items(), *_patterns(self._root, ()), (">", self._rest)]
        for pattern, tally in everything:
            if pattern in found:  # a template, or a subject that is literally *
                found[pattern] = _together(found[pattern], tally)
            elif tally.messages:
                found[pattern] = tally
        return sorted(found.items(), key=lambda row: row[0])


def _together(*tallies: Tally) -> Tally:
    both = Tally()
    for tally in tallies:
        both.add_all(tally)
    return both


def _patterns(node: _Node, tokens: tuple[str, ...]) -> Iterator[tuple[str, Tally]]:
    if node.tally is not None:
        yield ".".join(tokens), node.tally
    for token, child in node.children.items():
        yield from _patterns(child, (*tokens, token))
