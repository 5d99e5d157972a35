"""Instrument, and be sure of it."""

from __future__ import annotations

from typing import Any

from nats.aio.client import Client

from opentelemetry_instrumentation_nats_payload import NATSInstrumentor


class NotInstrumentedError(Exception):
    """What fails to instrument says so in the log, and lets the application go on without us."""


def instrument(**options: Any) -> None:
    """Instrument, or raise: nothing is proven by a run without."""
    NATSInstrumentor().instrument(skip_dep_check=True, **options)
    if not hasattr(Client.publish, "__wrapped__"):
        NATSInstrumentor().uninstrument()
        raise NotInstrumentedError
