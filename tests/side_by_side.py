"""The same scenario bare and instrumented, and all that an application sees of it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from conftest import Instrumentation
from observed_application import Application, Seen

Scenario = Callable[[Application], Awaitable[None]]


class OpenSpans(SpanProcessor):
    """Counts the spans that were started and did not end."""

    def __init__(self) -> None:
        self.names: Counter[str] = Counter()

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """One more."""
        self.names[span.name] += 1

    def on_end(self, span: ReadableSpan) -> None:
        """One less."""
        self.names[span.name] -= 1

    def left(self) -> dict[str, int]:
        """How many are open, by name."""
        return dict(+self.names)


async def side_by_side(
    scenario: Scenario, instrumentation: Instrumentation, **options: Any
) -> Seen:
    """Run ``scenario`` bare and instrumented: the same is seen, and nothing is left over.

    Args:
        scenario: connects the application it is given, which is closed afterwards.
        instrumentation: not started yet.
        options: of the instrumentation.

    Returns:
        what both have seen.
    """
    bare = await _observed(scenario)
    spans = OpenSpans()
    instrumentation.provider.add_span_processor(spans)
    instrumentation.start(**options)
    instrumented = await _observed(scenario)
    assert not (differences := _differences(bare, instrumented)), differences
    assert not spans.left(), spans.left()
    return bare


def _differences(bare: Seen, instrumented: Seen) -> str:
    """What is not the same, by channel: both lists, from where they part."""
    lines: list[str] = []
    for channel in dict.fromkeys((*bare, *instrumented)):
        one, other = bare.get(channel, []), instrumented.get(channel, [])
        if one != other:
            pairs = zip(one, other, strict=False)
            same = next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
            lines.append(
                f"{channel}, from {same}: bare {one[same : same + 5]} of {len(one)}, "
                f"instrumented {other[same : same + 5]} of {len(other)}"
            )
    return "\n".join(lines)


def unjoined(instrumentation: Instrumentation) -> list[int]:
    """Which messages, by their number, were processed in another trace than that they came with."""
    spans = instrumentation.spans()
    sent = {(span.trace, span.span) for span in spans if span.kind == "PRODUCER"}
    processed = [span for span in spans if span.kind == "CONSUMER"]
    assert processed
    return [n for n, span in enumerate(processed) if (span.trace, span.parent) not in sent]


async def _observed(scenario: Scenario) -> Seen:
    """What is seen of one run, with the tasks that it leaves behind."""
    before = asyncio.all_tasks()
    application = Application()
    try:
        await scenario(application)
    finally:
        await application.close()
    application.note("tasks", await _left(before))
    return application.seen


async def _left(before: set[asyncio.Task[Any]]) -> list[str]:
    """The coroutines of tasks that do not end by themselves."""
    ended = asyncio.all_tasks() - before
    if ended:
        await asyncio.wait(ended, timeout=0.2)
    tasks = asyncio.all_tasks() - before
    names = [getattr(task.get_coro(), "__qualname__", "") for task in tasks]
    for task in tasks:
        task.cancel()
    return sorted(names)
