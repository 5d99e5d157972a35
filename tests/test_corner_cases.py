"""Corner cases of JSON through a real server: they arrive byte for byte, or with the field."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind

from conftest import CARRIERS, Connect, Instrumentation, settle
from corner_wire import Judge, cases, ids_in

_SUBJECT = "corner.case"
_MODES = ["refresh", "keep", "strip"]
Publish = Callable[[Client, str, bytes], Awaitable[Any]]


class Delivered(NamedTuple):
    """A case as the callback saw it, and the spans of it."""

    judge: Judge
    data: bytes
    headers: dict[str, str] | None
    publish: ReadableSpan | None
    process: ReadableSpan | None


class Collector:
    """A callback that keeps what it gets until everything has come."""

    def __init__(self, judges: Sequence[Judge]) -> None:
        self._judges = judges
        self._messages: list[tuple[bytes, dict[str, str] | None]] = []
        self._are_complete = asyncio.Event()

    async def callback(self, message: Msg) -> None:
        """The callback."""
        self._messages.append((message.data, message.headers))
        if len(self._messages) == len(self._judges):
            self._are_complete.set()

    async def deliver(
        self, nc: Client, instrumentation: Instrumentation, publish: Publish
    ) -> list[Delivered]:
        """Publish every case, in order, and wait for all."""
        for judge in self._judges:
            await publish(nc, _SUBJECT, judge.case.payload)
        await self._are_complete.wait()
        finished = instrumentation.finished_spans()
        return [
            Delivered(judge, data, headers, sent, received)
            for judge, (data, headers), sent, received in zip(
                self._judges,
                self._messages,
                self._spans(finished, SpanKind.PRODUCER),
                self._spans(finished, SpanKind.CONSUMER),
                strict=True,
            )
        ]

    def _spans(
        self, finished: Sequence[ReadableSpan], kind: SpanKind
    ) -> Sequence[ReadableSpan | None]:
        return [span for span in finished if span.kind is kind] or [None] * len(self._judges)


@pytest.fixture(scope="module")
def judges() -> list[Judge]:
    """All cases."""
    return [Judge(case) for case in cases()]


def _assert_is_of(traceparent: str, span: ReadableSpan | None) -> None:
    assert span is not None
    assert span.context is not None
    assert ids_in(traceparent) == (span.context.trace_id, span.context.span_id)


def _goes_into_payload(delivered: Delivered, carrier: str) -> bool:
    """Whether the publisher writes into the payload."""
    case = delivered.judge.case
    return case.hole is not None and (carrier != "headers" or case.holds)


def _check_payload(delivered: Delivered, is_written: bool, span: ReadableSpan | None) -> None:
    """Untouched, or with the context of ``span`` in the field."""
    judge, data = delivered.judge, delivered.data
    if judge.is_untouched(data):
        assert not is_written or judge.case.may_stay
        return
    assert is_written
    _assert_is_of(judge.written(data), span)


def _check_headers(delivered: Delivered, carrier: str) -> None:
    """They carry the same context, if they are to carry any."""
    case, headers = delivered.judge.case, delivered.headers
    is_expected = carrier in ("headers", "both") or (carrier == "auto" and case.hole is None)
    assert case.may_stay or (headers is not None) == is_expected
    if headers is not None:
        assert headers.keys() <= {"traceparent", "tracestate", "baggage"}
        _assert_is_of(headers["traceparent"], delivered.publish)


def _check_continued(delivered: Delivered, is_carried: bool) -> None:
    """The process span continues the publish span, if the message carries its context."""
    sent, received = delivered.publish, delivered.process
    assert sent is not None
    assert received is not None
    if not is_carried:
        assert received.parent is None
        return
    assert sent.context is not None
    assert received.parent is not None
    assert received.parent.span_id == sent.context.span_id
    assert received.parent.trace_id == sent.context.trace_id


def _explained(check: Callable[[Delivered], None], delivered: Sequence[Delivered]) -> None:
    """Check all, and name the cases that failed."""
    failed: list[str] = []
    for one in delivered:
        try:
            check(one)
        except (AssertionError, ValueError, KeyError) as error:
            case = one.judge.case
            failed.append(f"{case.name}: {error!r}\n  {case.payload[:150]!r}\n  {one.data[:150]!r}")
    assert not failed, "\n".join(failed)


def test_there_are_corner_cases_of_each_kind(judges: list[Judge]) -> None:
    """Without the field, with it, with another value there, no objects, large ones."""
    kinds = [(j.case.hole is not None, j.case.holds, j.case.may_stay) for j in judges]
    assert len(kinds) > 400
    assert len({judge.case.payload for judge in judges}) > 400
    assert {*kinds} == {
        (True, False, False),
        (True, True, False),
        (False, False, False),
        (True, False, True),
        (True, True, True),
    }


@pytest.mark.parametrize("carrier", CARRIERS)
async def test_a_bare_consumer_gets_every_case(
    connect: Connect, instrumentation: Instrumentation, judges: list[Judge], carrier: str
) -> None:
    """Published with the instrumentation: one member more, or as it was."""
    nc, collector = await connect(), Collector(judges)
    await nc.subscribe(_SUBJECT, cb=collector.callback)
    await settle(nc)
    instrumentation.start(carrier=carrier)

    def check(delivered: Delivered) -> None:
        is_written = _goes_into_payload(delivered, carrier)
        _check_payload(delivered, is_written, delivered.publish)
        _check_headers(delivered, carrier)

    _explained(check, await collector.deliver(nc, instrumentation, Client.publish))


@pytest.mark.parametrize("mode", _MODES)
async def test_every_case_of_a_bare_publisher_is_consumed(
    connect: Connect, instrumentation: Instrumentation, judges: list[Judge], mode: str
) -> None:
    """Only a carrier that is there changes: refreshed, kept or stripped."""
    publish_bare: Publish = Client.publish
    instrumentation.start(consumed_field=mode)
    nc, collector = await connect(), Collector(judges)
    await nc.subscribe(_SUBJECT, cb=collector.callback)
    await settle(nc)

    def check(delivered: Delivered) -> None:
        assert delivered.headers is None
        case = delivered.judge.case
        if mode == "strip" and case.holds:
            delivered.judge.stripped(delivered.data)
        else:
            is_written = mode == "refresh" and case.holds
            _check_payload(delivered, is_written, delivered.process)

    _explained(check, await collector.deliver(nc, instrumentation, publish_bare))


@pytest.mark.parametrize("mode", _MODES)
@pytest.mark.parametrize("carrier", CARRIERS)
async def test_every_case_goes_from_publisher_to_consumer(
    connect: Connect, instrumentation: Instrumentation, judges: list[Judge], carrier: str, mode: str
) -> None:
    """Both with the instrumentation: after strip the bytes are those of the publisher."""
    instrumentation.start(carrier=carrier, consumed_field=mode)
    nc, collector = await connect(), Collector(judges)
    await nc.subscribe(_SUBJECT, cb=collector.callback)
    await settle(nc)

    def check(delivered: Delivered) -> None:
        judge, is_written = delivered.judge, _goes_into_payload(delivered, carrier)
        if mode == "strip" and judge.case.holds:
            judge.stripped(delivered.data)
        else:
            span = delivered.publish if mode == "keep" else delivered.process
            _check_payload(delivered, is_written and mode != "strip", span)
        _check_headers(delivered, carrier)
        if not judge.case.may_stay:
            _check_continued(delivered, is_written or delivered.headers is not None)

    _explained(check, await collector.deliver(nc, instrumentation, Client.publish))
