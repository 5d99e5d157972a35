"""What is really exported, over all operations, by the listing; and the listing by the model."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import pytest_asyncio
from nats.errors import ConnectionClosedError
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    Histogram,
    InMemoryMetricReader,
    Sum,
)
from opentelemetry.trace import StatusCode

import semconv_model
from broken import raise_broken
from conftest import Connect, Instrumentation
from every_operation import (
    CHOSEN,
    ERROR,
    METRICS,
    NAME,
    NEXT_MSG_FAILS,
    OF_THE_MODEL,
    OPERATION,
    SPANS,
    TEMPLATE,
    TYPE,
    Application,
    Exports,
    destination_of,
    id_of,
    links_of,
    value_of,
)
from opentelemetry_instrumentation_nats_payload import NATSInstrumentor, _signals
from opentelemetry_instrumentation_nats_payload._semconv import (
    NATS_HEADER_PREFIX,
    SCHEMA_URL,
    Metric,
)
from opentelemetry_instrumentation_nats_payload._signals import MetricSignal, SpanSignal
from points import Meter

_needs_model = pytest.mark.skipif(
    semconv_model.version_of(SCHEMA_URL) > semconv_model.NEWEST,
    reason=f"this opentelemetry-semantic-conventions is older than {SCHEMA_URL}",
)
_ABOUT_NO_SERVER = {
    "messaging.nats.propagation.sent",
    "messaging.nats.propagation.received",
    "messaging.nats.instrumentation.errors",
}
_by_operation = pytest.mark.parametrize("signal", _signals.SPANS, ids=lambda s: s.operation)
_by_model_metric = pytest.mark.parametrize("signal", OF_THE_MODEL, ids=lambda s: s.metric.name)


@pytest_asyncio.fixture
async def exports(connect: Connect, instrumentation: Instrumentation) -> Exports:
    """What all operations exported, the spans without those of the application."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    options: dict[str, Any] = {"meter_provider": provider, "subject_templates": ["orders.*"]}
    captured = {"captured_headers": ["Nats-Msg-Id"], "captured_body_bytes": 8}
    errors: asyncio.Queue[Exception] = asyncio.Queue()
    application = Application(await connect(error_cb=errors.put), errors, instrumentation.tracer)
    instrumentation.start(settle_spans=True, receive_hook=raise_broken, **captured, **options)
    await application.everything(await connect())
    NATSInstrumentor().uninstrument()
    instrumentation.start(propagate_replies=True, **options)
    await application.core()
    data = reader.get_metrics_data()
    resources = data.resource_metrics if data else ()
    scopes = [scope for resource in resources for scope in resource.scope_metrics]
    return Exports([s for s in instrumentation.finished_spans() if s.name != "work"], scopes)


def _listed(key: str) -> str:
    """The key as it is in the listing: of a captured header without its name."""
    is_header = key.startswith(NATS_HEADER_PREFIX)
    return NATS_HEADER_PREFIX if is_header else key


def _keys(exports: Exports) -> Iterator[tuple[str, Mapping[str, Any], SpanSignal | MetricSignal]]:
    """Everything exported: what it is, its attributes, and its place in the listing."""
    for span in exports.spans:
        attributes = {_listed(key): value for key, value in (span.attributes or {}).items()}
        yield span.name, attributes, SPANS[value_of(span, OPERATION)]
    for metric in exports.metrics:
        for point in metric.data.data_points:
            yield metric.name, point.attributes, METRICS[metric.name]


async def test_everything_listed_is_exported_and_nothing_else(exports: Exports) -> None:
    """Each operation with success, with failure, and in each of its kinds; each metric."""
    kinds = {(value_of(span, OPERATION), span.kind.name) for span in exports.spans}
    assert kinds == {(s.operation, kind) for s in _signals.SPANS for kind in s.kinds}
    done = {value_of(span, OPERATION) for span in exports.spans if not value_of(span, ERROR)}
    assert done == set(SPANS)
    failed = {value_of(span, OPERATION) for span in exports.spans if value_of(span, ERROR)}
    assert failed == set(SPANS) - (set() if NEXT_MSG_FAILS else {"receive"})
    assert {metric.name for metric in exports.metrics} == set(METRICS)


