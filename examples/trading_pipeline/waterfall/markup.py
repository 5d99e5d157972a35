"""Templates that escape whatever is put into them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from html import escape
from pathlib import Path
from string import Template


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


@cache
def resource(name: str) -> str:
    """The text of a file beside this module."""
    return Path(__file__).with_name(name).read_text("utf-8")


def fill(template: str, **values: str | float) -> Markup:
    """The template with the values in it; all but Markup is escaped."""
    return Markup(Template(template).substitute({k: _escaped(v) for k, v in values.items()}))


def joined(parts: Iterable[Markup]) -> Markup:
    """The parts one after the other."""
    return Markup("".join(parts))


def _escaped(value: str | float) -> str:
    return value if isinstance(value, Markup) else escape(str(value))
