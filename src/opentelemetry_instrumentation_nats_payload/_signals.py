"""Every span and metric that is emitted, with its attributes: a listing, which nothing here reads.

Types and requirement levels are those of ``docs/messaging/messaging-spans.md`` and
``docs/messaging/messaging-metrics.md`` of https://github.com/open-telemetry/semantic-conventions,
in the version of ``SCHEMA_URL``. The levels of ``messaging.nats.*`` are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from . import _semconv as names

Level = Literal["required", "conditionally required", "recommended", "opt-in"]
Kind = Literal["PRODUCER", "CONSUMER", "CLIENT"]
Instrument = Literal["histogram", "counter"]
Type = type[str] | type[int] | type[float] | type[bool] | type[tuple[str, ...]]


class Attribute(NamedTuple):
    """An attribute of a span or of a metric."""

    type: Type
    level: Level
    when: str
    """The condition, or what the value is."""


class SpanSignal(NamedTuple):
    """The spans of an operation."""

    operation: str
    operation_type: str
    kinds: Mapping[Kind, str]
    """With the condition of each."""

    name: Literal["{operation} {destination}", "{operation}"]
    """The destination is the template, else the subject, else left out."""

    links: str
    attributes: Mapping[str, Attribute]


class MetricSignal(NamedTuple):
    """A metric, and the attributes of its data points."""

    metric: names.Metric
    instrument: Instrument
    attributes: Mapping[str, Attribute]


_OF_ALL: Final = {
    names.MESSAGING_SYSTEM: Attribute(str, "required", "nats"),
    names.MESSAGING_OPERATION_NAME: Attribute(str, "required", "the operation"),
}
_OPERATION_TYPE: Final = {
    names.MESSAGING_OPERATION_TYPE: Attribute(str, "conditionally required", "always"),
}
_TEMPLATE: Final = {
    names.MESSAGING_DESTINATION_TEMPLATE: Attribute(
        str, "conditionally required", "a pattern of the settings or subscribed to; _INBOX.>"
    ),
}
_ERROR: Final = {
    names.ERROR_TYPE: Attribute(str, "conditionally required", "the operation failed"),
}
_SPAN: Final = {
    **_OF_ALL,
    **_OPERATION_TYPE,
    **_TEMPLATE,
    **_ERROR,
    names.MESSAGING_DESTINATION_NAME: Attribute(
        str, "conditionally required", "the subject of all messages"
    ),
    names.SERVER_ADDRESS: Attribute(str, "recommended", "connected at least once"),
    names.SERVER_PORT: Attribute(int, "recommended", "connected at least once"),
    names.MESSAGING_CLIENT_ID: Attribute(str, "recommended", "the server gave one"),
    names.MESSAGING_MESSAGE_ID: Attribute(
        str, "recommended", "one message, with a Nats-Msg-Id or in a stream"
    ),
}
_CONSUMER: Final = {
    **_SPAN,
    names.MESSAGING_CONSUMER_GROUP_NAME: Attribute(
        str, "conditionally required", "the queue group, else the JetStream consumer"
    ),
    names.MESSAGING_DESTINATION_SUBSCRIPTION_NAME: Attribute(
        str, "conditionally required", "the JetStream consumer of a queue group"
    ),
    names.NATS_STREAM_NAME: Attribute(str, "recommended", "JetStream"),
    names.NATS_CONSUMER_NAME: Attribute(str, "recommended", "JetStream"),
    names.NATS_STREAM_SEQUENCE: Attribute(int, "recommended", "one message of JetStream's"),
    names.NATS_CONSUMER_SEQUENCE: Attribute(int, "recommended", "one message of JetStream's"),
    names.NATS_DELIVERY_COUNT: Attribute(int, "recommended", "one message of JetStream's"),
}
_CAPTURED: Final = {
    names.NATS_HEADER_PREFIX: Attribute(tuple, "opt-in", "one message; the header's name follows"),
    names.NATS_BODY: Attribute(str, "opt-in", "one message"),
}
_SEND: Final = {**_SPAN, **_CAPTURED}
_RECEIVE: Final = {
    **_CONSUMER,
    **_CAPTURED,
    names.NATS_DELIVERY_LATENCY: Attribute(float, "recommended", "JetStream, stored in our past"),
}
_RESPOND: Final = {
    **_SEND,
    names.MESSAGING_DESTINATION_TEMPORARY: Attribute(
        bool, "conditionally required", "true for an inbox"
    ),
}
_PROCESS: Final = {
    **_RECEIVE,
    names.NATS_ACK_OUTCOME: Attribute(str, "recommended", "a message to be acknowledged"),
    names.NATS_ACK_DURATION: Attribute(float, "recommended", "settled while it was processed"),
}
_FETCH: Final = {
    **_RECEIVE,
    names.MESSAGING_BATCH_MESSAGE_COUNT: Attribute(
        int, "conditionally required", "messages were fetched"
    ),
}

_NAMED: Final = "{operation} {destination}"
_SENDS: Final[Mapping[Kind, str]] = {
    "PRODUCER": "its context is the message's, or would have been",
    "CLIENT": "the message has a context that the application chose",
}
_REPLIES: Final[Mapping[Kind, str]] = {"CLIENT": "by default", "PRODUCER": "propagate_replies"}
_ASKS: Final[Mapping[Kind, str]] = {"CLIENT": "always"}
_PROCESSES: Final[Mapping[Kind, str]] = {"CONSUMER": "always"}
_CHOSEN: Final = "the context that the application chose"
_ONE: Final = "the context of the message"
_SEND_TYPE: Final = names.TYPE_SEND
_RECEIVE_TYPE: Final = names.TYPE_RECEIVE


def _settle(operation: str) -> SpanSignal:
    return SpanSignal(operation, names.TYPE_SETTLE, _ASKS, _NAMED, _ONE, _CONSUMER)


SPANS: Final = (
    SpanSignal(names.OPERATION_PUBLISH, _SEND_TYPE, _SENDS, _NAMED, _CHOSEN, _SEND),
    SpanSignal(
        names.OPERATION_REQUEST,
        _SEND_TYPE,
        _SENDS,
        _NAMED,
        f"{_CHOSEN}; that of a reply of another trace",
        _SEND,
    ),
    SpanSignal(names.OPERATION_RESPOND, _SEND_TYPE, _REPLIES, "{operation}", _CHOSEN, _RESPOND),
    SpanSignal(names.OPERATION_PROCESS, names.TYPE_PROCESS, _PROCESSES, _NAMED, _ONE, _PROCESS),
    SpanSignal(names.OPERATION_RECEIVE, _RECEIVE_TYPE, _ASKS, _NAMED, _ONE, _RECEIVE),
    SpanSignal(
        names.OPERATION_FETCH, _RECEIVE_TYPE, _ASKS, _NAMED, "the context of each message", _FETCH
    ),
    _settle(names.OPERATION_ACK),
    _settle(names.OPERATION_NAK),
    _settle(names.OPERATION_TERM),
    _settle(names.OPERATION_IN_PROGRESS),
)

_POINT: Final = {
    **_OF_ALL,
    **_TEMPLATE,
    names.SERVER_ADDRESS: Attribute(str, "conditionally required", "connected at least once"),
    names.SERVER_PORT: Attribute(int, "recommended", "connected at least once"),
}
_SUBSCRIBED_POINT: Final = {
    **_POINT,
    names.MESSAGING_DESTINATION_NAME: Attribute(
        str, "conditionally required", "subscribed to, without wildcards"
    ),
    names.MESSAGING_CONSUMER_GROUP_NAME: Attribute(
        str, "conditionally required", "the queue group"
    ),
}
_OPERATION_POINT: Final = {**_SUBSCRIBED_POINT, **_OPERATION_TYPE}


_ERRORS_OF_OURS: Final = {
    names.ERROR_TYPE: Attribute(str, "required", "the class of what was raised"),
    names.CODE_FUNCTION_NAME: Attribute(str, "required", "what raised: a part of ours, or a hook"),
}


def _of_contexts(attribute: str) -> Mapping[str, Attribute]:
    return {attribute: Attribute(str, "required", "one of a fixed set"), **_TEMPLATE}


METRICS: Final = (
    MetricSignal(names.CLIENT_OPERATION_DURATION, "histogram", {**_OPERATION_POINT, **_ERROR}),
    MetricSignal(names.PROCESS_DURATION, "histogram", {**_SUBSCRIBED_POINT, **_ERROR}),
    MetricSignal(names.CLIENT_SENT_MESSAGES, "counter", {**_POINT, **_ERROR}),
    MetricSignal(names.CLIENT_CONSUMED_MESSAGES, "counter", _SUBSCRIBED_POINT),
    MetricSignal(names.NATS_DELIVERY_DURATION, "histogram", _OPERATION_POINT),
    MetricSignal(names.NATS_SENT_CONTEXTS, "counter", _of_contexts(names.NATS_PROPAGATION_OUTCOME)),
    MetricSignal(
        names.NATS_RECEIVED_CONTEXTS, "counter", _of_contexts(names.NATS_PROPAGATION_SOURCE)
    ),
    MetricSignal(names.NATS_INSTRUMENTATION_ERRORS, "counter", _ERRORS_OF_OURS),
)
