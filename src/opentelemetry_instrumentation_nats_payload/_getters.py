"""What a propagator reads from a carrier that somebody else wrote: the field, or headers."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice

from opentelemetry.propagators.textmap import Getter

from ._hostile import MAX_VALUE, accepted

_MAX_NAMES = 256


class CarrierGetter(Getter[Mapping[str, str]]):
    """Gives of each value what its propagator accepts in silence, see :mod:`_hostile`."""

    def get(self, carrier: Mapping[str, str], key: str) -> list[str] | None:
        """The value of ``key``, or None."""
        value = accepted(key, self._value(carrier, key))
        return None if value is None else [value]

    def text(self, carrier: Mapping[str, str], key: str) -> str | None:
        """The same as it came, if it is a text of no more than ``MAX_VALUE`` characters."""
        value = self._value(carrier, key)
        return value if isinstance(value, str) and len(value) <= MAX_VALUE else None

    def keys(self, carrier: Mapping[str, str]) -> list[str]:
        """The names that there are."""
        return list(islice(carrier, _MAX_NAMES))

    def _value(self, carrier: Mapping[str, str], key: str) -> object:
        return carrier.get(key)


class HeaderGetter(CarrierGetter):
    """Reads header values whatever the case of their names: Go clients send ``Traceparent``."""

    def _value(self, carrier: Mapping[str, str], key: str) -> object:
        value = carrier.get(key)
        if value is None:
            wanted = key.lower()
            value = next((v for k, v in carrier.items() if k.lower() == wanted), None)
        return value


carrier_getter = CarrierGetter()
header_getter = HeaderGetter()
