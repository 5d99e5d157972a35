"""Ends the run in an orderly way on SIGINT and SIGTERM."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class InterruptionError(Exception):
    """A signal ended the run."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


async def until_interrupted(work: Coroutine[Any, Any, T]) -> T:
    """Wait for the work; the first signal cancels it, later ones do not disturb its clean-up."""
    task = asyncio.create_task(work)
    received: list[int] = []

    def interrupt(number: int) -> None:
        if not received:
            task.cancel()
        received.append(number)

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupt, number)
    try:
        return await task
    except asyncio.CancelledError:
        if received:
            raise InterruptionError(received[0]) from None
        raise
