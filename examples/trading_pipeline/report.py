"""Prints one trace as a tree, and the summary."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from .spans import Span, Trace
from .summary import Summary
from .traces import walk

COLOURS = {
    "socket_client": "cyan",
    "realtime_strategies": "green",
    "ta_bot": "yellow",
    "tradeengine": "magenta",
    "data_manager": "blue",
    "audit_store": "orange3",
}

TREE_WIDTH = 160


def print_trace(console: Console, trace: Trace) -> None:
    """Print the trace's spans below their parents."""
    tree = Tree(Text(f"trace {trace[0].trace_id}", style="bold"))
    branches = [tree]
    for depth, span in walk(trace):
        del branches[depth + 1 :]
        branches.append(branches[depth].add(_label(span)))
    # Rich would cut the lines at the terminal's width.
    wide = Console(
        file=console.file,
        width=max(console.width, TREE_WIDTH),
        force_terminal=console.is_terminal,
    )
    wide.print(tree)
    console.print()


def print_summary(console: Console, summary: Summary) -> None:
    """Print what came of the messages."""
    console.print(_verdict(summary))
    for line in _lines(summary):
        console.print(line, markup=False, soft_wrap=True)


def _lines(summary: Summary) -> Iterator[str]:
    yield f"traces: {summary.traces}, spans: {summary.spans}"
    operations = (f"{name} {count:g}" for name, count in summary.spans_per_trace.items())
    yield f"spans per trace: {', '.join(operations) or 'none'}"
    for fault, count in sorted(summary.faults.items()):
        yield f"incomplete: {fault} ({count} traces)"
    if summary.latency_p50_ms is not None and summary.latency_p95_ms is not None:
        yield (
            f"ingestion to execution: p50 {summary.latency_p50_ms:.1f} ms, "
            f"p95 {summary.latency_p95_ms:.1f} ms"
        )
    if summary.slowest_hop:
        hop = summary.slowest_hop
        yield f"slowest hop: {hop.name}, p95 {hop.p95_ms:.1f} ms"
    expected = summary.rows_expected
    stored = (f"{hop} {count} of {expected[hop]}" for hop, count in summary.rows.items())
    yield f"rows stored: {', '.join(stored)}"
    audit = summary.audit
    yield (
        f"audit_store: payloads as published {audit.clean} of {audit.rows}, "
        f"events in the trace of their message {audit.in_trace} of {audit.rows}"
    )
    if not summary.all_stored:
        yield "rows are missing or too many; --verbose shows what the services say"


def _label(span: Span) -> Text:
    return Text.assemble(
        (span.service, COLOURS.get(span.service, "white")),
        f"  {span.name}  ",
        (f"{span.kind.lower()} {span.milliseconds:.2f} ms", "dim"),
    )


def _verdict(summary: Summary) -> Text:
    plugin = "" if summary.with_plugin else " (without the plugin)"
    colour = "green" if summary.complete == summary.messages else "red"
    return Text.assemble(
        "complete traces: ",
        (f"{summary.complete} of {summary.messages}", f"bold {colour}"),
        plugin,
    )
