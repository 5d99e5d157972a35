"""One distributed trace through services that talk over NATS, without a change to their code.

The trace context travels inside the JSON payload. Start a service with
``opentelemetry-instrument``, or call ``NATSInstrumentor().instrument()``.
"""

from ._handoff import use_message_context
from ._instrumentor import NATSInstrumentor
from ._process_span import process_span
from ._telemetry import ProcessHook, PublishDetails, PublishHook
from .propagator import NATSTracePropagator, publish_with_trace_context
from .version import __version__

__all__ = [
    "NATSInstrumentor",
    "NATSTracePropagator",
    "ProcessHook",
    "PublishDetails",
    "PublishHook",
    "__version__",
    "process_span",
    "publish_with_trace_context",
    "use_message_context",
]
