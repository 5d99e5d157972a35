"""What nats-py does is the same with the instrumentation, as far as anybody can see.

Each scenario is played bare and then instrumented, and everything is compared: what is returned
and raised, messages, their order, counts of the client and of the server, attributes, log records,
warnings, tasks and context variables. ``tests/soak/unchanged.py`` plays them in every combination.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from importlib.metadata import version

import pytest
from packaging.version import Version

from nats_server import nats_server
from scenarios import DIFFERENT, SCENARIOS
from scenarios.configurations import chosen
from scenarios.monitor import Monitor
from scenarios.run import Configuration, compare, play
from scenarios.world import Scenario, UnsupportedError

_IS_LATEST = Version(version("nats-py")) >= Version("2.16")


@pytest.fixture(scope="module")
def monitor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Monitor]:
    """A server of its own, with its monitoring port and a JetStream domain."""
    directory = tmp_path_factory.mktemp("unchanged")
    jetstream = f'jetstream {{ store_dir: "{directory}/js", domain: hub }}'
    with nats_server(directory, f'http: "127.0.0.1:-1"\n{jetstream}') as url:
        ports = json.loads(next(directory.glob("*.ports")).read_text())
        monitor = Monitor(url, ports["monitoring"][0])
        gc.collect()
        gc.freeze()  # a run collects its own garbage only
        yield monitor
        gc.unfreeze()
        monitor.close()


async def _differences(scenario: Scenario, monitor: Monitor, number: int) -> list[str]:
    """What is not as in a bare run: in each configuration, and now and then bare once more."""
    bare = await play(scenario, monitor)
    assert "scenario" not in bare.seen["tracks"]
    found: list[str] = []
    for configuration in (*chosen(number), *([] if number % 4 else [None])):
        different, _ = await compare(scenario, monitor, configuration, bare)
        found += different
    return found


@pytest.mark.parametrize("name", SCENARIOS)
async def test_a_scenario_is_the_same_instrumented(monitor: Monitor, name: str) -> None:
    """With every carrier, without an SDK, and after the end of the instrumentation."""
    try:
        found = await _differences(SCENARIOS[name], monitor, list(SCENARIOS).index(name))
    except UnsupportedError as error:
        if _IS_LATEST:
            raise
        pytest.skip(str(error))
    assert found == []


_REASONS = {
    "pending_bytes": "the field counts as well, it has come with the message",
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.xfail(reason=_REASONS[name], strict=True))
        for name in DIFFERENT
    ],
)
async def test_what_is_different(monitor: Monitor, name: str) -> None:
    """It should not be more than this."""
    assert await _differences(DIFFERENT[name], monitor, 0) == []


async def test_a_payload_of_a_wrong_type_is_not_captured(monitor: Monitor) -> None:
    """nats-py refuses it, and ``bytes(number)`` takes as much memory as the number says."""
    scenario = SCENARIOS["bad_arguments"]
    configuration = Configuration(options={"captured_body_bytes": 100})
    found, _ = await compare(scenario, monitor, configuration, await play(scenario, monitor))
    assert found == []


@pytest.mark.parametrize("carrier", ["payload", "headers", "both", "auto"])
async def test_the_scenarios_are_instrumented(monitor: Monitor, carrier: str) -> None:
    """Messages carry contexts, and there are spans; otherwise the rest would say nothing."""
    scenario = SCENARIOS["publish_and_subscribe"]
    bare = await play(scenario, monitor)
    _, observed = await compare(scenario, monitor, Configuration(carrier), bare)
    assert (bare.carried, bare.spans) == (0, 0)
    assert observed.carried >= 20
    assert observed.spans == 78


def test_there_are_enough_scenarios() -> None:
    """None is lost by an import or a name that two of them have."""
    assert len(SCENARIOS) >= 60
