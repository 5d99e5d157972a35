"""Processes of our own, and a line to talk to each of them."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

_ANSWER_SECONDS = 60.0
_STOP_SECONDS = 5.0
_SPAWN = get_context("spawn")


class Line:
    """The end of the line that the process has."""

    def __init__(self, connection: Connection[Any, Any]) -> None:
        self._connection = connection

    def say(self, word: Any) -> None:
        """Send a value to the driver."""
        self._connection.send(word)

    async def hear(self) -> Any:
        """The next value from the driver; the event loop goes on meanwhile."""
        loop, ready = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._connection.fileno(), ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_reader(self._connection.fileno())
        return self._connection.recv()


Work = Callable[[Any, Line], Awaitable[Any]]


class FailedProcessError(Exception):
    """What went wrong in a process, as it said itself."""


class Worker:
    """The end of the line that the driver has."""

    def __init__(self, connection: Connection[Any, Any]) -> None:
        self._connection = connection

    def tell(self, word: Any) -> None:
        """Send a value to the process."""
        self._connection.send(word)

    def answer(self, seconds: float = _ANSWER_SECONDS) -> Any:
        """The next value from the process."""
        if not self._connection.poll(seconds):
            raise TimeoutError(f"no answer in {seconds:.0f} s")
        kind, value = self._connection.recv()
        if kind == "failed":
            raise FailedProcessError(value)
        return value


@contextmanager
def working(work: Work, task: Any) -> Generator[Worker]:
    """A process that does ``await work(task, line)`` and answers what that returns.

    It is ended with the block, if it has not ended by then.
    """
    ours, theirs = _SPAWN.Pipe()
    process = _SPAWN.Process(target=_main, args=(work, task, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        yield Worker(ours)
    finally:
        ours.close()
        process.join(0 if process.exitcode is None else _STOP_SECONDS)
        if process.exitcode is None:
            process.terminate()
            process.join(_STOP_SECONDS)
        if process.exitcode is None:
            process.kill()
            process.join()


class _Answers(Line):
    """Marks what is said as an answer."""

    def say(self, word: Any) -> None:
        """Send a value to the driver."""
        super().say(("said", word))


def _main(work: Work, task: Any, connection: Connection[Any, Any]) -> None:
    line = _Answers(connection)
    try:
        line.say(asyncio.run(_awaited(work, task, line)))
    except BaseException:
        connection.send(("failed", traceback.format_exc()))
        raise


async def _awaited(work: Work, task: Any, line: Line) -> Any:
    return await work(task, line)
