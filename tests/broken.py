"""Something of ours that is broken."""

from __future__ import annotations

from typing import Any, ClassVar


class Broken(Exception):
    """Raised by everything of ours that is broken in these tests."""

    raised: ClassVar[int] = 0
    """How often."""

    def __init__(self) -> None:
        super().__init__()
        Broken.raised += 1


def raise_broken(*_: Any, **__: Any) -> Any:
    """Stands in for any function."""
    raise Broken
