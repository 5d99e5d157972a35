"""Subjects, collapsed to patterns of low cardinality. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from .._subjects import RecentSubjects, SubjectRules
from .tally import Tally

MAX_FIRST_TOKENS: Final = 50
MAX_TOKENS: Final = 20
"""Different tokens that may stand at one place of a subject; past that it is ``*``."""

MAX_DEPTH: Final = 16
"""Tokens of a subject that are told apart; those behind them are ``>``."""

MAX_PATTERNS: Final = 1000
"""Lines of the report; past that, the rest of the subjects is one line, ``>``."""

# A token with a number of four digits or more, a date, a UUID, a hash, a NUID, an ULID.
_IDENTIFIER = re.compile(
    r"\d+(?:[-_:]\d+)*|.*\d{4}.*|(?=.*\d)[0-9a-fA-F-]{8,}|(?=.*\d)[0-9A-Za-z_-]{20,}"
)


class _Node:
    def __init__(self) -> None:
        self.tally: Tally | None = None
        self.children: dict[str, _Node] = {}
        self.is_collapsed = False

    def merge(self, other: _Node) -> None:
        if other.tally is not None:
            self.tally = self.tally or Tally()
            self.tally.merge(other.tally)
        for token, child in other.children.items():
            name = "*" if self.is_collapsed else token
            self.children.setdefault(name, _Node()).merge(child)
        if other.is_collapsed and not self.is_collapsed:
            self.collapse()

    def collapse(self) -> None:
        children, self.children = self.children, {"*": _Node()}
        self.is_collapsed = True
        for child in children.values():
            self.children["*"].merge(child)


class SubjectTree:
    """A tally for each pattern of subjects.

    Args:
        templates: patterns that are the names of the subjects they match, the first one wins.
    """

    def __init__(self, templates: Sequence[str] = ()) -> None:
        self._rules = SubjectRules(templates=templates)
        self._named: dict[str, Tally] = {}
        self._root = _Node()
        self._rest = Tally()
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
        return self._named.setdefault(template, Tally())

    def _find(self, subject: str) -> Tally:
        node = self._root
        tokens = subject.split(".")
        for token in tokens[:MAX_DEPTH]:
            node = self._child(node, token)
        if len(tokens) > MAX_DEPTH:
            node = node.children.setdefault(">", _Node())
        if node.tally is None:
            if self._patterns >= MAX_PATTERNS:
                return self._rest
            self._patterns += 1
            node.tally = Tally()
        return node.tally

    def _child(self, node: _Node, token: str) -> _Node:
        if node.is_collapsed or _IDENTIFIER.fullmatch(token):
            return node.children.setdefault("*", _Node())
        if token not in node.children:
            most = MAX_FIRST_TOKENS if node is self._root else MAX_TOKENS
            if len(node.children) >= most:
                node.collapse()
                self._patterns = sum(1 for _ in _patterns(self._root, ()))
                self._recent.clear()  # their tallies are merged now
                return node.children["*"]
        return node.children.setdefault(token, _Node())

    def rows(self) -> list[tuple[str, Tally]]:
        """Every pattern that messages came on, in alphabetical order, and its counts."""
        found: dict[str, Tally] = {}
        everything = [*self._named.items(), *_patterns(self._root, ()), (">", self._rest)]
        for pattern, tally in everything:
            if tally.messages:
                found.setdefault(pattern, Tally()).merge(tally)
        return sorted(found.items(), key=lambda row: row[0])


def _patterns(node: _Node, tokens: tuple[str, ...]) -> Iterator[tuple[str, Tally]]:
    if node.tally is not None:
        yield ".".join(tokens), node.tally
    for token, child in node.children.items():
        yield from _patterns(child, (*tokens, token))
