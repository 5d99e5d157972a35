"""docs/grafana-dashboard.json asks for metrics, labels and values that the package exports."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from opentelemetry_instrumentation_nats_payload import _semconv
from opentelemetry_instrumentation_nats_payload._guard import report
from opentelemetry_instrumentation_nats_payload._metrics import metrics_of
from opentelemetry_instrumentation_nats_payload._semconv import Metric
from opentelemetry_instrumentation_nats_payload._series import Outcome, Series
from points import Meter

_TEXT = (Path(__file__).parents[1] / "docs" / "grafana-dashboard.json").read_text()
_DASHBOARD: dict[str, Any] = json.loads(_TEXT)
_PANELS: list[dict[str, Any]] = _DASHBOARD["panels"]
_VARIABLES: dict[str, dict[str, Any]] = {v["name"]: v for v in _DASHBOARD["templating"]["list"]}
_TARGETS = [(panel, target) for panel in _PANELS for target in panel.get("targets", ())]
_EXPRESSIONS: list[str] = [target["expr"] for _, target in _TARGETS]

_METRICS = [value for value in vars(_semconv).values() if isinstance(value, Metric)]
_OPERATIONS = {"sum", "by", "or", "rate", "increase", "histogram_quantile"}
_OF_GRAFANA = {"__rate_interval", "__range"}

_CARRIED = {_semconv.INJECTED, _semconv.REPLACED, _semconv.KEPT, _semconv.IN_HEADERS}
_LEFT_ALONE = {_semconv.INTERNAL, _semconv.EXCLUDED, _semconv.SUPPRESSED, _semconv.REPLY}
_LOST = {
    _semconv.NOT_A_JSON_OBJECT,
    _semconv.FIELD_IN_USE,
    _semconv.TOO_LARGE,
    _semconv.NO_CONTEXT,
    _semconv.FAILED,
}
_FOUND = {_semconv.PAYLOAD, _semconv.ALIAS, _semconv.HEADERS}


def _as_prometheus(name: str) -> str:
    return name.replace(".", "_")


def _names(metric: Metric) -> set[str]:
    """What Prometheus calls it: with its unit, unless that is an annotation, and its kind."""
    if metric.unit.startswith("{"):
        return {f"{_as_prometheus(metric.name)}_total"}
    assert metric.unit == "s"
    return {f"{_as_prometheus(metric.name)}_seconds_{kind}" for kind in ("bucket", "count", "sum")}


def _labels(metric: Metric) -> set[str]:
    """Those that its points may have, and those of a scrape."""
    if metric == _semconv.NATS_INSTRUMENTATION_ERRORS:
        own = (_semconv.ERROR_TYPE, _semconv.CODE_FUNCTION_NAME)
        return {_as_prometheus(name) for name in own} | {"job", "service_name"}
    outcome = {
        _semconv.NATS_SENT_CONTEXTS: _semconv.NATS_PROPAGATION_OUTCOME,
        _semconv.NATS_RECEIVED_CONTEXTS: _semconv.NATS_PROPAGATION_SOURCE,
    }.get(metric)
    if outcome:
        names = set(Outcome(outcome, "any", "any").attributes())
    else:
        with_template = Series("any", "any", "any", None, "any", ("any", 0), "any")
        names = {*with_template.attributes()}
        names |= set(with_template._replace(template=None, destination="any").attributes())
    return {_as_prometheus(name) for name in names} | {"job", "service_name", "le"}


def _without_texts(expression: str) -> str:
    return re.sub(r'"[^"]*"', "", expression)


def _words(text: str) -> set[str]:
    """Everything in an expression that is a name."""
    return set(re.findall(r"[A-Za-z_]\w*", re.sub(r"\$\w+", "", _without_texts(text))))


def _metrics_in(expression: str) -> list[Metric]:
    words = _words(expression)
    return [metric for metric in _METRICS if words & _names(metric)]


def _values(label: str) -> list[tuple[str, set[str]]]:
    """How each expression compares ``label``, and with which values."""
    found = re.findall(rf'{_as_prometheus(label)}([=!]~)"([^"]*)"', _TEXT.replace('\\"', '"'))
    return [(operator, set(values.split("|"))) for operator, values in found]


def test_the_metrics_are_all_that_are_exported() -> None:
    """Those of the conventions' module, and their kinds are what their units say."""
    meter = Meter()
    metrics = metrics_of(meter.provider)
    series = Series("publish", _semconv.TYPE_SEND, None, None, None, None)
    metrics.record(series, 1)
    metrics.record(series._replace(operation_type=_semconv.TYPE_PROCESS), 1)
    metrics.record_delivery(series, 1)
    for counter in (metrics.sent, metrics.consumed, metrics.injected, metrics.extracted):
        counter.add(series)
    report("a hook", ValueError())
    exported = {name: (found.unit, found.kind) for name, found in meter.exported().items()}
    kinds = {"s": "histogram", "{message}": "counter", "{error}": "counter"}
    assert exported == {m.name: (m.unit, kinds[m.unit]) for m in _METRICS}