async def test_every_listed_attribute_is_exported(exports: Exports) -> None:
    """By operations of its type, or by its metric."""
    listed: dict[str, set[str]] = defaultdict(set)
    found: dict[str, set[str]] = defaultdict(set)
    for _, attributes, signal in _keys(exports):
        is_span = isinstance(signal, SpanSignal)
        key = signal.operation_type if is_span else signal.metric.name
        listed[key] |= set(signal.attributes)
        found[key] |= set(attributes)
    assert found == listed


async def test_attributes_are_as_listed(exports: Exports) -> None:
    """No others, of these types, and those that are required."""
    for name, attributes, signal in _keys(exports):
        assert set(attributes) <= set(signal.attributes), name
        for key, value in attributes.items():
            assert type(value) is signal.attributes[key].type, (name, key)
        required = {key for key, a in signal.attributes.items() if a.level == "required"}
        assert required <= set(attributes), name


async def test_conditions_of_attributes(exports: Exports) -> None:
    """What every span has here, where there is a server; and a destination of some kind."""
    for span in exports.spans:
        assert {TYPE, "server.address", "server.port"} <= set(span.attributes or {}), span.name
        assert destination_of(span) or value_of(span, "messaging.batch.message_count"), span.name
        is_named = "*" in span.name or ">" in span.name
        assert not is_named or value_of(span, TEMPLATE), span.name
    for metric in exports.metrics:
        if metric.name not in _ABOUT_NO_SERVER:
            assert all("server.address" in p.attributes for p in metric.data.data_points)


async def test_kinds_and_types(exports: Exports) -> None:
    """Of each operation."""
    for span in exports.spans:
        signal = SPANS[value_of(span, OPERATION)]
        assert value_of(span, TYPE) == signal.operation_type
        assert span.kind.name in signal.kinds


async def test_names(exports: Exports) -> None:
    """The operation, and the template, else the subject; a fetch of more than one has neither."""
    for span in exports.spans:
        signal = SPANS[value_of(span, OPERATION)]
        destination = destination_of(span) if "destination" in signal.name else None
        expected = f"{signal.operation} {destination}" if destination else signal.operation
        assert span.name == expected


async def test_status(exports: Exports) -> None:
    """Unset without a description on success, else an error with one."""
    for span in exports.spans:
        status = span.status
        if value_of(span, ERROR) is None:
            assert (status.status_code, status.description) == (StatusCode.UNSET, None), span.name
        else:
            assert status.status_code is StatusCode.ERROR, span.name
            assert status.description, span.name


async def test_errors_and_destinations_are_the_same_on_span_and_metric(exports: Exports) -> None:
    """Each span has one duration, each message that was sent is counted, with its error.type."""
    keys = (OPERATION, ERROR, TEMPLATE, "server.address", "server.port")
    spans: dict[str, Counter[Any]] = defaultdict(Counter)
    for span in exports.spans:
        spans[value_of(span, TYPE)][tuple(value_of(span, key) for key in keys)] += 1
    assert exports.counts("messaging.client.sent.messages", *keys) == spans["send"]
    assert exports.counts("messaging.process.duration", *keys) == spans.pop("process")
    others = sum(spans.values(), Counter[Any]())
    assert exports.counts("messaging.client.operation.duration", *keys) == others


async def test_links_of_messages_that_are_sent(exports: Exports) -> None:
    """To what the application chose, or what a reply of another trace carried; nothing else."""
    answers = {id_of(span.context) for span in exports.of("respond") if not span.links}
    for span in (*exports.of("publish"), *exports.of("request")):
        is_linked = value_of(span, NAME) in ("core.kept", "core.foreign")
        links = [link for link in links_of(span) if link not in answers]
        assert links == [CHOSEN] * is_linked, span.name
        own_trace, _ = id_of(span.context)
        assert own_trace not in {trace for trace, _ in links_of(span)}, span.name
    replies = [(s.kind.name, links_of(s)) for s in exports.of("respond") if s.links]
    assert replies == [("CLIENT", [CHOSEN])]


