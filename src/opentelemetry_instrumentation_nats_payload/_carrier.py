"""Which carrier a message's context is read from and written to, and whether it fits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from opentelemetry import context as context_api
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.propagators.textmap import Getter, Setter, TextMapPropagator
from opentelemetry.trace import SpanContext

from ._getters import carrier_getter, header_getter
from ._guard import guarded
from ._headers import is_plain, wire_size, with_carrier
from ._json import MAX_CARRIER_ENTRIES, encode_carrier
from ._message import Outgoing
from ._splice import Member, Slot
from ._telemetry import Telemetry

RECEIVED_KEY = context_api.create_key("nats-received")
"""Under this key, the span context that the message being processed came with, where its process
span is only linked to it."""


class _TextSetter(Setter[dict[str, str]]):
    """Leaves out what no reader would accept, so that it does not cost the rest."""

    def set(self, carrier: dict[str, str], key: Any, value: Any) -> None:
        if _is_text(key) and _is_text(value):
            carrier[key] = value


def _is_text(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        return value.isascii() or bool(value.encode())
    except UnicodeEncodeError:  # a lone surrogate
        return False


_text_setter = _TextSetter()


class Embedded(NamedTuple):
    """A context that a message carries."""

    context: Context
    """What the propagators found, in a context that was empty; may be baggage alone."""

    span_context: SpanContext
    source: str
    """Where it was: the name of the field, or ``headers``."""


class Received(NamedTuple):
    """What was found in a message."""

    member: Member | None
    """What stands under the field's name, carrier or not."""

    embedded: Embedded | None


def receive(
    telemetry: Telemetry,
    payload: bytes,
    headers: Mapping[str, str] | None,
    *,
    is_outgoing: bool = False,
) -> Received:
    """Look for a context: in our field, then in the aliases, then in the headers.

    The first valid span context wins; without one, the first that has anything, such as baggage.
    A payload that goes out is looked at as a whole: only in a JSON object is anything replaced.
    """
    found: Embedded | None = None
    field = telemetry.field
    member = field.find(payload) if is_outgoing else field.read(payload)
    for embedded in _candidates(telemetry, member, payload, headers, is_outgoing=is_outgoing):
        if embedded is not None and embedded.span_context.is_valid:
            return Received(member, embedded)
        found = found or embedded
    return Received(member, found)


def _candidates(
    telemetry: Telemetry,
    member: Member | None,
    payload: bytes,
    headers: Mapping[str, str] | None,
    *,
    is_outgoing: bool,
) -> Iterator[Embedded | None]:
    propagator = telemetry.propagator
    if member is not None:
        yield extract(propagator, member.carrier, telemetry.field.name)
    for alias in telemetry.aliases:
        found = alias.find(payload) if is_outgoing else alias.read(payload)
        if found is not None:
            yield extract(propagator, found.carrier, alias.name)
    if headers:
        yield _extract_headers(propagator, headers)


@guarded(None)
def _extract_headers(propagator: TextMapPropagator, headers: Mapping[str, str]) -> Embedded | None:
    return extract(propagator, headers, "headers", header_getter)


def extract(
    propagator: TextMapPropagator,
    carrier: Mapping[str, str] | None,
    source: str,
    getter: Getter[Mapping[str, str]] = carrier_getter,
) -> Embedded | None:
    """The context in ``carrier``, or None where the propagators find nothing in it."""
    if not carrier:
        return None
    # An empty context, never the current one: nats-py runs callbacks in a long-lived task that
    # copied whatever was current when subscribe() was called.
    context = propagator.extract(carrier, Context(), getter)
    if not context:
        return None
    return Embedded(context, trace.get_current_span(context).get_span_context(), source)


def inject(propagator: TextMapPropagator, context: Context | None) -> dict[str, str]:
    """A new carrier with what the propagators write of ``context``; empty if that is nothing.

    None stands for the current context.
    """
    carrier: dict[str, str] = {}
    propagator.inject(carrier, context, _text_setter)
    return carrier


def documents(
    propagator: TextMapPropagator, old: Mapping[str, str] | None, carrier: dict[str, str]
) -> Iterator[tuple[dict[str, str], bytes]]:
    """``carrier``, then ever less of it, each with its JSON for a field that held ``old``.

    Entries of ``old`` that these propagators do not write stay as long as there is room: a
    service may inject by hand with propagators that are not configured here.
    """
    foreign: dict[str, str] = {}
    if old and not old.keys() <= carrier.keys():
        written = propagator.fields
        foreign = {k: v for k, v in old.items() if k not in written}
    for candidate in _smaller(carrier):
        for kept in (foreign, {}) if foreign else ({},):
            document = encode_carrier({**kept, **candidate})
            if document is not None:
                yield candidate, document


def _smaller(carrier: dict[str, str]) -> Iterator[dict[str, str]]:
    """``carrier``, without its baggage, without its tracestate, and without its last entries.

    Propagators write the span context first.
    """
    yield carrier
    for name in ("baggage", "tracestate"):
        if name in carrier and len(carrier) > 1:
            carrier = {k: v for k, v in carrier.items() if k != name}
            yield carrier
    entries = list(carrier.items())
    for count in range(min(len(entries) - 1, MAX_CARRIER_ENTRIES), 0, -1):
        yield dict(entries[:count])


def send(
    telemetry: Telemetry,
    message: Outgoing,
    received: Received,
    context: Context,
    fits: Callable[[int], bool],
    *,
    headers_supported: bool,
) -> Outgoing | None:
    """``message`` with ``context`` in the configured carriers, or None if it stays as it is.

    Args:
        received: what the payload holds already; a field that is there is replaced in place
            whatever the configured carrier, because readers would find the old one first.
        fits: whether the server takes a message of so many bytes, headers and payload.
        headers_supported: whether the server takes headers.
    """
    carrier = inject(telemetry.propagator, context)
    if not carrier:
        return None
    mode = telemetry.settings.carrier
    slot: Slot | None = None
    if mode != "headers" or received.member:
        slot = telemetry.field.slot(message.payload, received.member)
    in_headers = mode in ("headers", "both") or (mode == "auto" and slot is None)
    in_headers = in_headers and headers_supported and is_plain(message.headers)
    old = received.member.carrier if received.member else None
    for written_slot, with_headers in _targets(slot, in_headers):
        for candidate, document in documents(telemetry.propagator, old, carrier):
            headers = message.headers
            if with_headers:
                headers = with_carrier(headers, candidate, telemetry.propagator.fields)
            payload = _filled(message.payload, written_slot, document, wire_size(headers), fits)
            if payload is not None:
                return Outgoing(message.subject, payload, message.reply, headers)
    return None


def _targets(slot: Slot | None, in_headers: bool) -> Iterator[tuple[Slot | None, bool]]:
    """Where to write: into both where both are wanted, else where one of them fits."""
    if slot is not None and in_headers:
        yield slot, True
    if slot is not None:
        yield slot, False
    if in_headers:
        yield None, True


def _filled(
    payload: bytes,
    slot: Slot | None,
    document: bytes,
    headers_size: int,
    fits: Callable[[int], bool],
) -> bytes | None:
    """``payload`` with ``document`` in ``slot``, or None where that is more than fits."""
    if slot is None:
        return payload if fits(headers_size + len(payload)) else None
    if not fits(headers_size + slot.filled_size(payload, document)):
        return None
    return slot.fill(payload, document)
