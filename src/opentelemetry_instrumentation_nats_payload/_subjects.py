"""Subjects and patterns over them: what is traced, and under which name. Pure functions.

Subjects are dot-separated tokens. In a pattern ``*`` stands for one token and a last ``>`` for
one or more (https://docs.nats.io/nats-concepts/subjects).
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from enum import Enum
from functools import lru_cache
from typing import NamedTuple, TypeVar

INBOX_PREFIXES = ("_INBOX.", "_R_.", "_GR_.")
"""Inboxes of nats-py, and what nats-server makes of them across accounts and gateways."""

_CACHED_SUBJECTS = 4096

_Value = TypeVar("_Value")


class Handling(Enum):
    """What is done about the messages of a subject."""

    TRACE = "a span, and the context is propagated"
    PROPAGATE = "the context is propagated, without a span"
    IGNORE = "neither"


class Destination(NamedTuple):
    """A subject, classified."""

    handling: Handling
    template: str | None
    """The configured pattern that the subject matches, a name of low cardinality."""


def is_pattern(text: str) -> bool:
    """Whether ``text`` is a subject or a pattern that nats-server would accept."""
    tokens = text.split(".")
    if not all(tokens) or any(char.isspace() for char in text):
        return False
    if any(len(token) > 1 and ("*" in token or ">" in token) for token in tokens):
        return False
    return ">" not in tokens[:-1]


def has_wildcard(subject: str) -> bool:
    """Whether ``subject``, a valid pattern, stands for more than one subject."""
    return "*" in subject or subject.endswith(">")


def is_reserved(subject: str) -> bool:
    """Whether a token of ``subject`` starts with ``$``: JetStream, KV, object store, system.

    Not only the first one: an account import or a leaf node puts a prefix before it.
    """
    return subject.startswith("$") or ".$" in subject


def matcher(patterns: Sequence[str]) -> Callable[[str], bool]:
    """A function that says whether a subject matches one of ``patterns``."""
    if not patterns:
        return lambda _: False
    expression = re.compile("|".join(map(_expression, patterns)))
    return lambda subject: expression.fullmatch(subject) is not None


def _expression(pattern: str) -> str:
    wildcards = {"*": r"[^.]+", ">": r".+"}
    return r"\.".join(wildcards.get(token, re.escape(token)) for token in pattern.split("."))


class SubjectRules:
    """What the settings, and NATS itself, say of each subject.

    Args:
        excluded: patterns of subjects that are left alone.
        propagate_only: patterns of subjects that get no span; ``excluded`` goes first.
        templates: patterns used as names, the first match wins.
    """

    def __init__(
        self,
        excluded: Sequence[str] = (),
        propagate_only: Sequence[str] = (),
        templates: Sequence[str] = (),
    ) -> None:
        self._is_excluded = matcher(excluded)
        self._is_propagate_only = matcher(propagate_only)
        self._templates = [(pattern, matcher([pattern])) for pattern in templates]
        self._destinations: dict[Destination, Destination] = {}
        # Bounded, because subjects may hold an id each; a hit costs a tenth of the matching.
        self.classify = lru_cache(_CACHED_SUBJECTS)(self._classify)

    def _classify(self, subject: str) -> Destination:
        destination = Destination(self.handling(subject), self._template(subject))
        # One object for all subjects that have the same: 64 of 235 bytes of an entry of the cache.
        return self._destinations.setdefault(destination, destination)

    def handling(self, subject: str) -> Handling:
        """What is done about ``subject``; not cached, for subjects that occur once."""
        if is_reserved(subject) or self._is_excluded(subject):
            return Handling.IGNORE
        if self._is_propagate_only(subject):
            return Handling.PROPAGATE
        return Handling.TRACE

    def _template(self, subject: str) -> str | None:
        return next((name for name, matches in self._templates if matches(subject)), None)


class RecentSubjects(OrderedDict[str, _Value]):
    """A dict by subject; when it is full, the oldest is forgotten.

    Not a plain dict, whose first entry is found the slower the more were taken out before it.
    """

    def remember(self, subject: str, value: _Value) -> None:
        """Set the value of ``subject``."""
        self[subject] = value
        if len(self) > _CACHED_SUBJECTS:
            self.popitem(last=False)
