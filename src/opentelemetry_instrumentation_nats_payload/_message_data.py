"""``Msg.data``, as a property that notices who reads it.

A data descriptor, because an instance's own ``__dict__`` comes first otherwise; the value stays in
that ``__dict__``, so that copies, pickles and what is left after uninstrumenting have it.
"""

from __future__ import annotations

from typing import Any

from ._delivery import ATTRIBUTE, Delivery, current_delivery
from ._following import follow

_NAME = "data"


def make_property(default: bytes) -> property:
    """The property.

    Args:
        default: what the dataclass has for a message without data.
    """
    current = current_delivery.get

    def read(message: Any) -> Any:
        values: dict[str, Any] = message.__dict__
        delivery: Delivery | None = values.get(ATTRIBUTE)
        if delivery is not None and delivery.is_armed and current() is not delivery:
            follow(delivery)
        try:
            return values[_NAME]
        except KeyError:
            return default

    def write(message: Any, value: Any) -> None:
        message.__dict__[_NAME] = value

    def delete(message: Any) -> None:
        try:
            del message.__dict__[_NAME]
        except KeyError:
            raise AttributeError(_NAME) from None

    return property(read, write, delete)
