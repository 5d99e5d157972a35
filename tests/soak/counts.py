"""What a process holds, counted: objects by type, tasks, context variables, subscriptions."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import os
import sys
import threading
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple


class Holding(NamedTuple):
    """What is held after garbage was collected."""

    objects: Counter[str]
    """By type; those that the garbage collector tracks."""

    blocks: int
    """Of memory that Python allocated, for objects of any type."""

    tasks: int
    threads: int
    variables: int
    """Set in the context of the task that counts."""

    subscriptions: int
    """That the client knows."""


def holding(client: Any) -> Holding:
    """Count, in the event loop of ``client``."""
    gc.collect()
    gc.collect()  # what finalizers left
    return Holding(
        blocks=sys.getallocatedblocks(),
        objects=Counter(_name(item.__class__) for item in gc.get_objects()) - _cancelled_timers(),
        tasks=len(asyncio.all_tasks()),
        threads=threading.active_count(),
        variables=len(contextvars.copy_context()),
        subscriptions=len(client._subs),
    )


def grown(before: Holding, after: Holding, least: int = 1) -> dict[str, int]:
    """By how much more of each type there is, where that is ``least`` or more; less is left out."""
    more = after.objects - before.objects
    return {name: count for name, count in more.most_common() if count >= least}


def resident_bytes(pid: int | None = None) -> int:
    """The RSS of a process, by default of this one."""
    pages = Path(f"/proc/{pid or os.getpid()}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def cpu_seconds(pid: int) -> float:
    """What a process has used, in user and system mode."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _cancelled_timers() -> Counter[str]:
    """What asyncio has not cleared away yet: up to a hundred timers that were called off."""
    scheduled: Any = getattr(asyncio.get_running_loop(), "_scheduled", ())
    cancelled = [timer for timer in scheduled if timer.cancelled()]
    contexts = {id(timer._context) for timer in cancelled}
    kinds = Counter(_name(timer.__class__) for timer in cancelled)
    kinds["_contextvars.Context"] = len(contexts)
    return kinds


@cache  # names that are made anew each time would themselves be growth
def _name(kind: Any) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"
