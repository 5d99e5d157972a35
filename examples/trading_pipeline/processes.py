"""Child processes that never outlive the block that started them."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from .errors import DemoError

T = TypeVar("T")
Echo = Callable[[str], None]

LINES_KEPT = 20
LINE_LIMIT = 1 << 20
READY_TIMEOUT = 60.0
# Short, because tox kills the runner half a second after Ctrl-C.
CLOSE_GRACE = 0.2


class Child:
    """One process, the last lines it printed, and whether it has said that it is ready."""

    def __init__(
        self, name: str, process: asyncio.subprocess.Process, ready_text: str, echo: Echo | None
    ) -> None:
        self.name = name
        self.process = process
        self.ready = asyncio.Event()
        self._ready_text = ready_text
        self._echo = echo
        self._lines: deque[str] = deque(maxlen=LINES_KEPT)
        self._reader = asyncio.create_task(self._read_output())

    async def _read_output(self) -> None:
        assert self.process.stdout
        async for raw in self.process.stdout:
            line = raw.decode(errors="replace").rstrip()
            self._lines.append(line)
            if self._echo:
                self._echo(f"{self.name}: {line}")
            if self._ready_text in line:
                self.ready.set()

    async def ended(self) -> int:
        """Wait for the end of the process and of its output; return its exit code."""
        code = await self.process.wait()
        await asyncio.wait({self._reader})
        return code

    def send(self, number: signal.Signals) -> None:
        """Send the signal, unless the process has ended."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)

    def error(self, what: str) -> DemoError:
        """An error that shows the last lines of the process."""
        lines = "".join(f"\n  {line}" for line in self._lines)
        return DemoError(f"{self.name} {what}; its last lines:{lines or ' none'}")


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
