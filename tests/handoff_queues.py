"""Items that are taken from a queue, in the ways in which workers do."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest

Queue = asyncio.Queue[Any]
WAITS_INLINE = sys.version_info >= (3, 12)
"""Whether ``asyncio.wait_for`` runs ``get`` in the task that waits."""


async def waited(queue: Queue) -> Any:
    """An item, soon."""
    return await asyncio.wait_for(queue.get(), timeout=10)


async def got(queue: Queue) -> Any:
    """An item, once there is one."""
    return await queue.get()


async def got_nowait(queue: Queue) -> Any:
    """An item that is there."""
    return queue.get_nowait()


HOW = [pytest.param(got, id="get"), pytest.param(got_nowait, id="get_nowait")]
if WAITS_INLINE:
    HOW.append(pytest.param(waited, id="wait_for"))
