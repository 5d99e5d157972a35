"""A span as the demonstration keeps it, independent of how it came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

Value: TypeAlias = "str | bool | int | float | bytes | Sequence[Value] | Mapping[str, Value] | None"
Attributes: TypeAlias = Mapping[str, Value]


def _no_attributes() -> Attributes:
    return {}


@dataclass(frozen=True)
class Link:
    """A span that this one refers to without being its child."""

    trace_id: str
    span_id: str
    attributes: Attributes = field(default_factory=_no_attributes)


@dataclass(frozen=True)
class Event:
    """Something that happened during a span; the time is nanoseconds since 1970."""

    name: str
    time: int
    attributes: Attributes = field(default_factory=_no_attributes)


@dataclass(frozen=True)
class Status:
    """UNSET, OK or ERROR, and what the error says."""

    code: str = "UNSET"
    message: str = ""


@dataclass(frozen=True)
class Span:
    """One span; ids are in hexadecimal, times are nanoseconds since 1970, no parent is ""."""

    trace_id: str
    span_id: str
    parent_id: str
    service: str
    name: str
    kind: str
    start: int
    end: int
    scope: str = ""
    attributes: Attributes = field(default_factory=_no_attributes)
    links: tuple[Link, ...] = ()
    events: tuple[Event, ...] = ()
    status: Status = Status()

    @property
    def milliseconds(self) -> float:
        """The span's duration."""
        return (self.end - self.start) / 1e6


Trace: TypeAlias = list[Span]
