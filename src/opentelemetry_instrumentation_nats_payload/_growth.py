"""Whether a message grew on its way out, for who may have to send it again as it was."""

from __future__ import annotations

from opentelemetry import context as context_api
from opentelemetry.context import Context

_GROWTH_KEY = context_api.create_key("nats-growth")


class Growth:
    """Filled in by the publish that runs in a context made by :func:`with_growth`."""

    def __init__(self) -> None:
        self.happened = False


def with_growth(growth: Growth) -> Context:
    """The current context, in which ``growth`` is told of."""
    return context_api.set_value(_GROWTH_KEY, growth)


def tell_growth(context: Context) -> None:
    """Say that the message published in ``context`` grew."""
    growth = context.get(_GROWTH_KEY)
    if isinstance(growth, Growth):
        growth.happened = True
