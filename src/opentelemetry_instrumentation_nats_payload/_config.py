"""The settings: one dataclass is the source of names, variables, defaults and accepted values."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, make_dataclass
from typing import Any, Literal, cast

from . import environment_variables as variables
from ._guard import logger
from ._subjects import is_pattern

Carrier = Literal["payload", "headers", "both", "auto"]
ConsumedField = Literal["refresh", "keep", "strip"]
ConsumerParent = Literal["message", "link"]

_PATTERN = "NATS subjects, with * for a token and a last > for the rest, separated by commas"
_FIELD_NAME = "ASCII letters, digits, _ - and ."


@dataclass(frozen=True)
class Accepted:
    """What a setting takes: ``read`` returns the value or raises ValueError."""

    description: str
    read: Callable[[str], Any]
    many: bool = False
    """Whether the setting is a list; in text its items are separated by commas."""


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


_BOOLEAN = Accepted("true | false", _read_boolean)


def _read_number(text: str) -> int:
    if not text.isdecimal() or not text.isascii():
        raise ValueError(text)
    return int(text)


_NUMBER = Accepted("a whole number of bytes, 0 or more", _read_number)


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
        "Where the context travels. auto: in the payload where it can carry it, else in headers.",
    )
    payload_field: str = _setting(
        "_otel_trace_headers",
        variables.OTEL_PYTHON_NATS_PAYLOAD_FIELD,
        Accepted(_FIELD_NAME, _read_field_name),
        "The field written into the payload, and read first.",
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
        "What the callback finds in the field: the context of its process span (refresh), "
        "what came (keep), or no field (strip).",
    )
    excluded_subjects: tuple[str, ...] = _setting(
        (),
        variables.OTEL_PYTHON_NATS_EXCLUDED_SUBJECTS,
        Accepted(_PATTERN, _read_pattern, many=True),
        "Subjects that are left alone: no span, no propagation.",
    )
    propagate_only_subjects: tuple[str, ...] = _setting(
        (),
        variables.OTEL_PYTHON_NATS_PROPAGATE_ONLY_SUBJECTS,
        Accepted(_PATTERN, _read_pattern, many=True),
        "Subjects without spans, whose messages still pass the context on.",
    )
    subject_templates: tuple[str, ...] = _setting(
        (),
        variables.OTEL_PYTHON_NATS_SUBJECT_TEMPLATES,
        Accepted(_PATTERN, _read_pattern, many=True),
        "Patterns that name the spans of the subjects they match.",
    )
    consumer_parent: ConsumerParent = _setting(
        "message",
        variables.OTEL_PYTHON_NATS_CONSUMER_PARENT,
        _one_of("message", "link"),
        "The process span continues the trace of the message, or starts a new one linked to it.",
    )
    continue_received: bool = _setting(
        True,
        variables.OTEL_PYTHON_NATS_CONTINUE_RECEIVED,
        _BOOLEAN,
        "The code after next_msg, fetch of one message, and in async for runs in the context of "
        "the message, where no span is current.",
    )
    propagate_replies: bool = _setting(
        False,
        variables.OTEL_PYTHON_NATS_PROPAGATE_REPLIES,
        _BOOLEAN,
        "The context is also written into replies.",
    )
    settle_spans: bool = _setting(
        False,
        variables.OTEL_PYTHON_NATS_SETTLE_SPANS,
        _BOOLEAN,
        "Spans for ack, nak, term and in_progress.",
    )
    metrics: bool = _setting(
        True,
        variables.OTEL_PYTHON_NATS_METRICS,
        _BOOLEAN,
        "Durations and counts of operations, and of contexts that travelled or did not.",
    )
    captured_headers: tuple[str, ...] = _setting(
        (),
        variables.OTEL_PYTHON_NATS_CAPTURED_HEADERS,
        Accepted("names of headers", _read_header_name, many=True),
        "Headers whose values become attributes of the spans.",
    )
    captured_body_bytes: int = _setting(
        0,
        variables.OTEL_PYTHON_NATS_CAPTURED_BODY_BYTES,
        _NUMBER,
        "How much of a message's body becomes an attribute of its spans; 0 for nothing.",
    )


NATSConfiguration = make_dataclass(
    "NATSConfiguration",
    [(f.name, str | bool | int | list[str] | None, field(default=None)) for f in fields(Settings)],
    frozen=True,
)
"""The options of the declarative configuration file; None is what the file leaves out.

Values are checked by :func:`resolve`, not here: a wrong one costs the option, not the tracing.
"""


def resolve(
    arguments: Mapping[str, object] | None = None, environ: Mapping[str, str] = os.environ
) -> Settings:
    """The settings: an argument that is not None, else the environment variable, else the default.

    Args:
        arguments: by field name; strings, or for lists also iterables of strings.
        environ: the environment; an empty variable counts as not set.
    """
    chosen: dict[str, Any] = {}
    for setting in fields(Settings):
        variable: str = setting.metadata["variable"]
        source, value = f"instrument({setting.name}=)", (arguments or {}).get(setting.name)
        if value is None:
            source, value = variable, environ.get(variable) or None
        accepted: Accepted = setting.metadata["accepted"]
        parsed = None if value is None else _parse(source, value, accepted, setting.default)
        chosen[setting.name] = setting.default if parsed is None else parsed
    return Settings(**chosen)


def _parse(source: str, value: object, accepted: Accepted, default: object) -> object:
    """The value, or None for the default. Of a list the good items stay."""
    consequence = f"the default {default!r} is used"
    if not accepted.many:
        return _read(source, value, accepted, consequence)
    if isinstance(value, str):
        value = [text for text in value.split(",") if text.strip()]
    if not isinstance(value, Iterable) or isinstance(value, (bytes, bytearray)):
        return complain(source, value, accepted.description, consequence)
    return _parse_items(source, list(cast("Iterable[object]", value)), accepted, consequence)


def _parse_items(
    source: str, items: list[object], accepted: Accepted, consequence: str
) -> tuple[Any, ...] | None:
    good: list[Any] = []
    bad: list[object] = []
    for item in items:
        try:
            good.append(_value(item, accepted))
        except ValueError:
            bad.append(item)
    if not bad:
        return tuple(good)
    value = bad[0] if len(bad) == 1 else bad
    complain(source, value, accepted.description, "the rest is used" if good else consequence)
    return tuple(good) or None


def _read(source: str, value: object, accepted: Accepted, consequence: str) -> object:
    try:
        return _value(value, accepted)
    except ValueError:
        return complain(source, value, accepted.description, consequence)


def _value(value: object, accepted: Accepted) -> Any:
    is_boolean = isinstance(value, bool)
    if (is_boolean and accepted is _BOOLEAN) or (
        isinstance(value, int) and not is_boolean and accepted is _NUMBER
    ):
        value = str(value)
    if not isinstance(value, str):
        raise ValueError(value)
    return accepted.read(value.strip())


def complain(source: str, value: object, accepted: str, consequence: str) -> None:
    """Say what was wrong with a setting, what comes of it, and what would be right."""
    logger.warning(
        "%s: %r is not accepted, %s. Accepted: %s.", source, value, consequence, accepted
    )
