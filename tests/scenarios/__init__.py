"""What applications do with nats-py, and how to see whether it stays the same."""

from __future__ import annotations

from . import (
    calls,
    connections,
    core,
    jetstream,
    known,
    kv,
    micro,
    object_store,
    streams,
    subscriptions,
)
from .world import Scenario

_MODULES = (core, subscriptions, connections, jetstream, streams, kv, object_store, micro, calls)
SCENARIOS: dict[str, Scenario] = {
    scenario.__name__: scenario for module in _MODULES for scenario in module.SCENARIOS
}
DIFFERENT: dict[str, Scenario] = {scenario.__name__: scenario for scenario in known.SCENARIOS}