@pytest.mark.parametrize("expression", _EXPRESSIONS)
def test_an_expression_has_no_names_but_ours(expression: str) -> None:
    """Each name is a metric, one of its labels, or PromQL; each variable is declared."""
    metrics = _metrics_in(expression)
    assert len(metrics) == 1
    (metric,) = metrics
    assert _words(expression) <= _names(metric) | _labels(metric) | _OPERATIONS
    variables = set(re.findall(r"\$(\w+)", expression))
    assert variables <= _VARIABLES.keys() | _OF_GRAFANA
    has_template = "messaging_destination_template" in _labels(metric)
    assert {"service_label", "service", *(["template"] * has_template)} <= variables


@pytest.mark.parametrize("expression", _EXPRESSIONS)
def test_brackets_are_closed(expression: str) -> None:
    """In the order in which they were opened."""
    left = re.sub(r"[^(){}\[\]]", "", _without_texts(expression))
    while left != (left := re.sub(r"\(\)|\{\}|\[\]", "", left)):
        pass
    assert left == ""


def test_every_metric_has_a_panel() -> None:
    """Nothing is exported that the dashboard does not show."""
    assert {m for e in _EXPRESSIONS for m in _metrics_in(e)} == set(_METRICS)


def test_every_outcome_is_shown() -> None:
    """The share is that of messages with a context in those that were not to be left alone."""
    found = _values(_semconv.NATS_PROPAGATION_OUTCOME)
    assert {operator for operator, _ in found} == {"=~", "!~"}
    assert {frozenset(values) for operator, values in found if operator == "!~"} == {
        frozenset(_LEFT_ALONE)
    }
    assert {frozenset(values) for operator, values in found if operator == "=~"} == {
        frozenset(_CARRIED),
        frozenset(_LOST),
        frozenset(_LEFT_ALONE),
    }


def test_every_place_of_a_context_is_shown() -> None:
    """The share is that of messages in which one was found."""
    found = _values(_semconv.NATS_PROPAGATION_SOURCE)
    assert {(operator, frozenset(values)) for operator, values in found} == {
        ("=~", frozenset(_FOUND))
    }


@pytest.mark.parametrize("name", ["service", "template"])
def test_the_variables_ask_for_labels_that_are_exported(name: str) -> None:
    """Values are those of the labels of both propagation metrics."""
    query: str = _VARIABLES[name]["query"]["query"]
    (metrics,) = re.findall(r'__name__=~"([^"]+)"', query)
    asked = [_semconv.NATS_SENT_CONTEXTS, _semconv.NATS_RECEIVED_CONTEXTS]
    assert set(metrics.split("|")) == {n for metric in asked for n in _names(metric)}
    assert _words(query) <= _labels(asked[0]) | {"label_values", "__name__"}


def test_the_labels_of_a_service_are_those_that_there_are() -> None:
    """The job of a scrape, or the resource attribute."""
    options = _VARIABLES["service_label"]["options"]
    assert [option["value"] for option in options] == ["job", "service_name"]


def test_legends_name_labels_that_the_expression_keeps() -> None:
    """What is summed away has no value to show."""
    for panel, target in _TARGETS:
        grouped = re.findall(r"by \(([^)]*)\)", target["expr"])
        kept = {label.strip() for labels in grouped for label in labels.split(",")}
        assert set(re.findall(r"{{(.*?)}}", target["legendFormat"])) <= kept, panel["title"]


def test_the_data_source_is_chosen_at_import() -> None:
    """No panel refers to a data source of somebody's Grafana."""
    assert _VARIABLES["datasource"]["query"] == "prometheus"
    expected = {"type": "prometheus", "uid": "${datasource}"}
    assert all(
        target["datasource"] == panel["datasource"] == expected for panel, target in _TARGETS
    )
    assert _DASHBOARD["id"] is None


def test_panels_have_places_of_their_own() -> None:
    """Ids differ, and nothing lies on something else."""
    assert len({panel["id"] for panel in _PANELS}) == len(_PANELS)
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in _PANELS)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert {x for x, _ in cells} == set(range(24))
