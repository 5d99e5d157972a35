"""Whether a record is one whole run, of which everything holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from .page import Record
from .plan import LIMIT_SECONDS, PLAN

BUSY_SHARE = 0.15
"""Of the machine, that others may use."""


def faults_of(record: Record, page: str = "") -> list[str]:
    """Why the record is not to be trusted: nothing, if it is.

    Args:
        record: what the soak wrote.
        page: the text around it, which may name a statement that does not hold.
    """
    return [fault for check in _CHECKS for fault in check(record, " ".join(page.split()))]


def _parts(record: Record, page: str) -> Iterator[str]:
    if list(record) != list(PLAN):
        yield f"the parts are {', '.join(record)}, and not {', '.join(PLAN)}"


def _quick(record: Record, page: str) -> Iterator[str]:
    yield from (f"{name} is a quick run" for name, part in record.items() if part["is_quick"])


def _claims(record: Record, page: str) -> Iterator[str]:
    for name, part in record.items():
        if not part["claims"]:
            yield f"{name} says nothing"
        for claim in part["claims"]:
            if not claim["holds"] and claim["text"] not in page:
                yield f"{name}: it does not hold, and the page does not say why: {claim['text']}"


def _one_run(record: Record, page: str) -> Iterator[str]:
    for key in ("started", "command", "machine", "source"):
        values: list[Any] = [part.get(key) for part in record.values()]
        if any(value is None or value != values[0] for value in values):
            yield f"the parts are of different runs, or do not say of which: {key}"


def _quiet(record: Record, page: str) -> Iterator[str]:
    busy = max((part.get("busy_before", 0.0) for part in record.values()), default=0.0)
    if busy > BUSY_SHARE:
        yield f"others used {busy:.0%} of the machine"


def _in_time(record: Record, page: str) -> Iterator[str]:
    seconds = sum(part["seconds"] for part in record.values())
    if seconds > LIMIT_SECONDS:
        yield f"it took {seconds:.0f} s, and may take {LIMIT_SECONDS:.0f} s"


_CHECKS: tuple[Callable[[Record, str], Iterator[str]], ...] = (
    *(_parts, _quick, _claims, _one_run, _quiet, _in_time),
)
