"""CPU time of a message with and without tracing: ``python -m benchmarks``."""

from __future__ import annotations

import argparse
import os
import platform
import signal
import sys
import time
from importlib.metadata import version
from pathlib import Path

from opentelemetry_instrumentation_nats_payload import __version__

from .documents import MIN_SIZE
from .plan import Plan
from .results import save, table

# What nats-server takes is 1 MiB, the field included.
_MAX_SIZE = 1_000_000
_METHOD = """\
CPU time of a process that publishes a message and takes it back from a nats-server over loopback,
to the end of the callback. Medians over {rounds} rounds, in which the variants take turns with
{messages} messages each; ratios and differences are those of the same round.
{burst_meaning}

bare, plugin        send the same bytes each time and do not decode what comes
+ json, by hand     make JSON of a dict for each message and decode it in the callback, which
                    services do with and without tracing: compare them with bare + json
by hand             a producer span, propagate.inject into the dict; propagate.extract from the
                    dict, a consumer span
keep, strip         what the plugin does with the field before the callback; refresh by default
excluded            the plugin, for a subject that it leaves alone
metrics             durations and counts are recorded, in each mode; collecting them is not timed
no SDK              the API's stand-ins for spans: none is recorded, nothing propagated
sampled out         spans that are not recorded, whose context is propagated
sampled             spans are made and ended, then dropped: no export is part of the time
added               over bare, or over bare + json for what makes JSON itself"""


def main() -> None:
    """Measure, then print the table."""
    options = _parse()
    plan = Plan(options.sizes, options.rounds, options.messages, options.burst)
    signal.signal(signal.SIGTERM, _exit)
    print(_method(plan), _versions(), sep="\n\n", flush=True)
    start = time.monotonic()
    results = plan.run()
    print(table(results))
    print(f"\nmeasured in {time.monotonic() - start:.0f} s")
    if options.json:
        save(results, options.json)


def _exit(signal_number: int, _: object) -> None:
    """End as after an exception: the nats-server is stopped on the way."""
    sys.exit(128 + signal_number)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--sizes", type=_size, nargs="+", default=[200, 1024, 16384], metavar="BYTES"
    )
    parser.add_argument("--rounds", type=_positive, default=40)
    parser.add_argument("--messages", type=_positive, default=100, help="a round and variant")
    parser.add_argument(
        "--burst", type=_positive, help="messages on their way at once; all of them by default"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the results too")
    options = parser.parse_args()
    options.burst = min(options.burst or options.messages, options.messages)
    settings = sorted(name for name in os.environ if name.startswith("OTEL_"))
    if settings:
        parser.error(f"the defaults are measured: unset {', '.join(settings)}")
    return options


def _size(text: str) -> int:
    number = int(text)
    if not MIN_SIZE <= number <= _MAX_SIZE:
        raise argparse.ArgumentTypeError(f"between {MIN_SIZE} and {_MAX_SIZE}, not {number}")
    return number


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"1 or more, not {number}")
    return number


def _method(plan: Plan) -> str:
    meaning = (
        f"Messages go out in bursts of {plan.burst}, with which nats-py is at its cheapest and the "
        "ratios are\nat their highest (--burst 1 for the opposite)."
    )
    if plan.burst == 1:
        meaning = "They go out one by one: each costs nats-py system calls and turns of the loop."
    return _METHOD.format(rounds=plan.rounds, messages=plan.messages, burst_meaning=meaning)


def _versions() -> str:
    libraries = ", ".join(f"{name} {version(name)}" for name in ("nats-py", "opentelemetry-sdk"))
    return f"plugin {__version__}, {libraries}, Python {platform.python_version()}"


if __name__ == "__main__":
    main()
