"""Programs that the tests start, and a receiver of their spans."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from .programs import SERVICES, Program, SpanReceiver, executable

Environment = dict[str, str]
Launch = Callable[..., Program]
Run = Callable[..., "subprocess.CompletedProcess[str]"]


_DIRECTORY = Path(__file__).parent


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Only what is asked for by name: ``python -m pytest`` alone leaves this directory out.

    ``norecursedirs`` would leave it out in both cases.
    """
    asked = [Path(argument.partition("::")[0]).resolve() for argument in config.args]
    return None if any(path.is_relative_to(_DIRECTORY) for path in asked) else True


@pytest.fixture
def receiver() -> Iterator[SpanReceiver]:
    """An OTLP receiver."""
    receiver = SpanReceiver()
    thread = threading.Thread(target=receiver.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield receiver
    receiver.shutdown()
    receiver.server_close()
    thread.join()


@pytest.fixture
def environment(server: str, receiver: SpanReceiver) -> Environment:
    """What an operator sets, and no second NATS instrumentation."""
    return {
        **os.environ,
        "NATS_URL": server,
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint,
        "OTEL_BSP_SCHEDULE_DELAY": "50",
        "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "nats",
        "OTEL_PYTHON_NATS_EXCLUDED_SUBJECTS": "ready.>",
    }


@pytest.fixture
def launch(environment: Environment, tmp_path: Path) -> Iterator[Launch]:
    """Starts programs under opentelemetry-instrument, and stops them at the end."""
    with ExitStack() as stack:

        def launch(name: str, *command: str, **variables: str) -> Program:
            settings = {**environment, "OTEL_SERVICE_NAME": name, **variables}
            full = [executable("opentelemetry-instrument"), *command]
            program = Program(full, settings, tmp_path / f"{name}.log")
            stack.enter_context(_stopped(program))
            return program

        yield launch


@contextmanager
def _stopped(program: Program) -> Generator[None]:
    try:
        yield
    finally:
        program.stop()


@pytest.fixture
def run(environment: Environment) -> Run:
    """Runs a program under opentelemetry-instrument to its end."""

    def run(*command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        full = [executable("opentelemetry-instrument"), *command]
        settings = {**environment, "OTEL_SERVICE_NAME": "program", **variables}
        return subprocess.run(
            full,
            env=settings,
            cwd=SERVICES,
            capture_output=True,
            text=True,
            check=False,
            timeout=25,
        )

    return run
