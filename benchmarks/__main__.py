"""What tracing costs, all of it: ``python -m benchmarks``."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict

from . import codec, latency, machine, plot, reached, report, startup
from .documents import MIN_SIZE
from .fragments import Part, add_output, as_json, write
from .modes import SAMPLED
from .plan import Plan
from .results import Results
from .tables import Table

_MAX_SIZE = 1024 * 1024
_SIZES, _QUICK_SIZES = [200, 1024, 16 * 1024, 256 * 1024, _MAX_SIZE], [200, 16 * 1024]
_ROUNDS, _QUICK_ROUNDS = 35, 4
_MESSAGES, _QUICK_MESSAGES = 100, 50
_PARTS = ("messages", "codec", "latency", "startup")
_COMMAND = "python -m benchmarks"
_METHOD = """\
messages   CPU time of a process that publishes a message and takes it back from a nats-server over
           loopback, to the end of the callback. Medians over rounds, in which the variants take
           turns with {messages} messages each; ratios and differences are those of the same round.
           Messages go out in bursts of {burst}.
codec      CPU time of one call, without NATS.
latency    Two services in two processes.
startup    What importing and instrumenting adds, in fresh processes."""


def main() -> None:
    """Measure, then print the tables."""
    options = _parse()
    signal.signal(signal.SIGTERM, _exit)
    print(_method(options), machine.as_text(machine.description()), sep="\n\n", flush=True)
    start = time.monotonic()
    parts: list[Part] = []
    for part in _measured(options):
        print(f"\n{part.text()}", flush=True)
        parts.append(part)
        if options.rst:
            write(options.rst, part, _COMMAND)
    print(f"\nmeasured in {time.monotonic() - start:.0f} s")
    if options.json:
        values = {part.name: part.values for part in parts}
        options.json.write_text(as_json(values), encoding="utf-8")


def _measured(options: argparse.Namespace) -> Iterator[Part]:
    """Each part once it is there."""
    wanted = options.parts
    results = of_codec = of_startup = None
    if "messages" in wanted:
        results = Plan(options.sizes, options.rounds, options.messages, options.burst).run()
        yield _messages(results)
    if "codec" in wanted:
        of_codec = codec.measure(quick=options.quick)
        yield codec.part(of_codec)
    if "latency" in wanted:
        yield latency.part(latency.measure(quick=options.quick))
    if "startup" in wanted:
        of_startup = startup.measure(quick=options.quick)
        yield startup.part(of_startup)
    if results or of_codec or of_startup:
        table = reached.table(results, of_codec, of_startup)
        yield Part("reached", {"performance-reached": [table]}, table.rows)


def _messages(results: Results) -> Part:
    pictures = {"performance": plot.by_mode(results)}
    if len(results.sizes) > 1:
        pictures["performance-sizes"] = plot.by_size(results, SAMPLED)
    tables: dict[str, list[Table]] = {"performance-messages": list(report.tables(results))}
    return Part("messages", tables, [asdict(result) for result in results], pictures)


def _exit(signal_number: int, _: object) -> None:
    """End as after an exception: the nats-server is stopped on the way."""
    sys.exit(128 + signal_number)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=_COMMAND, description=__doc__)
    parser.add_argument("--sizes", type=_size, nargs="+", metavar="BYTES")
    parser.add_argument("--rounds", type=_positive, help="half of them for large messages")
    parser.add_argument("--messages", type=_positive, help="a round and variant, if small")
    parser.add_argument(
        "--burst", type=_positive, help="messages on their way at once; all of them by default"
    )
    parser.add_argument("--parts", nargs="+", choices=_PARTS, default=_PARTS, metavar="PART")
    add_output(parser)
    options = parser.parse_args()
    options.sizes = options.sizes or (_QUICK_SIZES if options.quick else _SIZES)
    options.rounds = options.rounds or (_QUICK_ROUNDS if options.quick else _ROUNDS)
    options.messages = options.messages or (_QUICK_MESSAGES if options.quick else _MESSAGES)
    options.burst = min(options.burst or options.messages, options.messages)
    settings = sorted(name for name in os.environ if name.startswith("OTEL_"))
    if settings:
        parser.error(f"the defaults are measured: unset {', '.join(settings)}")
    return options


def _size(text: str) -> int:
    size = int(text)
    if not MIN_SIZE <= size <= _MAX_SIZE:
        raise argparse.ArgumentTypeError(f"between {MIN_SIZE} and {_MAX_SIZE}, not {size}")
    return size


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"1 or more, not {value}")
    return value


def _method(options: argparse.Namespace) -> str:
    return _METHOD.format(messages=options.messages, burst=options.burst)


if __name__ == "__main__":
    main()
