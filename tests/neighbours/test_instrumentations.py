"""OpenTelemetry's instrumentations of asyncio, threads and logging, and another event loop."""

from __future__ import annotations

import sys

import pytest

from .conftest import Run
from .families import OURS, families
from .programs import SpanReceiver

_PARENT = " < process orders"
_CHILDREN = ["gathered", "pool", "task", "thread"]
_OFF = {
    "all": "nats",
    "not threading": "nats,threading",
}


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize("active", _OFF)
def test_a_message_and_all_that_follows_are_one_trace(
    run: Run, receiver: SpanReceiver, loop: str, active: str
) -> None:
    """Threads, pools, tasks: each publish is a child of the process span, and has one span.

    Without the instrumentation of threads, what a thread does begins traces of its own.
    """
    done = run(
        sys.executable,
        "everything.py",
        LOOP=loop,
        OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=_OFF[active],
        OTEL_PYTHON_LOG_CORRELATION="true",
        OTEL_PYTHON_ASYNCIO_COROUTINE_NAMES="_pipeline",
    )
    assert (done.returncode, done.stdout) == (0, f"{_CHILDREN}\n")
    spans = [span for span in receiver.spans() if span.scope.startswith(OURS)]
    [order] = [span for span in spans if span.name == "process orders"]
    [logged] = done.stderr.splitlines()
    assert f"trace_id={order.trace_id} span_id={order.span_id}" in logged
    lines = {line for lines in families(spans) for line in lines}
    detached = [] if active == "all" else ["thread", "pool"]
    expected = {"publish orders", "process orders < publish orders"}
    for child in _CHILDREN:
        expected.add(f"publish {child}" + ("" if child in detached else _PARENT))
        expected.add(f"process {child} < publish {child}")
    assert lines == expected
    assert len(spans) == len(expected)
    assert len(families(spans)) == 1 + len(detached)
