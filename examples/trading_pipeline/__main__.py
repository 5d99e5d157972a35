"""The command line of the demonstration."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.text import Text

from .environment import SERVICES, require_plugin
from .errors import DemoError
from .forwarding import running_forwarder
from .interruption import InterruptionError, until_interrupted
from .pipeline import Options, run_pipeline
from .receiver import running_receiver
from .report import print_summary, print_trace
from .spans import Trace
from .summary import Summary, summarise, typical
from .traces import by_trace
from .waterfall import render_page


def main() -> int:
    """Run the demonstration; 0 when the traces are what they should be."""
    arguments = _parser().parse_args()
    options = Options(
        messages=arguments.messages,
        rate=arguments.rate,
        with_plugin=not arguments.without_plugin,
        verbose=arguments.verbose,
    )
    try:
        summary = _run(options, Console(), arguments.html)
        if arguments.json:
            document = {**asdict(summary), "as_expected": summary.as_expected}
            arguments.json.write_text(json.dumps(document, indent=2) + "\n")
    except (DemoError, OSError) as error:
        return _fail(str(error), 2)
    except InterruptionError as error:
        return _fail(f"interrupted by {error}", 128 + error.number)
    return 0 if summary.as_expected else 1


def _run(options: Options, console: Console, page: Path | None) -> Summary:
    if options.with_plugin:
        require_plugin()
    with (
        running_forwarder(os.environ, lambda text: _warn(console, text)) as forwarder,
        running_receiver(forwarder) as receiver,
    ):
        stored = asyncio.run(until_interrupted(run_pipeline(options, receiver.endpoint, console)))
    traces = by_trace(receiver.spans())
    summary = summarise(traces, stored, options.messages, SERVICES, options.with_plugin)
    example = typical(traces, SERVICES)
    if example:
        print_trace(console, example)
    print_summary(console, summary)
    _show_page(console, page, example, summary)
    return summary


def _show_page(console: Console, page: Path | None, trace: Trace | None, summary: Summary) -> None:
    """Write the page when it was asked for, or else tell how to ask for it."""
    if page and not trace:
        raise DemoError(f"{page} was not written: there is no trace to show")
    if page and trace:
        page.write_text(render_page(trace, summary, SERVICES), "utf-8")
    text = f"the trace as a page: {page}" if page else "the trace as a page: --html FILE"
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def _warn(console: Console, text: str) -> None:
    console.print(Text(f"warning: {text}", style="yellow"), soft_wrap=True)


def _fail(text: str, code: int) -> int:
    print(f"trading_pipeline: {text}", file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m examples.trading_pipeline",
        description="Sends market messages through six services and checks their traces.",
    )
    parser.add_argument("--messages", type=_positive, default=200, help="default: 200")
    parser.add_argument("--rate", type=_positive, default=50, help="per second; default: 50")
    parser.add_argument(
        "--without-plugin", action="store_true", help="show the traces without the plugin"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the summary to FILE")
    parser.add_argument(
        "--html", type=Path, metavar="FILE", help="write a page with the trace that is printed"
    )
    parser.add_argument("--verbose", action="store_true", help="show what the services print")
    return parser


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


if __name__ == "__main__":
    sys.exit(main())
