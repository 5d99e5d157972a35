"""What may become of a corner case on its way, and whether it did: judged by Python's json and by
the place where the field belongs, not by the codec.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from corner_cases import AT_THE_LIMIT, HOLDS, OTHER_VALUES, TAKES, TOO_DEEP, expanded
from corner_cases_broken import BROKEN
from oracle import FIELD, MAX_ENTRIES, MAX_SIZE, Pairs, parse

_KEY = f'"{FIELD}":'.encode()
_WRITTEN_BY_US = ("traceparent", "tracestate", "baggage")
_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-0[0-9a-f]")


class Hole(NamedTuple):
    """Where a carrier goes: ``before + carrier + after``."""

    before: bytes
    after: bytes
    old: dict[str, str]
    """The carrier that is there."""


class Case(NamedTuple):
    """A payload, and what may become of it."""

    name: str
    payload: bytes
    hole: Hole | None = None
    """None where nothing may be written."""

    holds: bool = False
    """Whether the payload has a carrier already."""

    may_stay: bool = False
    """Whether it may also be left alone, in spite of the hole."""


def cases() -> list[Case]:
    """All of them; those of 1 MiB are the last."""
    return [
        *(Case(name, payload, _at_the_end(payload)) for name, payload in _flat(TAKES)),
        *(_held(name, marked) for name, marked in _flat(HOLDS)),
        *(Case(name, payload) for name, payload in _flat(OTHER_VALUES)),
        *(Case(name, payload) for name, payload in _flat(BROKEN)),
        *(_at_the_limit(name, payload) for name, payload in _flat(AT_THE_LIMIT)),
    ]


def _flat(groups: dict[str, list[bytes]]) -> Iterator[tuple[str, bytes]]:
    for group, payloads in groups.items():
        for number, payload in enumerate(payloads):
            yield f"{group} {number}", expanded(payload)


def _at_the_end(payload: bytes) -> Hole:
    brace = payload.rindex(b"}")
    comma = b"" if payload[:brace].strip() == b"{" else b","
    return Hole(payload[:brace] + comma + _KEY, payload[brace:], {})


def _held(name: str, marked: bytes) -> Case:
    before, _, rest = marked.partition(b"<")
    value, _, after = rest.partition(b">")
    return Case(name, before + value + after, Hole(before, after, json.loads(value) or {}), True)


def _at_the_limit(name: str, payload: bytes) -> Case:
    start, value = payload.partition(_KEY)[::2]
    if not value:
        return Case(name, payload, _at_the_end(payload), may_stay=True)
    end = value.index(b"}") + 1
    hole = Hole(start + _KEY, value[end:], json.loads(value[:end]))
    return Case(name, payload, hole, holds=True, may_stay=True)


class Judge:
    """Says what became of a case. The standard parser is asked once for each kind of outcome,
    because the bytes around the field are compared each time.
    """

    def __init__(self, case: Case) -> None:
        self.case = case
        self._seen: set[object] = set()

    def is_untouched(self, data: bytes) -> bool:
        """Whether not one byte has changed."""
        return data == self.case.payload

    def written(self, data: bytes) -> str:
        """The traceparent that was written; AssertionError if anything else has changed."""
        hole = self.case.hole
        assert hole is not None, "nothing may be written"
        end = len(data) - len(hole.after)
        assert data.startswith(hole.before), "changed before the field"
        assert data.endswith(hole.after), "changed behind the field"
        document = data[len(hole.before) : end]
        carrier: dict[str, str] = json.loads(document)
        assert document == _compact(carrier), "not compact"
        assert {**carrier, "traceparent": ""} == _expected(hole.old, carrier)
        if tuple(carrier) not in self._seen:
            self._seen.add(tuple(carrier))
            assert self._parsed(data) == self._parsed(self.case.payload), "another object"
        return carrier["traceparent"]

    def stripped(self, data: bytes) -> None:
        """One piece went, and for a parser it was the field; AssertionError if not."""
        payload = self.case.payload
        start = _common_start(payload, data)
        tail = _common_start(payload[::-1], data[::-1])
        assert len(data) < len(payload)
        assert start + tail >= len(data), "changed beside the field"
        if data not in self._seen and not self.case.name.startswith(TOO_DEEP):
            self._seen.add(data)
            assert self._parsed(data) == self._parsed(payload), "another object"
            assert not isinstance(dict(parse(data).items).get(FIELD), Pairs), "a field stayed"

    def _parsed(self, data: bytes) -> list[tuple[str, Any]] | None:
        """The members but for the field; None where it is too deep for some parsers."""
        if self.case.name.startswith(TOO_DEEP):
            return None
        return [pair for pair in parse(data).items if pair[0] != FIELD]


def _expected(old: dict[str, str], new: dict[str, str]) -> dict[str, str]:
    """Entries of others stay where there is room, and what travels with a valid context."""
    kept = {k: v for k, v in old.items() if k not in _WRITTEN_BY_US}
    ours = {k: old[k] for k in ("tracestate", "baggage") if k in old}
    full = {**kept, **ours, "traceparent": ""}
    size = len(_compact({**full, "traceparent": new["traceparent"]}))
    return full if len(full) <= MAX_ENTRIES and size <= MAX_SIZE else {"traceparent": "", **ours}


def _compact(carrier: dict[str, str]) -> bytes:
    return json.dumps(carrier, separators=(",", ":"), ensure_ascii=False).encode()


def _common_start(one: bytes, other: bytes) -> int:
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[:middle] == other[:middle] else (low, middle - 1)
    return low


def ids_in(traceparent: str) -> tuple[int, int]:
    """The trace id and the span id of a W3C traceparent."""
    match = _TRACEPARENT.fullmatch(traceparent)
    assert match is not None, traceparent
    return int(match[1], 16), int(match[2], 16)
