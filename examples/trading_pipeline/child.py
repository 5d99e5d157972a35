"""One child process, as the runner sees it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections import deque
from collections.abc import Callable

from .errors import DemoError

Echo = Callable[[str], None]

LINES_KEPT = 20


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
