"""One distributed trace through services that talk over NATS, without a change to their code.

The trace context travels inside the JSON payload. Start a service with
``opentelemetry-instrument``, or call ``NATSInstrumentor().instrument()``.
"""

from ._batch import process_batch
from ._handoff import use_message_context
from ._hooks import (
    MessageDetails,
    ProcessHook,
    PublishDetails,
    PublishHook,
    ReceiveDetails,
    ReceiveHook,
    RedactBody,
)
from ._instrumentor import NATSInstrumentor
from ._process_span import process_span
from .propagator import NATSTracePropagator, publish_with_trace_context
from .version import __version__

__all__ = [
    "MessageDetails",
    "NATSInstrumentor",
    "NATSTracePropagator",
    "ProcessHook",
    "PublishDetails",
    "PublishHook",
    "ReceiveDetails",
    "ReceiveHook",
    "RedactBody",
    "__version__",
    "process_batch",
    "process_span",
    "publish_with_trace_context",
    "use_message_context",
]
