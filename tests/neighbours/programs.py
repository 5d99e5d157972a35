"""Programs under opentelemetry-instrument, and where their spans arrive."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from examples.trading_pipeline.receiver import Receiver
from examples.trading_pipeline.spans import Span

SERVICES = Path(__file__).parent / "services"
_LIMIT_SECONDS = 20.0
_BESIDE_PYTHON = Path(sys.executable).parent


def executable(name: str) -> str:
    """A command of the environment that the tests run in."""
    return str(_BESIDE_PYTHON / name)


class SpanReceiver(Receiver):
    """An OTLP receiver that can be waited for."""

    def __init__(self) -> None:
        super().__init__(None)
        self._arrived = threading.Condition()

    def take(self, body: bytes, encoding: str) -> None:
        """Keep one request, and tell who waits."""
        super().take(body, encoding)
        with self._arrived:
            self._arrived.notify_all()

    def wait(self, is_enough: Callable[[list[Span]], bool]) -> list[Span]:
        """The spans, as soon as they are enough."""
        with self._arrived:
            if not self._arrived.wait_for(lambda: is_enough(self.spans()), _LIMIT_SECONDS):
                raise TimeoutError(f"only {sorted(span.name for span in self.spans())}")
        return self.spans()


class Program:
    """A running program; what it printed is in ``output``."""

    def __init__(self, command: list[str], environment: Mapping[str, str], output: Path) -> None:
        self.output = output
        with output.open("wb") as file:
            self._process = subprocess.Popen(
                command, env=environment, cwd=SERVICES, stdout=file, stderr=file
            )

    def stop(self) -> int:
        """Ask it to end, as an orchestrator does; its exit status."""
        self._process.terminate()
        try:
            return self._process.wait(_LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise

    def text(self) -> str:
        """What it has printed until now, on both of its outputs."""
        return self.output.read_text()
