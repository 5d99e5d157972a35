"""Something of ours that is broken."""

from __future__ import annotations

from typing import Any


class Broken(Exception):
    """Raised by everything of ours that is broken in these tests."""


def raise_broken(*_: Any, **__: Any) -> Any:
    """Stands in for any function."""
    raise Broken
