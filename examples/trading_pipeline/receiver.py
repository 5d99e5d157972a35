"""A small OTLP/HTTP receiver for traces on a free loopback port."""

from __future__ import annotations

import gzip
import threading
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from .forwarding import Forwarder
from .otlp import spans_of
from .spans import Span

PATH = "/v1/traces"
NO_SPANS = ExportTraceServiceResponse().SerializeToString()


class Receiver(ThreadingHTTPServer):
    """Keeps every request for traces it was sent, and passes the bytes on when asked to."""

    def __init__(self, forwarder: Forwarder | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self._forwarder = forwarder
        self._requests: list[ExportTraceServiceRequest] = []

    @property
    def endpoint(self) -> str:
        """The value for OTEL_EXPORTER_OTLP_ENDPOINT."""
        return f"http://127.0.0.1:{self.server_port}"

    def take(self, body: bytes, encoding: str) -> None:
        """Keep one request; raises ValueError when it is not what it says it is."""
        self._requests.append(_decode(body, encoding))
        if self._forwarder:
            self._forwarder.send(body, encoding)

    def spans(self) -> list[Span]:
        """All spans received until now."""
        return [span for request in list(self._requests) for span in spans_of(request)]


@contextmanager
def running_receiver(forwarder: Forwarder | None = None) -> Generator[Receiver, None, None]:
    """A receiver that serves in a thread until the block ends."""
    receiver = Receiver(forwarder)
    thread = threading.Thread(target=receiver.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.shutdown()
        receiver.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Receiver  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if self.path != PATH:
            return self._answer(404)
        try:
            self.server.take(body, self.headers.get("Content-Encoding", ""))
        except ValueError:
            return self._answer(400)
        return self._answer(200, NO_SPANS)

    def _answer(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Print nothing: the progress is on the screen."""


def _decode(body: bytes, encoding: str) -> ExportTraceServiceRequest:
    try:
        plain = gzip.decompress(body) if encoding == "gzip" else body
        return ExportTraceServiceRequest.FromString(plain)
    except (DecodeError, OSError, EOFError, zlib.error) as error:
        raise ValueError("not a request for traces") from error
