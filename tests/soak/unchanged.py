"""Every scenario in every combination of the settings: what differs from its bare run."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tests.nats_server import nats_server
from tests.scenarios import SCENARIOS
from tests.scenarios.configurations import EVERY, chosen
from tests.scenarios.monitor import Monitor
from tests.scenarios.run import Configuration, compare, play
from tests.scenarios.world import Scenario, UnsupportedError

from .report import Report, Scale

_SHOWN = 20


class Figures(NamedTuple):
    """What a run found."""

    scenarios: int
    unsupported: int
    """Scenarios of something that this nats-py lacks."""

    configurations: int
    runs: int
    """Of scenarios, instrumented; each is compared with a bare one."""

    contexts: int
    """Messages that were seen with a context."""

    spans: int
    differences: list[str]


@contextmanager
def monitored() -> Generator[Monitor]:
    """A server with its monitoring port and a JetStream domain."""
    with TemporaryDirectory(prefix="unchanged-") as name:
        directory = Path(name)
        jetstream = f'jetstream {{ store_dir: "{directory}/js", domain: hub }}'
        with nats_server(directory, f'http: "127.0.0.1:-1"\n{jetstream}') as url:
            ports = json.loads(next(directory.glob("*.ports")).read_text())
            monitor = Monitor(url, str(ports["monitoring"][0]))
            yield monitor
            monitor.close()


async def _played(
    name: str, scenario: Scenario, monitor: Monitor, configurations: list[Configuration]
) -> Figures:
    """One scenario in every configuration, and bare once more at last."""
    bare = await play(scenario, monitor)
    contexts, spans, found = 0, 0, list[str]()
    for configuration in (*configurations, None):
        different, observed = await compare(scenario, monitor, configuration, bare)
        found += [f"{name}: {difference}" for difference in different]
        contexts += observed.carried
        spans += observed.spans
    return Figures(1, 0, len(configurations), len(configurations), contexts, spans, found)


def run(*, is_quick: bool = False) -> Figures:
    """About four minutes; half a minute with the configurations of the tests of every day."""
    gc.collect()
    gc.freeze()
    found: list[Figures] = []
    unsupported = 0
    with monitored() as monitor:
        for number, (name, scenario) in enumerate(SCENARIOS.items()):
            configurations = chosen(number) if is_quick else EVERY
            try:
                found.append(asyncio.run(_played(name, scenario, monitor, configurations)))
            except UnsupportedError:
                unsupported += 1
    gc.unfreeze()
    return Figures(
        scenarios=len(found),
        unsupported=unsupported,
        configurations=max(figures.configurations for figures in found),
        runs=sum(figures.runs for figures in found),
        contexts=sum(figures.contexts for figures in found),
        spans=sum(figures.spans for figures in found),
        differences=[difference for figures in found for difference in figures.differences],
    )


def stay_unchanged(scale: Scale) -> Report:
    """The whole part; a quick run has the configurations of the tests of every day."""
    report, found = Report(), run(is_quick=scale.is_quick)
    head = ("", "scenarios", "configurations", "runs", "contexts", "spans", "differences")
    numbers = (found.scenarios, found.configurations, found.runs, found.contexts, found.spans)
    cells = [f"{number:,}" for number in (*numbers, len(found.differences))]
    report.table("Each run is compared with a bare one", head, ("instrumented", *cells))
    if found.unsupported:
        report.notes.append(f"This nats-py lacks what {found.unsupported} scenarios are about.")
    report.notes += [f"Differs: {text}" for text in found.differences[:_SHOWN]]
    report.figures = found._asdict()
    report.claim(
        "return values, exceptions, order, counts and the server's monitoring are the same",
        found.runs and not found.differences,
    )
    report.claim("messages had contexts, and there were spans", found.contexts and found.spans)
    return report


if __name__ == "__main__":
    print(run())  # noqa: T201
