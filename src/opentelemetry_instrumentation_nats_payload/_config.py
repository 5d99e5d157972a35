"""Where settings come from: arguments, the declarative configuration file, the environment."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import field, fields, make_dataclass
from functools import cache
from typing import Any, cast

from ._guard import logger
from ._settings import Accepted, Settings

_MAX_SHOWN = 10_000


@cache
def configuration_class() -> type[Any]:
    """The options of the declarative configuration file; None is what the file leaves out.

    Values are checked by :func:`resolve`, not here: a wrong one costs the option, not the tracing.
    """
    value = str | bool | int | list[str] | None
    options = [(setting.name, value, field(default=None)) for setting in fields(Settings)]
    return make_dataclass("NATSConfiguration", options, frozen=True)


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
    if accepted.native is not None and type(value) is accepted.native:
        value = str(value)
    if not isinstance(value, str):
        raise ValueError(value)
    return accepted.read(value.strip())


def _shown(value: object) -> str:
    try:
        text = repr(value)
    except Exception:  # an integer of 5000 digits, or a class of the application's
        return f"this {type(value).__name__}"
    return text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "…"


def complain(source: str, value: object, accepted: str, consequence: str) -> None:
    """Say what was wrong with a setting, what comes of it, and what would be right."""
    logger.warning(
        "%s: %s is not accepted, %s. Accepted: %s.", source, _shown(value), consequence, accepted
    )
