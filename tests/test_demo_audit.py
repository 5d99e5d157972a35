"""The demo's audit store has no tracing code, and what is said of it is looked at row by row."""

from __future__ import annotations

import ast
import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from examples.trading_pipeline.rows import Databases, Stored, clean_rows, stored_rows
from examples.trading_pipeline.services import audit_store, lifecycle
from examples.trading_pipeline.spans import Span, Trace
from examples.trading_pipeline.summary import Summary, summarise
from examples.trading_pipeline.tap import Records, as_sent
from examples.trading_pipeline.traces import audit_events, faults

_SENT = b'{"price": 1}'
_FIELD = b',"_otel_trace_headers":{"traceparent":"00-%b-%b-01"}' % (b"a" * 32, b"b" * 16)
_ROWS = {"market": 1, "signals": 2, "execution": 6, "audit": 9}


@pytest.fixture
def databases(tmp_path: Path) -> Databases:
    """Empty ones, as the services make them."""
    found = Databases(tmp_path / "documents.sqlite", tmp_path / "audit.sqlite")
    with closing(sqlite3.connect(found.documents)) as connection:
        connection.execute("CREATE TABLE documents (hop TEXT)")
    audit_store.AuditStorage(str(found.audit)).close()
    return found


def _keep(databases: Databases, *payloads: bytes) -> None:
    storage = audit_store.AuditStorage(str(databases.audit))
    for payload in payloads:
        storage.add("market.a", payload)
    storage.close()


def _span(number: int, parent: int, kind: str, subject: str, service: str = "audit_store") -> Span:
    return Span(
        trace_id="ab",
        span_id=str(number),
        parent_id=str(parent) if parent else "",
        service=service,
        name=f"{kind} {subject}",
        kind=kind,
        start=number,
        end=number + 1,
        attributes={"messaging.destination.name": subject},
    )


def _trace(*events: Span) -> Trace:
    """A message, its processing by the audit store, and what that has led to."""
    root = _span(1, 0, "PRODUCER", "market.a", service="feed")
    return [root, _span(2, 1, "CONSUMER", "market.a"), *events]


def test_the_service_has_no_tracing_code() -> None:
    """It imports nothing of OpenTelemetry, nor does what it shares with the others."""
    for module in (audit_store, lifecycle):
        source = Path(module.__file__ or "").read_text("utf-8")
        for node in ast.walk(ast.parse(source)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not [name for name in names if name.startswith("opentelemetry")]
        assert "traceparent" not in source


def test_the_tap_takes_the_field_off() -> None:
    """And nothing else: what a service has published is what is left."""
    assert as_sent(_SENT[:-1] + _FIELD + b"}") == _SENT
    assert as_sent(_SENT) == _SENT


def test_only_rows_as_published_are_clean(databases: Databases) -> None:
    """Not one that has the field, or was encoded again, or was stored twice."""
    _keep(databases, _SENT, _SENT, _SENT[:-1] + _FIELD + b"}", json.dumps({"price": 1.0}).encode())
    assert clean_rows(databases, Records({("market.a", _SENT): 1})) == 1
    assert clean_rows(databases, Records({("market.b", _SENT): 1})) == 0
    assert stored_rows(databases)["audit"] == 4


def test_an_event_counts_below_the_processing_of_its_message() -> None:
    """Not below that of another message, nor in a trace without its parent."""
    event = _span(3, 2, "PRODUCER", "audit.market.a")
    assert audit_events(_trace(event)) == 1
    assert audit_events(_trace(replace(event, parent_id="9"))) == 0
    assert audit_events(_trace(_span(3, 2, "PRODUCER", "audit.market.b"))) == 0


def test_a_trace_without_the_event_is_not_complete() -> None:
    """Nor one with the event of another message in its place, or with two."""
    services = ("feed", "audit_store")
    event = _span(3, 2, "PRODUCER", "audit.market.a")
    other = _span(3, 2, "PRODUCER", "audit.market.b")
    assert faults(_trace(event), services) == []
    twice = _span(4, 2, "PRODUCER", "audit.market.a")
    for trace in (_trace(), _trace(other), _trace(event, twice)):
        assert faults(trace, services) == ["1 messages of audit_store without one event each"]


def _summary(clean: int, *events: Span) -> Summary:
    return summarise([_trace(*events)], Stored(_ROWS, clean), 1, ("feed",), with_plugin=True)


def test_a_run_is_as_expected_only_with_clean_payloads_and_all_events() -> None:
    """Nine of nine rows."""
    process = [_span(n, 1, "CONSUMER", f"market.{n}") for n in range(10, 18)]
    events = [_span(n + 10, n, "PRODUCER", f"audit.market.{n}") for n in range(10, 18)]
    first = _span(3, 2, "PRODUCER", "audit.market.a")
    assert _summary(9, *process, *events, first).as_expected
    assert not _summary(8, *process, *events, first).as_expected
    assert not _summary(9, *process, *events).as_expected
