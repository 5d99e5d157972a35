"""The settings as the tests know them, and what was logged about bad ones."""

from __future__ import annotations

import dataclasses
import logging

import pytest

from opentelemetry_instrumentation_nats_payload._config import Settings

LOGGER = "opentelemetry_instrumentation_nats_payload"
FIELDS = {setting.name: setting for setting in dataclasses.fields(Settings)}
VARIABLES = {name: f"OTEL_PYTHON_NATS_{name.upper()}" for name in FIELDS}
DEFAULTS: dict[str, object] = {
    "carrier": "payload",
    "payload_field": "_otel_trace_headers",
    "payload_field_aliases": ("_otel_trace_context",),
    "consumed_field": "refresh",
    "excluded_subjects": (),
    "propagate_only_subjects": (),
    "subject_templates": (),
    "consumer_parent": "message",
    "continue_received": True,
    "follow_handoff": "all",
    "propagate_replies": False,
    "settle_spans": False,
    "metrics": True,
    "captured_headers": (),
    "captured_body_bytes": 0,
}
CHOICES = {
    "carrier": ("payload", "headers", "both", "auto"),
    "consumed_field": ("refresh", "keep", "strip"),
    "consumer_parent": ("message", "link"),
    "follow_handoff": ("off", "message", "queue", "all"),
}
BOOLEANS = ("continue_received", "propagate_replies", "settle_spans", "metrics")
NUMBERS = ("captured_body_bytes",)
PATTERN_LISTS = ("excluded_subjects", "propagate_only_subjects", "subject_templates")
LISTS = ("payload_field_aliases", *PATTERN_LISTS, "captured_headers")
SCALARS = tuple(name for name in FIELDS if name not in LISTS)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The messages of our records so far, which have to be warnings."""
    records = [record for record in caplog.records if record.name == LOGGER]
    assert {record.levelno for record in records} <= {logging.WARNING}
    messages = [record.getMessage() for record in records]
    caplog.clear()
    return messages


def assert_warned(caplog: pytest.LogCaptureFixture, start: str, *parts: str) -> None:
    """Exactly one warning, that begins so and has all these parts."""
    [message] = warnings(caplog)
    assert message.startswith(start)
    assert [part for part in parts if part not in message] == []


def accepted(name: str) -> tuple[str, ...]:
    """What a warning about this setting says of the values that it takes."""
    if name in CHOICES:
        return (" | ".join(CHOICES[name]),)
    if name in BOOLEANS:
        return ("Accepted: true | false.",)
    if name in NUMBERS:
        return ("Accepted: a whole number of bytes, 0 or more.",)
    if name == "captured_headers":
        return ("Accepted: names of headers.",)
    if name in PATTERN_LISTS:
        return ("subjects", "*", ">")
    return ("ASCII letters", "digits", "_", "-", ".")
