"""Passes received traces on to the OTLP/HTTP endpoint of the runner's own environment."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from urllib.request import Request, urlopen

from opentelemetry.util.re import parse_env_headers

REQUEST_TIMEOUT = 5.0
CLOSE_TIMEOUT = 10.0


class Forwarder:
    """Sends requests in a thread of its own; warns once when the endpoint does not take one."""

    def __init__(self, environment: Mapping[str, str], warn: Callable[[str], None]) -> None:
        self._url = environment["OTEL_EXPORTER_OTLP_ENDPOINT"].rstrip("/") + "/v1/traces"
        self._headers = parse_env_headers(environment.get("OTEL_EXPORTER_OTLP_HEADERS", ""))
        self._warn = warn
        self._warned = False
        self._requests: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Start sending."""
        self._thread.start()

    def send(self, body: bytes, encoding: str) -> None:
        """Send the bytes of one request, as they are, as soon as possible."""
        headers = {**self._headers, "Content-Type": "application/x-protobuf"}
        if encoding:
            headers["Content-Encoding"] = encoding
        try:
            request = Request(self._url, body, headers, method="POST")
        except ValueError as error:
            self._warn_once(error)
        else:
            self._requests.put(request)

    def close(self) -> None:
        """Wait, for a bounded time, until everything is sent."""
        self._requests.put(None)
        self._thread.join(CLOSE_TIMEOUT)

    def _run(self) -> None:
        while (request := self._requests.get()) is not None:
            self._send_now(request)

    def _send_now(self, request: Request) -> None:
        try:
            with urlopen(request, timeout=REQUEST_TIMEOUT) as response:
                response.read()
        except Exception as error:  # whatever the endpoint does, the rest is sent
            self._warn_once(error)

    def _warn_once(self, error: Exception) -> None:
        if not self._warned:
            self._warned = True
            self._warn(f"traces could not be passed on to {self._url}: {error}")


@contextmanager
def running_forwarder(
    environment: Mapping[str, str], warn: Callable[[str], None]
) -> Generator[Forwarder | None, None, None]:
    """A forwarder to the environment's endpoint, or None when it names none."""
    if not environment.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        yield None
        return
    forwarder = Forwarder(environment, warn)
    forwarder.start()
    yield forwarder
    # Only here: after an error or an interruption nobody waits for the endpoint.
    forwarder.close()
