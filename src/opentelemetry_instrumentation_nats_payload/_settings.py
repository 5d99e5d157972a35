"""The settings: one dataclass is the source of names, variables, defaults, accepted values, and of
what the documentation says of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from . import environment_variables as variables
from ._subjects import is_pattern

Carrier = Literal["payload", "headers", "both", "auto"]
ConsumedField = Literal["refresh", "keep", "strip"]
ConsumerParent = Literal["message", "link"]
FollowHandoff = Literal["off", "message", "queue", "all"]

_PATTERN = "NATS subjects, with * for a token and a last > for the rest, separated by commas"
_FIELD_NAME = "ASCII letters, digits, _ - and ."


class Accepted(NamedTuple):
    """What a setting takes: ``read`` returns the value or raises ValueError."""

    description: str
    read: Callable[[str], Any]
    many: bool = False
    """Whether the setting is a list; in text its items are separated by commas."""

    native: type | None = None
    """What it is in Python, if that is no text."""


def _one_of(*choices: str) -> Accepted:
    def read(text: str) -> str:
        if text.lower() not in choices:
            raise ValueError(text)
        return text.lower()

    return Accepted(" | ".join(choices), read)


def _read_boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(text)
    return text.lower() == "true"


_BOOLEAN = Accepted("true | false", _read_boolean, native=bool)


def _read_number(text: str) -> int:
    if not text.isdecimal() or not text.isascii():
        raise ValueError(text)
    return int(text)


_NUMBER = Accepted("a whole number of bytes, 0 or more", _read_number, native=int)


def _read_header_name(text: str) -> str:
    if not re.fullmatch(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", text):
        raise ValueError(text)
    return text


def _read_pattern(text: str) -> str:
    # A server takes the punctuation too, but who writes it means another kind of pattern.
    if not is_pattern(text) or any(char in text for char in ",;{}"):
        raise ValueError(text)
    return text


def _read_field_name(text: str) -> str:
    # Nothing that has another spelling in JSON, or could follow a closing quote there.
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", text):
        raise ValueError(text)
    return text


def _setting(default: object, variable: str, accepted: Accepted, description: str) -> Any:
    metadata = {"variable": variable, "accepted": accepted, "description": description}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How messages are traced. Every field is a keyword argument of ``instrument()``, an
    environment variable and an option of the declarative configuration file.
    """

    carrier: Carrier = _setting(
        "payload",
        variables.OTEL_PYTHON_NATS_CARRIER,
        _one_of("payload", "headers", "both", "auto"),
        "Where the context travels: ``payload``, ``headers``, ``both``, or ``auto``: in the "
        "payload where it can carry it, else in headers, which is the way to have it in every "
        "message.",
    )
    payload_field: str = _setting(
        "_otel_trace_headers",
        variables.OTEL_PYTHON_NATS_PAYLOAD_FIELD,
        Accepted(_FIELD_NAME, _read_field_name),
        "The field written into the payload, and read first. ASCII letters, digits, ``_ - .``",
    )
    payload_field_aliases: tuple[str, ...] = _setting(
        ("_otel_trace_context",),
        variables.OTEL_PYTHON_NATS_PAYLOAD_FIELD_ALIASES,
        Accepted(_FIELD_NAME, _read_field_name, many=True),
        "Further fields that are read, never written.",
    )
    consumed_field: ConsumedField = _setting(
        "refresh",
        variables.OTEL_PYTHON_NATS_CONSUMED_FIELD,
        _one_of("refresh", "keep", "strip"),
        "What the callback finds in the field: ``refresh``, ``keep``, ``strip``.",
    )
    excluded_subjects: tuple[str, ...] = _setting(
        (),
        variables.OTEL_PYTHON_NATS_EXCLUDED_SUBJECTS,
        Accepted(_PATTERN, _read_pattern, many=True),
        "Subjects that are left alone: no span, no propagation. Patterns with ``*`` and ``>``.",
    )
    propagate_only_subjects: tuple[str, ...] = _setting(
        (),
        variables.OTEL_PYTHON_NATS_PROPAGATE_ONLY_SUBJECTS,
        Accepted(_PATTERN, _read_pattern, many=True),
        "Subjects without spans, whose messages still pass the context on: high-volume feeds.",
    )
    subject_templates: tuple[str, ...] = _setting(
        (),
        variables.OTEL_PYTHON_NATS_SUBJECT_TEMPLATES,
        Accepted(_PATTERN, _read_pattern, many=True),
        "Patterns that name the spans of the subjects they match, the first one wins. Without "
        "one, the subject of a wildcard subscription is the name, or the concrete subject.",
    )
    consumer_parent: ConsumerParent = _setting(
        "message",
        variables.OTEL_PYTHON_NATS_CONSUMER_PARENT,
        _one_of("message", "link"),
        "The process span continues the trace of the message (``message``), or starts a new one "
        "that is linked to it (``link``).",
    )
    continue_received: bool = _setting(
        True,
        variables.OTEL_PYTHON_NATS_CONTINUE_RECEIVED,
        _BOOLEAN,
        "The code after ``next_msg``, after a ``fetch`` that brought one message, and in the "
        "body of ``async for`` runs in the context of the message, where no span is current: "
        "``true``, ``false``.",
    )
    follow_handoff: FollowHandoff = _setting(
        "all",
        variables.OTEL_PYTHON_NATS_FOLLOW_HANDOFF,
        _one_of("off", "message", "queue", "all"),
        "Whether the context follows what a callback hands to another task: ``message``, to the "
        "task that reads the ``data`` of the message; ``queue``, through an ``asyncio.Queue`` "
        "with any item; ``all``, both; ``off``.",
    )
    propagate_replies: bool = _setting(
        False,
        variables.OTEL_PYTHON_NATS_PROPAGATE_REPLIES,
        _BOOLEAN,
        "The context is also written into replies: ``true``, ``false``.",
    )
    settle_spans: bool = _setting(
        False,
        variables.OTEL_PYTHON_NATS_SETTLE_SPANS,
        _BOOLEAN,
        "Spans for ``ack``, ``nak``, ``term`` and ``in_progress``: ``true``, ``false``.",
    )
    metrics: bool = _setting(
        True,
        variables.OTEL_PYTHON_NATS_METRICS,
        _BOOLEAN,
        "Durations and counts of operations, and of contexts that travelled or did not: "
        "``true``, ``false``.",
    )
    captured_headers: tuple[str, ...] = _setting(
        (),
        variables.OTEL_PYTHON_NATS_CAPTURED_HEADERS,
        Accepted("names of headers", _read_header_name, many=True),
        "Headers whose values become attributes of the spans, "
        "``messaging.nats.message.header.<name>``, in lower case and with ``_`` for ``-``.",
    )
    captured_body_bytes: int = _setting(
        0,
        variables.OTEL_PYTHON_NATS_CAPTURED_BODY_BYTES,
        _NUMBER,
        "How much of a message's body, without the field, becomes the attribute "
        "``messaging.nats.message.body``; ``0`` for nothing.",
    )
