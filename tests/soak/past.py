"""How nats-py degrades past its limit, with us and without."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from .report import Report
from .trial import Outcome


def report_past(report: Report, title: str, outcomes: dict[str, Outcome]) -> None:
    """A table, and what has to be so: what the bare client does is done by all."""
    rows: list[list[Any]] = [
        ["", "asked", "sent", "received", "dropped", "unaccounted", "late", "exceptions"]
    ]
    for variant, outcome in outcomes.items():
        numbers = {
            "asked": outcome.asked,
            "sent": outcome.sent,
            "received": outcome.received,
            "dropped": outcome.dropped,
            "unaccounted": outcome.unaccounted,
        }
        late = f"{_late(outcome):.1f} s"
        kinds = ", ".join(sorted(_kinds(outcome))) or "none"
        rows.append([variant, *(f"{number:,}" for number in numbers.values()), late, kinds])
        report.figures[f"{title}: {variant}"] = {**numbers, "pending": _pending(outcome)}
    report.table(f"Past the limit: {title}", *rows)
    _claim(report, f"past the limit, {title}", list(outcomes.values()))


def _claim(report: Report, name: str, outcomes: list[Outcome]) -> None:
    report.claim(
        f"{name}: every message came, once and in order, or was said to be dropped",
        all(not (o.unaccounted or o.disordered) for o in outcomes),
    )
    report.claim(f"{name}: the same exceptions as bare nats-py", _are_same(map(_kinds, outcomes)))
    if any(o.dropped for o in outcomes):
        report.claim(
            f"{name}: only what came when as many messages waited as may was dropped, the newest",
            all(map(_drops_newest, outcomes)),
        )
    report.claim(
        f"{name}: nats-py counts no message and no byte as waiting at the end",
        all(o.consumer.left_pending == (0, 0) for o in outcomes),
    )


def _are_same(values: Any) -> bool:
    distinct: set[Hashable] = set(values)
    return len(distinct) == 1


def _kinds(outcome: Outcome) -> frozenset[str]:
    """Exceptions that were raised, or given to ``error_cb``."""
    sides = (*outcome.publishers, outcome.consumer)
    return frozenset(kind for side in sides for kind, count in side.errors.items() if count)


def _drops_newest(outcome: Outcome) -> bool:
    """Whether the queue was full at each drop, and had all of the first messages then.

    Where the oldest are dropped instead, the first gap is within those that fill the queue.
    """
    received, limit = outcome.consumer.received, outcome.exchange.pending_messages
    first = received.first_missing if received else None
    return outcome.consumer.pending_at_drop == {limit} and first is not None and first >= limit


def _pending(outcome: Outcome) -> list[int]:
    return sorted(outcome.consumer.pending_at_drop)


def _late(outcome: Outcome) -> float:
    """How much later than asked the last message was processed."""
    return outcome.sending_seconds - outcome.exchange.seconds + outcome.late_seconds