async def test_links_to_messages_that_carried_a_context(exports: Exports) -> None:
    """To the creation of each: by one of our spans, to the same subject, or the application."""
    producers = [span for span in exports.spans if span.kind.name == "PRODUCER"]
    created = {id_of(span.context): value_of(span, NAME) for span in producers}
    created[CHOSEN] = "core.kept"
    for span in exports.spans:
        if value_of(span, TYPE) == "send":
            continue
        is_unmet = value_of(span, TYPE) == "receive" and value_of(span, ERROR)
        is_bare = "bare" in str(value_of(span, NAME))
        count = value_of(span, "messaging.batch.message_count") or 1
        subjects = [created[link] for link in links_of(span)]
        assert len(subjects) == (0 if is_unmet or is_bare else count), span.name
        assert value_of(span, NAME) is None or set(subjects) <= {value_of(span, NAME)}, span.name


async def test_instruments(exports: Exports) -> None:
    """Kind, unit and description."""
    for metric in exports.metrics:
        signal = METRICS[metric.name]
        assert signal.metric == Metric(metric.name, metric.unit, metric.description)
        assert type(metric.data) is (Histogram if signal.instrument == "histogram" else Sum)
        assert isinstance(metric.data, Histogram) or metric.data.is_monotonic


async def test_the_schema_url_is_on_everything(exports: Exports) -> None:
    """On the scope of each span and metric."""
    scopes = [span.instrumentation_scope for span in exports.spans]
    assert {scope and scope.schema_url for scope in scopes} == {SCHEMA_URL}
    assert {scope.scope.schema_url for scope in exports.scopes} == {SCHEMA_URL}


@_needs_model
def test_listed_names_are_those_of_the_model() -> None:
    """None is deprecated, or unknown outside ``messaging.nats.``; so are the operation types."""
    listed = {key for s in (*_signals.SPANS, *_signals.METRICS) for key in s.attributes}
    ours = {key for key in listed if key.startswith("messaging.nats.")}
    assert listed - ours <= semconv_model.attribute_names()
    assert not ours & semconv_model.attribute_names()
    assert {s.operation_type for s in _signals.SPANS} <= semconv_model.operation_types()


@_needs_model
@_by_model_metric
def test_metrics_are_those_of_the_model(signal: MetricSignal) -> None:
    """Description, unit and instrument."""
    name, unit, description = signal.metric
    assert semconv_model.metrics()[name] == (description, unit, signal.instrument)


@_by_operation
def test_levels_of_the_attributes_of_spans(signal: SpanSignal) -> None:
    """As in the model, for this type of operation; what is required there is listed."""
    levels = semconv_model.SPAN_LEVELS[signal.operation_type]
    assert set(signal.kinds) <= semconv_model.SPAN_KINDS[signal.operation_type]
    _check(signal, {**levels, **semconv_model.SYSTEM_SPECIFIC})


@_by_model_metric
def test_levels_of_the_attributes_of_metrics(signal: MetricSignal) -> None:
    """As in the model, which has none that are listed beyond it."""
    _check(signal, semconv_model.METRIC_LEVELS[signal.metric.name])


def _check(signal: SpanSignal | MetricSignal, levels: semconv_model.Levels) -> None:
    listed = {
        key: (attribute.type, attribute.level)
        for key, attribute in signal.attributes.items()
        if not key.startswith("messaging.nats.")
    }
    assert listed == {key: levels.get(key) for key in listed}
    assert {key for key, (_, level) in levels.items() if level == "required"} <= set(listed)


async def test_the_links_of_a_batch_tell_its_messages_apart(exports: Exports) -> None:
    """messaging-spans.md, "Per-message attributes": they are on the links of a batch."""
    batches = [s for s in exports.of("fetch") if len(s.links) > 1]
    ids = [(link.attributes or {}).get("messaging.message.id") for s in batches for link in s.links]
    assert ids
    assert None not in ids


@pytest.mark.skipif(not NEXT_MSG_FAILS, reason="next_msg goes on waiting")
async def test_a_failure_without_a_span_is_measured(
    connect: Connect, instrumentation: Instrumentation
) -> None:
    """messaging-metrics.md requires the duration, of operations that fail, too."""
    meter = Meter()
    instrumentation.start(meter_provider=meter.provider)
    nc = await connect()
    subscription = await nc.subscribe("unmeasured")
    await nc.close()
    with pytest.raises(ConnectionClosedError):
        await subscription.next_msg()
    assert len(meter.points("messaging.client.operation.duration")) == 1


@_needs_model
def test_the_schema_url_is_one_that_exists() -> None:
    """The package lists them; its names may be of a later one."""
    assert SCHEMA_URL in semconv_model.SCHEMA_URLS
