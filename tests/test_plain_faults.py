"""What fails in the short way of most messages costs neither the message nor a second span."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from opentelemetry.context import Context
from opentelemetry.sdk.trace import Span, SpanProcessor

from broken import Broken, raise_broken
from conftest import Connect, Inbox, Instrumentation, settle
from opentelemetry_instrumentation_nats_payload import (
    _continuation,
    _following,
    _guard,
    _payload,
    _plain_process,
    _plain_publish,
)


class _Started(SpanProcessor):
    """Keeps the names of spans that start."""

    def __init__(self, names: list[str]) -> None:
        self._names = names

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        self._names.append(span.name)


def _names_of_started(spans: Instrumentation) -> list[str]:
    """The names of the spans that start from now on."""
    names: list[str] = []
    spans.provider.add_span_processor(_Started(names))
    return names


def _warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]


async def _exchange_twice(connect: Connect, inbox: Inbox, start: bytes) -> None:
    """What comes in begins with ``start``, and comes once."""
    nc = await connect()
    await nc.subscribe("plain.in", cb=inbox.callback)
    for _ in range(2):
        await nc.publish("plain.in", b'{"a":1}')
        assert (await inbox.data()).startswith(start)
    await settle(nc)
    assert inbox.messages.empty()


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (_plain_publish, "connection_of"),
        (_plain_publish, "Measured"),
        (_plain_process, "span_of"),
        (_plain_process, "Measured"),
        (_payload.PayloadField, "read_spliced"),
    ],
)
async def test_where_the_short_way_fails_the_long_one_is_taken(
    connect: Connect,
    inbox: Inbox,
    spans: Instrumentation,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    owner: Any,
    name: str,
) -> None:
    """The message has its spans, in one trace, and goes out once; that it failed is told once."""
    started = _names_of_started(spans)
    monkeypatch.setattr(owner, name, raise_broken)
    await _exchange_twice(connect, inbox, b'{"a":1,"_otel_trace_headers":{')
    publish, process, *_ = spans.spans()
    assert (publish.name, process.name) == ("publish plain.in", "process plain.in")
    assert (process.trace, process.parent) == (publish.trace, publish.span)
    assert sorted(started) == sorted(spans.names())
    assert len(_warnings(caplog)) == 1


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (_plain_publish, "document_of"),
        (_plain_process, "document_of"),
        (_plain_process, "arm"),
        (_continuation.Work, "begin"),
        (_following, "_current_task"),
        (_plain_publish, "growth"),
        (_plain_publish, "note_begun"),
        (_payload.PayloadField, "insert"),
    ],
)
async def test_what_fails_once_the_span_has_started_starts_no_second_one(
    connect: Connect,
    inbox: Inbox,
    spans: Instrumentation,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    owner: Any,
    name: str,
) -> None:
    """Each span that was started has ended, and the message goes out and comes in once."""
    started = _names_of_started(spans)
    monkeypatch.setattr(owner, name, raise_broken)
    await _exchange_twice(connect, inbox, b'{"a":1')
    assert sorted(started) == sorted(spans.names())
    warnings = _warnings(caplog)
    assert warnings
    assert len(set(warnings)) == len(warnings)


class _Refusing(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        raise Broken


@pytest.mark.parametrize("module", [_plain_publish, _plain_process])
async def test_a_filter_of_the_log_that_raises_costs_no_message(
    connect: Connect,
    inbox: Inbox,
    spans: Instrumentation,
    monkeypatch: pytest.MonkeyPatch,
    module: Any,
) -> None:
    """Also where the short way has an error to tell of, and at DEBUG."""
    monkeypatch.setattr(module, "connection_of", raise_broken)
    monkeypatch.setattr(_guard.logger, "level", logging.DEBUG)
    refusing = _Refusing()
    _guard.logger.addFilter(refusing)
    try:
        nc = await connect()
        await nc.subscribe("plain.in", cb=inbox.callback)
        await nc.publish("plain.in", b'{"a":1}')
        assert (await inbox.data()).startswith(b'{"a":1')
    finally:
        _guard.logger.removeFilter(refusing)
