"""Looking at an asyncio future without a trace."""

from __future__ import annotations

import asyncio
from typing import Any, cast


def exception_of(future: asyncio.Future[Any]) -> BaseException | None:
    """The exception of a future that is done and not cancelled.

    Not by ``exception()``: asyncio would take it for retrieved, and no longer log one that the
    application never looks at.
    """
    return cast("BaseException | None", getattr(future, "_exception", None))
