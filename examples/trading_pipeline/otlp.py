"""Takes spans out of the messages of OTLP."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage
from opentelemetry.proto.trace.v1.trace_pb2 import Status as StatusMessage

from .spans import Attributes, Event, Link, Span, Status, Value


def spans_of(request: ExportTraceServiceRequest) -> Iterator[Span]:
    """The spans of one request."""
    for resource_spans in request.resource_spans:
        service = _service_name(resource_spans.resource)
        for scope_spans in resource_spans.scope_spans:
            scope = _scope_name(scope_spans.scope)
            for message in scope_spans.spans:
                yield _span(service, scope, message)


def _service_name(resource: Resource) -> str:
    for attribute in resource.attributes:
        if attribute.key == "service.name":
            return attribute.value.string_value
    return "unknown_service"


def _scope_name(scope: InstrumentationScope) -> str:
    return f"{scope.name} {scope.version}".strip()


def _span(service: str, scope: str, message: SpanMessage) -> Span:
    return Span(
        trace_id=message.trace_id.hex(),
        span_id=message.span_id.hex(),
        parent_id=message.parent_span_id.hex(),
        service=service,
        name=message.name,
        kind=SpanMessage.SpanKind.Name(message.kind).removeprefix("SPAN_KIND_"),
        start=message.start_time_unix_nano,
        end=message.end_time_unix_nano,
        scope=scope,
        attributes=_attributes(message.attributes),
        links=tuple(map(_link, message.links)),
        events=tuple(map(_event, message.events)),
        status=_status(message.status),
    )


def _link(message: SpanMessage.Link) -> Link:
    return Link(message.trace_id.hex(), message.span_id.hex(), _attributes(message.attributes))


def _event(message: SpanMessage.Event) -> Event:
    return Event(message.name, message.time_unix_nano, _attributes(message.attributes))


def _status(message: StatusMessage) -> Status:
    code = StatusMessage.StatusCode.Name(message.code).removeprefix("STATUS_CODE_")
    return Status(code, message.message)


def _attributes(attributes: Iterable[KeyValue]) -> Attributes:
    return {attribute.key: _value(attribute.value) for attribute in attributes}


def _value(message: AnyValue) -> Value:
    kind = message.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [_value(value) for value in message.array_value.values]
    if kind == "kvlist_value":
        return _attributes(message.kvlist_value.values)
    return getattr(message, kind)
