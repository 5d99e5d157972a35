"""opentelemetry-instrument in a process of its own: what the operator does, and nothing more."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from examples.trading_pipeline.receiver import Receiver, running_receiver

_SERVICE = """
import asyncio, os, nats

async def main():
    nc = await nats.connect(os.environ["NATS_URL"])
    done = asyncio.Event()

    async def on_order(msg):
        await nc.publish("cli.filled", b'{"filled":1}')

    async def on_filled(msg):
        print(msg.data.decode(), msg.headers)
        done.set()

    await nc.subscribe(subject="cli.orders.*", queue="engine", cb=on_order)
    await nc.subscribe("cli.filled", cb=on_filled)
    await nc.publish("cli.orders.new", b'{"order":1}')
    await done.wait()
    await nc.drain()

asyncio.run(main())
"""
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """An OTLP receiver."""
    with running_receiver() as receiver:
        yield receiver


@pytest.fixture
def run(server: str, receiver: Receiver, tmp_path: Path) -> Run:
    """Runs the service, which knows nothing of tracing, under opentelemetry-instrument."""
    service = tmp_path / "service.py"
    service.write_text(_SERVICE)
    instrument = shutil.which("opentelemetry-instrument", path=str(Path(sys.executable).parent))
    assert instrument is not None

    def run(*flags: str, service: Path = service, **environment: str) -> Any:
        settings = {
            "OTEL_SERVICE_NAME": "engine",
            "OTEL_TRACES_EXPORTER": "otlp",
            "OTEL_METRICS_EXPORTER": "none",
            "OTEL_LOGS_EXPORTER": "none",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint,
            "NATS_URL": server,
        }
        command = [instrument, *flags, sys.executable, str(service)]
        return subprocess.run(
            command,
            env={**os.environ, **settings, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=25,
        )

    return run


def _tree(receiver: Receiver) -> list[tuple[str, str, str]]:
    """Name, kind and name of the parent of every span, in the order of their start."""
    spans = sorted(receiver.spans(), key=lambda span: span.start)
    names = {span.span_id: span.name for span in spans}
    assert len({span.trace_id for span in spans}) <= 1
    return [(span.name, span.kind, names.get(span.parent_id, "")) for span in spans]


_ONE_TRACE = [
    ("publish cli.orders.new", "PRODUCER", ""),
    ("process cli.orders.*", "CONSUMER", "publish cli.orders.new"),
    ("publish cli.filled", "PRODUCER", "process cli.orders.*"),
    ("process cli.filled", "CONSUMER", "publish cli.filled"),
]


def test_a_service_that_knows_nothing_of_tracing_becomes_one_trace(
    run: Run, receiver: Receiver
) -> None:
    """Without a change to the service, and without a line of output that was not there."""
    done = run()
    assert (done.returncode, done.stderr) == (0, "")
    assert '"_otel_trace_headers"' in done.stdout
    assert _tree(receiver) == _ONE_TRACE


def test_settings_are_flags_and_variables(run: Run, receiver: Receiver) -> None:
    """--nats_consumed_field and OTEL_PYTHON_NATS_CARRIER do what they say."""
    done = run("--nats_consumed_field", "strip", OTEL_PYTHON_NATS_CARRIER="both")
    assert done.stdout.startswith("{\"filled\":1} {'traceparent'")
    assert _tree(receiver) == _ONE_TRACE


def test_a_bad_setting_is_one_warning_and_the_service_starts(run: Run, receiver: Receiver) -> None:
    """The operator sees variable, value and what is accepted."""
    done = run(OTEL_PYTHON_NATS_CONSUMED_FIELD="shred")
    assert done.returncode == 0
    assert done.stderr.count("OTEL_PYTHON_NATS_CONSUMED_FIELD: 'shred'") == 1
    assert "refresh | keep | strip" in done.stderr
    assert _tree(receiver) == _ONE_TRACE


def test_it_can_be_disabled_by_name(run: Run, receiver: Receiver) -> None:
    """OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=nats_payload leaves nats-py alone."""
    done = run(OTEL_PYTHON_DISABLED_INSTRUMENTATIONS="nats_payload")
    assert (done.stdout, done.stderr) == ('{"filled":1} None\n', "")
    assert _tree(receiver) == []


def test_a_disabled_sdk_leaves_the_messages_alone(run: Run, receiver: Receiver) -> None:
    """OTEL_SDK_DISABLED: there is nothing to pass on, so nothing is written."""
    done = run(OTEL_SDK_DISABLED="true")
    assert (done.returncode, done.stdout) == (0, '{"filled":1} None\n')
    assert _tree(receiver) == []


def test_the_configured_propagators_are_used(run: Run, receiver: Receiver) -> None:
    """OTEL_PROPAGATORS=baggage: spans, but no span context travels."""
    done = run(OTEL_PROPAGATORS="baggage")
    assert (done.stdout, done.stderr) == ('{"filled":1} None\n', "")
    assert len({span.trace_id for span in receiver.spans()}) == 3


def test_help_lists_the_settings(run: Run) -> None:
    """Every setting is a flag in --help."""
    done = run("--help")
    assert done.returncode == 0
    for flag in ("--nats_carrier", "--nats_excluded_subjects", "--nats_subject_templates"):
        assert flag in done.stdout


def test_a_service_without_nats_py_starts(run: Run, tmp_path: Path) -> None:
    """Where nats-py cannot be imported, the CLI and the service run, and nobody is told off."""
    (tmp_path / "hidden" / "nats").mkdir(parents=True)
    (tmp_path / "hidden" / "nats" / "__init__.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'nats'\", name='nats')\n"
    )
    service = tmp_path / "other.py"
    service.write_text("print('served')\n")
    done = run(service=service, PYTHONPATH=str(tmp_path / "hidden"))
    assert (done.returncode, done.stdout) == (0, "served\n")
    if not version("opentelemetry-instrumentation").startswith("0.48"):  # it logs a traceback
        assert done.stderr == ""


_FILE = """
file_format: "1.0"
propagator:
  composite:
    - tracecontext:
tracer_provider:
  processors:
    - simple:
        exporter:
          otlp_http:
            endpoint: {endpoint}/v1/traces
instrumentation/development:
  python:
    nats_payload:
      consumed_field: strip
      carrier: headers
      excluded_subjects: [cli.filled]
"""


def test_the_declarative_configuration_file_is_read(
    run: Run, receiver: Receiver, tmp_path: Path
) -> None:
    """The options of the file win over the environment."""
    pytest.importorskip("opentelemetry.configuration.instrumentation")
    pytest.importorskip("yaml")
    pytest.importorskip("jsonschema")
    config = tmp_path / "otel.yaml"
    config.write_text(_FILE.format(endpoint=receiver.endpoint))
    done = run(OTEL_CONFIG_FILE=str(config), OTEL_PYTHON_NATS_CARRIER="payload")
    assert (done.returncode, done.stdout) == (0, '{"filled":1} None\n'), done.stderr
    assert _tree(receiver) == _ONE_TRACE[:2]
