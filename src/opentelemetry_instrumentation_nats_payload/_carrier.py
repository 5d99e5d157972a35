"""Which carrier a message's context is read from and written to, and whether it fits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, cast

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.propagators.textmap import (
    DefaultGetter,
    DefaultSetter,
    Getter,
    Setter,
    TextMapPropagator,
)
from opentelemetry.trace import SpanContext

from ._headers import header_getter, wire_size, with_carrier
from ._json import encode_carrier
from ._message import Outgoing
from ._payload import Member, PayloadField, Slot
from ._telemetry import Telemetry

_dict_getter = cast("Getter[Mapping[str, str]]", DefaultGetter())
_dict_setter = cast("Setter[dict[str, str]]", DefaultSetter())


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
    """Our field, whether or not its value is a carrier."""

    carrier: dict[str, str] | None
    """The value of our field, if it is a carrier."""

    embedded: Embedded | None


def receive(telemetry: Telemetry, payload: bytes, headers: Mapping[str, str] | None) -> Received:
    """Look for a context: in our field, then in the aliases, then in the headers.

    The first valid span context wins; without one, the first that has anything, such as baggage.
    """
    field = telemetry.field
    member = field.find(payload)
    carrier = field.read(payload, member) if member else None
    embedded = extract(telemetry.propagator, carrier, field.name)
    if embedded is None or not embedded.span_context.is_valid:
        elsewhere = _elsewhere(telemetry, payload, headers)
        if embedded is None or (elsewhere and elsewhere.span_context.is_valid):
            embedded = elsewhere
    return Received(member, carrier, embedded)


def _elsewhere(
    telemetry: Telemetry, payload: bytes, headers: Mapping[str, str] | None
) -> Embedded | None:
    """The context in an alias or in the headers, a valid span context before mere baggage."""
    found: Embedded | None = None
    for alias in telemetry.aliases:
        carrier = read_field(alias, payload)
        embedded = extract(telemetry.propagator, carrier, alias.name)
        if embedded and embedded.span_context.is_valid:
            return embedded
        found = found or embedded
    embedded = extract(telemetry.propagator, headers, "headers", header_getter)
    if embedded and embedded.span_context.is_valid:
        return embedded
    return found or embedded


def extract(
    propagator: TextMapPropagator,
    carrier: Mapping[str, str] | None,
    source: str,
    getter: Getter[Mapping[str, str]] = _dict_getter,
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


def read_field(field: PayloadField, payload: bytes) -> dict[str, str] | None:
    """The carrier in ``field`` of ``payload``, or None."""
    member = field.find(payload)
    return field.read(payload, member) if member else None


def inject(propagator: TextMapPropagator, context: Context | None) -> dict[str, str]:
    """A new carrier with what the propagators write of ``context``; empty if that is nothing.

    None stands for the current context.
    """
    carrier: dict[str, str] = {}
    propagator.inject(carrier, context, _dict_setter)
    return carrier


def reused(
    propagator: TextMapPropagator, old: Mapping[str, str] | None, new: dict[str, str]
) -> dict[str, str]:
    """``new``, and of ``old`` the entries that these propagators do not write.

    Others may: a service that injects by hand with propagators that are not configured here.
    """
    if not old or old.keys() <= new.keys():
        return new
    written = propagator.fields
    return {**{k: v for k, v in old.items() if k not in written}, **new}


def smaller(carrier: dict[str, str]) -> Iterator[dict[str, str]]:
    """``carrier``, then without its baggage, then without its tracestate too."""
    yield carrier
    for name in ("baggage", "tracestate"):
        if name in carrier:
            carrier = {k: v for k, v in carrier.items() if k != name}
            if carrier:
                yield carrier


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
    propagator = telemetry.propagator
    carrier = inject(propagator, context)
    if not carrier:
        return None
    mode = telemetry.settings.carrier
    slot: Slot | None = None
    if mode != "headers" or received.member:
        slot = telemetry.field.slot(message.payload, received.member)
    in_headers = headers_supported and (
        mode in ("headers", "both") or (mode == "auto" and not slot)
    )
    if slot is None and not in_headers:
        return None
    for candidate in smaller(carrier):
        headers = message.headers
        if in_headers:
            headers = with_carrier(headers, candidate, propagator.fields)
        written = reused(propagator, received.carrier, candidate)
        payload = _filled(message.payload, slot, written, wire_size(headers), fits)
        if payload is not None:
            return Outgoing(message.subject, payload, message.reply, headers)
    return None


def _filled(
    payload: bytes,
    slot: Slot | None,
    carrier: dict[str, str],
    headers_size: int,
    fits: Callable[[int], bool],
) -> bytes | None:
    """``payload`` with ``carrier`` in ``slot``, or None where that is more than fits."""
    if slot is None:
        return payload if fits(headers_size + len(payload)) else None
    document = encode_carrier(carrier)
    if document is None or not fits(headers_size + slot.filled_size(payload, document)):
        return None
    return slot.fill(payload, document)
