"""The messaging model of the semantic conventions, as installed and as their documents have it.

The package opentelemetry-semantic-conventions has names, but no requirement levels: those are
written down here, from ``model/messaging/spans.yaml`` and ``docs/messaging/messaging-metrics.md``
of https://github.com/open-telemetry/semantic-conventions.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Mapping
from importlib import import_module
from itertools import pairwise
from types import ModuleType
from typing import Any

from opentelemetry.semconv._incubating.attributes import messaging_attributes
from opentelemetry.semconv._incubating.metrics import messaging_metrics
from opentelemetry.semconv.schemas import Schemas
from packaging.version import Version

Levels = Mapping[str, tuple[type, str]]

SCHEMA_URLS = {schema.value for schema in Schemas}


def version_of(schema_url: str) -> Version:
    """The version of the conventions that a schema URL names."""
    return Version(schema_url.rsplit("/", 1)[-1])


NEWEST = max(map(version_of, SCHEMA_URLS))

_OPT_IN, _RECOMMENDED, _REQUIRED = "opt-in", "recommended", "required"
_CONDITIONAL = "conditionally required"

_COMMON: Levels = {
    "messaging.system": (str, _REQUIRED),
    "messaging.operation.name": (str, _REQUIRED),
    "messaging.operation.type": (str, _CONDITIONAL),
    "messaging.destination.name": (str, _CONDITIONAL),
    "messaging.destination.template": (str, _CONDITIONAL),
    "messaging.destination.partition.id": (str, _RECOMMENDED),
    "messaging.message.id": (str, _RECOMMENDED),
    "messaging.message.conversation_id": (str, _RECOMMENDED),
    "messaging.batch.message_count": (int, _CONDITIONAL),
    "messaging.client.id": (str, _RECOMMENDED),
    "server.address": (str, _RECOMMENDED),
    "server.port": (int, _RECOMMENDED),
    "error.type": (str, _CONDITIONAL),
}
_NETWORK: Levels = {
    "network.peer.address": (str, _RECOMMENDED),
    "network.peer.port": (int, _RECOMMENDED),
}
_SIZES: Levels = {
    "messaging.message.body.size": (int, _OPT_IN),
    "messaging.message.envelope.size": (int, _OPT_IN),
}
SPAN_LEVELS: Mapping[str, Levels] = {
    "send": {**_COMMON, **_NETWORK, **_SIZES},
    "receive": {**_COMMON, **_NETWORK, **_SIZES},
    "process": {**_COMMON, **_SIZES},
    "settle": {**_COMMON, **_NETWORK},
}
"""By operation type."""

SPAN_KINDS = {
    "send": {"PRODUCER", "CLIENT"},
    "receive": {"CLIENT"},
    "process": {"CONSUMER"},
    "settle": {"CLIENT"},
}

SYSTEM_SPECIFIC: Levels = {
    "messaging.consumer.group.name": (str, _CONDITIONAL),
    "messaging.destination.subscription.name": (str, _CONDITIONAL),
    "messaging.destination.temporary": (bool, _CONDITIONAL),
    "messaging.destination.anonymous": (bool, _CONDITIONAL),
}
"""Attributes of spans that the conventions of a system may use."""

_SENT: Levels = {
    "messaging.system": (str, _REQUIRED),
    "messaging.operation.name": (str, _REQUIRED),
    "error.type": (str, _CONDITIONAL),
    "messaging.destination.name": (str, _CONDITIONAL),
    "messaging.destination.template": (str, _CONDITIONAL),
    "messaging.destination.partition.id": (str, _RECOMMENDED),
    "server.address": (str, _CONDITIONAL),
    "server.port": (int, _RECOMMENDED),
}
_CONSUMED: Levels = {
    **_SENT,
    "messaging.consumer.group.name": (str, _CONDITIONAL),
    "messaging.destination.subscription.name": (str, _CONDITIONAL),
}
METRIC_LEVELS: Mapping[str, Levels] = {
    "messaging.client.operation.duration": {
        **_CONSUMED,
        "messaging.operation.type": (str, _CONDITIONAL),
    },
    "messaging.process.duration": _CONSUMED,
    "messaging.client.sent.messages": _SENT,
    "messaging.client.consumed.messages": _CONSUMED,
}


def _documented(module: ModuleType) -> dict[str, str]:
    """The constants of ``module`` by value, with the text under each."""
    body = ast.parse(inspect.getsource(module)).body
    return {
        ast.literal_eval(statement.value): inspect.cleandoc(str(text.value.value))
        for statement, text in pairwise(body)
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.value, ast.Constant)
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
    }


def _current(constants: dict[str, str]) -> dict[str, str]:
    return {name: text for name, text in constants.items() if not text.startswith("Deprecated")}


def attribute_names() -> set[str]:
    """The names of attributes that are not deprecated."""
    names = ("_incubating.attributes.messaging", "attributes.error", "attributes.server")
    # An older package has no code_attributes, and none of the model to compare with.
    names = (*names, "attributes.code")
    modules = (import_module(f"opentelemetry.semconv.{name}_attributes") for name in names)
    return {name for module in modules for name in _current(_documented(module))}


def operation_types() -> set[str]:
    """The values of ``messaging.operation.type`` that are not deprecated."""
    tree = ast.parse(inspect.getsource(messaging_attributes.MessagingOperationTypeValues))
    body: list[Any] = list(tree.body[0].body)  # type: ignore[attr-defined]
    return {
        statement.value.value
        for statement, text in zip(body[::2], body[1::2], strict=True)
        if not text.value.value.startswith("Deprecated")
    }


def metrics() -> dict[str, tuple[str, str, str]]:
    """Description, unit and kind of instrument of metrics that are not deprecated."""
    pattern = r"(?P<text>.*)\nInstrument: (?P<kind>.*)\nUnit: (?P<unit>.*)"
    found = _current(_documented(messaging_metrics)).items()
    matches = {name: re.match(pattern, text) for name, text in found}
    return {name: (f"{m['text']}.", m["unit"], m["kind"]) for name, m in matches.items() if m}
