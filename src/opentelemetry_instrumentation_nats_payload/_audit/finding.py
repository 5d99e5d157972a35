"""What one message carries. Pure: bytes and headers in, a finding out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

from opentelemetry.propagators.textmap import TextMapPropagator
from opentelemetry.trace import INVALID_SPAN_CONTEXT, SpanContext

from .._carrier import Embedded, extract
from .._getters import header_getter
from .._headers import wire_size, without
from .._json import as_object
from .._payload import PayloadField

Source = Literal["payload", "alias", "headers", "none", "invalid", "not_eligible"]

CARRYING: Final[tuple[Source, ...]] = ("payload", "alias", "headers")
SOURCES: Final[tuple[Source, ...]] = (*CARRYING, "none", "invalid", "not_eligible")


class Finding(NamedTuple):
    """What one message carries."""

    source: Source
    """Where the context is that a consumer continues. Or why there is none: ``none`` could carry
    one, ``invalid`` has one that cannot be read, ``not_eligible`` is no JSON object and has no
    headers."""

    span_context: SpanContext
    in_both: bool
    """Whether the payload and the headers have a context."""

    bytes_added: int
    """By how much the message is longer for the contexts in it."""


class _Look(NamedTuple):
    """What is in one place of a message."""

    span_context: SpanContext = INVALID_SPAN_CONTEXT
    size: int = 0
    is_broken: bool = False


_NOTHING = _Look()
_BROKEN = _Look(is_broken=True)


class Reader:
    """Looks at messages in the way of an instrumented consumer.

    Args:
        field: the name of the payload field.
        aliases: further fields that are read.
        propagator: reads the carriers.
    """

    def __init__(self, field: str, aliases: Sequence[str], propagator: TextMapPropagator) -> None:
        self._fields: dict[PayloadField, Source] = {PayloadField(field): "payload"}
        self._fields.update(dict.fromkeys(map(PayloadField, aliases), "alias"))
        self._propagator = propagator
        self._names = propagator.fields
        self._context_names = {name.lower() for name in self._names} - {"baggage"}

    def read(self, payload: bytes, headers: Mapping[str, str] | None) -> Finding:
        """What a message carries."""
        in_headers = self._in_headers(headers) if headers else _NOTHING
        is_broken = in_headers.is_broken
        for field, source in self._fields.items():
            look = self._in_field(field, payload)
            if look.span_context.is_valid:
                in_both = in_headers.span_context.is_valid
                return Finding(source, look.span_context, in_both, look.size + in_headers.size)
            is_broken = is_broken or look.is_broken
        if in_headers.span_context.is_valid:
            return Finding("headers", in_headers.span_context, False, in_headers.size)
        return Finding(_why(payload, headers, is_broken), INVALID_SPAN_CONTEXT, False, 0)

    def _in_field(self, field: PayloadField, payload: bytes) -> _Look:
        member = field.find(payload)
        if member is None or member.carrier == {}:
            return _NOTHING
        if member.carrier is None:
            return _BROKEN
        found = self._extract(member.carrier, field.name)
        if found is not None and found.span_context.is_valid:
            return _Look(found.span_context, len(payload) - len(field.cut(payload, member)))
        return _NOTHING if found is not None and not self._names_one(member.carrier) else _BROKEN

    def _in_headers(self, headers: Mapping[str, str]) -> _Look:
        if not self._names_one(headers):
            return _NOTHING
        found = self._extract(headers, "headers", header_getter)
        if found is None or not found.span_context.is_valid:
            return _BROKEN
        rest = without(headers, self._names) or None
        return _Look(found.span_context, wire_size(headers) - wire_size(rest))

    def _extract(self, carrier: Mapping[str, str], *how: Any) -> Embedded | None:
        try:
            return extract(self._propagator, carrier, *how)
        except Exception:  # of a propagator that is not prepared for everything
            return None

    def _names_one(self, carrier: Mapping[str, str]) -> bool:
        """Whether an entry is a span context by its name, and not baggage alone."""
        return any(name.lower() in self._context_names for name in carrier)


def _why(payload: bytes, headers: Mapping[str, str] | None, is_broken: bool) -> Source:
    if is_broken:
        return "invalid"
    return "none" if headers or as_object(payload) is not None else "not_eligible"
