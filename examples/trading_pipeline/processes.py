"""Child processes that never outlive the block that started them."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncGenerator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from .child import Child, Echo

T = TypeVar("T")

LINE_LIMIT = 1 << 20
READY_TIMEOUT = 60.0
# Short, because tox kills the runner half a second after Ctrl-C.
CLOSE_GRACE = 0.2


class Children:
    """The processes of one run."""

    def __init__(self, echo: Echo | None) -> None:
        self._echo = echo
        self._children: list[Child] = []

    async def start(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], ready_text: str
    ) -> Child:
        """Start a process in a session of its own, so that Ctrl-C reaches only the runner."""
        process = await asyncio.create_subprocess_exec(
            *command,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            limit=LINE_LIMIT,
        )
        child = Child(name, process, ready_text, self._echo)
        self._children.append(child)
        return child

    async def wait_ready(self) -> None:
        """Wait until every process has said that it is ready."""
        try:
            await self.guard(asyncio.wait_for(self._all_ready(), READY_TIMEOUT))
        except asyncio.TimeoutError:
            late = next(child for child in self._children if not child.ready.is_set())
            raise late.error(f"was not ready within {READY_TIMEOUT:g} s") from None

    async def _all_ready(self) -> None:
        for child in self._children:
            await child.ready.wait()

    async def guard(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for the work; an error when a process ends before."""
        task = asyncio.create_task(work)
        ends = {asyncio.create_task(child.ended()): child for child in self._children}
        try:
            await asyncio.wait({task, *ends}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                end, child = next(item for item in ends.items() if item[0].done())
                raise child.error(f"ended with code {end.result()}")
            return task.result()
        finally:
            for waiting in (task, *ends):
                waiting.cancel()
            await asyncio.wait({task, *ends})

    async def stop(self, children: Sequence[Child], grace: float) -> None:
        """End the processes with SIGTERM; an error when one does not end well in time."""
        for child in children:
            child.send(signal.SIGTERM)
        ends = [asyncio.create_task(child.ended()) for child in children]
        await asyncio.wait(ends, timeout=grace)
        for child, end in zip(children, ends, strict=True):
            if not end.done():
                raise child.error(f"did not stop within {grace:g} s")
            if end.result() != 0:
                raise child.error(f"stopped with code {end.result()}")

    async def close(self) -> None:
        """End what still lives, in a short time and in any case."""
        ends = [asyncio.create_task(child.ended()) for child in self._children]
        try:
            for child in self._children:
                child.send(signal.SIGTERM)
            if ends:
                await asyncio.wait(ends, timeout=CLOSE_GRACE)
        finally:
            # No await here: not even another cancellation keeps the signals from being sent.
            for child in self._children:
                child.send(signal.SIGKILL)
        if ends:
            await asyncio.wait(ends)


@asynccontextmanager
async def running_children(echo: Echo | None = None) -> AsyncGenerator[Children, None]:
    """Children that have all ended when the block has ended."""
    children = Children(echo)
    try:
        yield children
    finally:
        await children.close()
