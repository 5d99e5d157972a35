"""W3C baggage in bounded time, see :mod:`_baggage`, and passed on as it came.

OpenTelemetry's propagator encodes the delimiters of properties when it writes, so that they become
part of the value, and takes about as long to write as to read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from opentelemetry import baggage
from opentelemetry import context as context_api
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.textmap import (
    CarrierT,
    Getter,
    Setter,
    TextMapPropagator,
    default_getter,
    default_setter,
)

from ._baggage import Baggage, read_baggage
from ._getters import CarrierGetter

(_BAGGAGE_KEY,) = baggage.set_baggage("", "", Context())
_HEADER = "baggage"


class BaggagePropagator(W3CBaggagePropagator):
    """Gives what :class:`W3CBaggagePropagator` gives, whose work it takes over where it can."""

    def extract(
        self,
        carrier: CarrierT,
        context: Context | None = None,
        getter: Getter[CarrierT] = default_getter,
    ) -> Context:
        """``context`` with the baggage in ``carrier``."""
        own_getter = _own(getter)
        if own_getter is None or context is None or baggage.get_all(context):
            return super().extract(carrier, context, getter)
        text = own_getter.text(cast("Mapping[str, str]", carrier), _HEADER)
        entries = read_baggage(text) if text else None
        return context_api.set_value(_BAGGAGE_KEY, entries, context) if entries else context

    def inject(
        self,
        carrier: CarrierT,
        context: Context | None = None,
        setter: Setter[CarrierT] = default_setter,
    ) -> None:
        """Write the baggage of ``context``: the text that it was read from, if it has one."""
        entries = context_api.get_value(_BAGGAGE_KEY, context)
        if type(entries) is not Baggage:
            super().inject(carrier, context, setter)
        elif entries:
            setter.set(carrier, _HEADER, entries.text)


def _own(getter: object) -> CarrierGetter | None:
    return getter if isinstance(getter, CarrierGetter) else None


def with_own_baggage(propagator: TextMapPropagator) -> TextMapPropagator:
    """``propagator`` with :class:`BaggagePropagator` in the place of OpenTelemetry's."""
    if type(propagator) is W3CBaggagePropagator:
        return BaggagePropagator()
    # Private, and the only way to look inside. Where it is missing, nothing is replaced.
    parts = cast("list[TextMapPropagator]", getattr(propagator, "_propagators", []))
    if type(propagator) is not CompositePropagator or not parts:
        return propagator
    return CompositePropagator([with_own_baggage(part) for part in parts])
