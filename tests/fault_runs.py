"""The application of the fault tests, run again and again, and all that comes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any, NamedTuple

from nats.aio.client import Client
from opentelemetry import context
from opentelemetry.context import Context

from fault_scenario_rare import RareApplication
from fault_wire import Wire, tapped

PARTS = (
    *("plain", "interrupted", "by_hand", "growing", "rare"),
    *("jetstream", "core", "asked_for", "apart"),
)

_numbers = count()


class Outcome(NamedTuple):
    """What came of a part."""

    seen: list[Any]
    """What the application saw: payloads, return values, errors."""

    wire: Wire
    """What its clients sent."""

    complaints: list[str]
    """What asyncio's handler of exceptions got."""

    around: set[str]
    """What was in the current context when nats-py called ``error_cb``, after a callback of the
    application's."""

    left: set[str]
    """What is in the current context at the end: of a message that was asked for last, say."""

    def differences(self, bare: Outcome) -> dict[str, Any]:
        """What is not as it is without us, by what it is."""
        names = ("seen", "wire", "complaints", "around")
        pairs = {name: (getattr(bare, name), getattr(self, name)) for name in names}
        return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}

    def is_tidy(self) -> bool:
        """Whether nothing is left but what goes on until a task asks for more."""
        return not self.left or ("nats-continued" in self.left and "nats-work" not in self.left)


class Runs:
    """The application, again and again; it is the same each time."""

    def __init__(self, connect: Callable[..., Awaitable[Client]]) -> None:
        self._connect = connect

    async def of(self, part: str) -> Outcome:
        """What comes of a part of what it does."""
        name = f"run{next(_numbers)}run"
        outcome = Outcome([], {}, [], set(), set())
        loop, errors = asyncio.get_running_loop(), asyncio.Queue[Exception]()
        loop.set_exception_handler(lambda _, found: outcome.complaints.append(found["message"]))

        async def error_cb(error: Exception) -> None:
            outcome.around.update(_names(context.get_current()))
            await errors.put(error)

        async def work() -> None:
            nc = await self._connect(error_cb=error_cb)
            application = RareApplication(nc, errors, name)
            outcome.seen.extend(await application.do(part))
            outcome.left.update(_names(context.get_current()))
            await nc.close()

        try:
            with tapped(name) as wire:
                # A task of its own: what is broken may leave something in its context.
                await asyncio.wait_for(asyncio.create_task(work()), 20)
        finally:
            loop.set_exception_handler(None)
        outcome.wire.update(wire)
        if part == "growing":  # what a stream refuses is sent again, and not by the application
            outcome.wire.clear()
        return outcome


def _names(current: Context) -> set[str]:
    """The keys of a context, as they were named when they were made."""
    return {key[: -len("-00000000-0000-0000-0000-000000000000")] for key in current}
