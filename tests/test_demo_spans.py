"""The demo keeps all of a span that it was sent."""

from __future__ import annotations

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage
from opentelemetry.proto.trace.v1.trace_pb2 import Status as StatusMessage

from examples.trading_pipeline.otlp import spans_of
from examples.trading_pipeline.spans import Event, Link, Span, Status

_TRACE_ID, _SPAN_ID, _PARENT_ID = b"\x0a" * 16, b"\x0b" * 8, b"\x0c" * 8


def _attribute(key: str, **value: object) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(**value))  # pyright: ignore[reportArgumentType]


def _request(span: SpanMessage, service: str = "feed") -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add()
    if service:
        resource_spans.resource.attributes.append(_attribute("service.name", string_value=service))
    scope_spans = resource_spans.scope_spans.add()
    scope_spans.scope.name, scope_spans.scope.version = "by hand", "1.0"
    scope_spans.spans.append(span)
    return request


def test_a_span_is_kept_whole() -> None:
    """Names, ids, times, status, attributes, links and events."""
    message = SpanMessage(
        trace_id=_TRACE_ID,
        span_id=_SPAN_ID,
        parent_span_id=_PARENT_ID,
        name="process a.b",
        kind=SpanMessage.SPAN_KIND_CONSUMER,
        start_time_unix_nano=1,
        end_time_unix_nano=3,
        attributes=[_attribute("a", string_value="b")],
        links=[SpanMessage.Link(trace_id=_TRACE_ID, span_id=_PARENT_ID)],
        events=[SpanMessage.Event(name="e", time_unix_nano=2)],
        status=StatusMessage(code=StatusMessage.STATUS_CODE_ERROR, message="no price"),
    )
    assert list(spans_of(_request(message))) == [
        Span(
            trace_id=_TRACE_ID.hex(),
            span_id=_SPAN_ID.hex(),
            parent_id=_PARENT_ID.hex(),
            service="feed",
            name="process a.b",
            kind="CONSUMER",
            start=1,
            end=3,
            scope="by hand 1.0",
            attributes={"a": "b"},
            links=(Link(_TRACE_ID.hex(), _PARENT_ID.hex()),),
            events=(Event("e", 2),),
            status=Status("ERROR", "no price"),
        )
    ]


def test_attributes_keep_their_types() -> None:
    """Each kind of value that OTLP knows."""
    message = SpanMessage(
        attributes=[
            _attribute("string", string_value="1"),
            _attribute("bool", bool_value=False),
            _attribute("int", int_value=1),
            _attribute("double", double_value=1.0),
            _attribute("bytes", bytes_value=b"\x01"),
            _attribute("array", array_value={"values": [AnyValue(int_value=1), AnyValue()]}),
            _attribute("map", kvlist_value={"values": [_attribute("k", bool_value=True)]}),
            KeyValue(key="nothing"),
        ]
    )
    (span,) = spans_of(_request(message))
    assert span.attributes == {
        "string": "1",
        "bool": False,
        "int": 1,
        "double": 1.0,
        "bytes": b"\x01",
        "array": [1, None],
        "map": {"k": True},
        "nothing": None,
    }
    assert [type(span.attributes[key]) for key in ("bool", "int", "double")] == [bool, int, float]


def test_a_span_of_a_service_without_a_name() -> None:
    """It is called what the SDKs call it; neither status nor parent is made up."""
    (span,) = spans_of(_request(SpanMessage(), service=""))
    assert (span.service, span.parent_id, span.status) == ("unknown_service", "", Status())
