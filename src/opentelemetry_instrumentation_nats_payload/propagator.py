"""The manual API: trace context in message dicts, for services that are written by hand."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Any

from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, Span, SpanKind, Tracer, use_span
from opentelemetry.util.types import AttributeValue

from . import _semconv
from ._carrier import extract, inject
from ._guard import guarded, logger
from ._json import is_carrier
from ._telemetry import current_or_default, end_span


class NATSTracePropagator:
    """Puts the trace context into message dicts, and finds it there.

    The dict is changed in place and returned. Nothing raises for telemetry's sake. With the
    instrumentation active as well, one trace comes of both: what is injected here is replaced by
    the context of the publish span, and what is extracted is that of the process span.
    """

    TRACE_HEADERS_FIELD = "_otel_trace_headers"
    """The default field; the setting ``payload_field`` chooses another one."""

    @staticmethod
    def inject_context(message_dict: dict[str, Any]) -> dict[str, Any]:
        """Add the current context to ``message_dict``; nothing where there is none to add."""
        _inject(message_dict)
        return message_dict

    @staticmethod
    def extract_context(message_dict: Mapping[str, Any]) -> Context | None:
        """The context in ``message_dict``, in our field or an alias, or None."""
        return _extract(message_dict)

    @staticmethod
    @contextmanager
    def create_span_from_message(
        tracer: Tracer,
        message_dict: Mapping[str, Any],
        span_name: str,
        span_kind: SpanKind = SpanKind.CONSUMER,
        attributes: Mapping[str, AttributeValue] | None = None,
    ) -> Generator[Span]:
        """Run a block in a span that continues the trace of ``message_dict``.

        Without a context in the message, the span belongs to the current one. An exception of
        the block is recorded and raised on.
        """
        span = _start_span(tracer, message_dict, span_name, span_kind, attributes)
        if span is None:
            yield INVALID_SPAN
            return
        with use_span(span, record_exception=False, set_status_on_exception=False):
            try:
                yield span
            except BaseException as error:
                end_span(span, error, record=True)
                raise
        end_span(span)

    @staticmethod
    def remove_trace_headers(message_dict: dict[str, Any]) -> dict[str, Any]:
        """Take the field out of ``message_dict``."""
        _remove(message_dict)
        return message_dict


async def publish_with_trace_context(
    client: Any,
    subject: str,
    message_dict: dict[str, Any],
    *,
    reply: str = "",
    headers: dict[str, str] | None = None,
    encode: Callable[[dict[str, Any]], bytes | str] = json.dumps,
) -> None:
    """Publish ``message_dict`` as JSON with the current context in it.

    Args:
        client: a connected ``nats.aio.client.Client``.
        subject: where to.
        message_dict: changed in place, as by :meth:`NATSTracePropagator.inject_context`.
        reply: the subject for replies.
        headers: message headers.
        encode: makes JSON of the dict; ``json.dumps``, ``orjson.dumps``, ….

    Raises:
        Whatever ``encode`` and ``client.publish`` raise.
    """
    payload = encode(NATSTracePropagator.inject_context(message_dict))
    data = payload.encode() if isinstance(payload, str) else payload
    await client.publish(subject, data, reply=reply, headers=headers)


@guarded(None)
def _start_span(
    tracer: Tracer,
    message_dict: Mapping[str, Any],
    span_name: str,
    span_kind: SpanKind,
    attributes: Mapping[str, AttributeValue] | None,
) -> Span:
    merged = {_semconv.MESSAGING_SYSTEM: _semconv.SYSTEM_NATS, **(attributes or {})}
    return tracer.start_span(span_name, _extract(message_dict), span_kind, merged)


@guarded(None)
def _inject(message_dict: dict[str, Any]) -> None:
    telemetry = current_or_default()
    carrier = inject(telemetry.propagator, None)
    if carrier:
        message_dict[telemetry.field.name] = carrier
    logger.debug("inject_context: %s", carrier or "no context to inject")


@guarded(None)
def _extract(message_dict: Mapping[str, Any]) -> Context | None:
    telemetry = current_or_default()
    for field in (telemetry.field, *telemetry.aliases):
        carrier = message_dict.get(field.name)
        if is_carrier(carrier):
            embedded = extract(telemetry.propagator, carrier, field.name)
            if embedded:
                logger.debug("extract_context: %s found in %s", carrier, field.name)
                return embedded.context
    logger.debug("extract_context: no context found")
    return None


@guarded(None)
def _remove(message_dict: dict[str, Any]) -> None:
    removed = message_dict.pop(current_or_default().field.name, None)
    logger.debug("remove_trace_headers: %s", removed or "nothing to remove")
