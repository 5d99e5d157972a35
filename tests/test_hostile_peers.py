"""Messages that are to cost much: they arrive, and what is ignored of them is ignored at once."""

from __future__ import annotations

import gc
import logging
import sys
from collections.abc import Callable
from typing import Any

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from opentelemetry.instrumentation.utils import suppress_instrumentation

import hostile
from codec import BACKENDS
from conftest import Connect, Inbox, Instrumentation, StartServer, settle
from contexts import make_telemetry
from opentelemetry_instrumentation_nats_payload import _baggage, _hostile, _json, _payload
from opentelemetry_instrumentation_nats_payload._carrier import receive
from opentelemetry_instrumentation_nats_payload._payload import PayloadField
from opentelemetry_instrumentation_nats_payload._series import Limits, Outcome, Series
from oracle import FIELD
from points import Meter

_READS_UTF8 = hasattr(Client, "_parse_header_lines")
_MEGABYTE = 1_000_000

_TRACE, _SPAN = int(hostile.TRACEPARENT[3:35], 16), int(hostile.TRACEPARENT[36:52], 16)
_field = PayloadField(FIELD)


def _calls(function: Callable[[], Any]) -> int:
    """How many functions are called, those in C included."""
    count = 0

    def note(frame: Any, event: str, arg: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    gc.disable()
    sys.setprofile(note)
    try:
        function()
    finally:
        sys.setprofile(None)
        gc.enable()
    return count


@pytest.mark.parametrize("name", hostile.PAYLOADS)
def test_the_work_does_not_grow_with_what_is_in_a_message(name: str) -> None:
    """Ten times the message takes the same steps, each of which is a pass at most."""
    make = hostile.PAYLOADS[name]
    telemetry = make_telemetry()

    def work(size: int) -> int:
        payload = make(size)
        member = _field.find(payload)
        steps = _calls(lambda: receive(telemetry, payload, None))
        steps += _calls(lambda: _field.slot(payload, member))
        return steps + (_calls(lambda: _field.cut(payload, member)) if member else 0)

    work(100)
    assert work(10 * _MEGABYTE // 10) <= max(work(_MEGABYTE // 10), 200) + 4000


def test_the_passes_over_a_message_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 40,000 fields each is not looked for in turn: a payload of a megabyte is cut twice."""
    passes = 0
    original = _json.as_object

    def counting(payload: bytes) -> bytes | None:
        nonlocal passes
        passes += 1
        return original(payload)

    monkeypatch.setattr(_payload, "as_object", counting)
    for name, make in hostile.PAYLOADS.items():
        payload = make(_MEGABYTE)
        passes = 0
        member = _field.find(payload)
        assert passes <= 1, name
        if member is not None:
            _field.cut(payload, member)
        assert passes <= 3, name


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", hostile.PAYLOADS)
async def test_a_message_of_ten_megabytes_arrives_as_it_was_sent(
    connect: Connect,
    inbox: Inbox,
    start_server: StartServer,
    instrumentation: Instrumentation,
    caplog: pytest.LogCaptureFixture,
    name: str,
) -> None:
    """With its span, without a word in the log, and the next message is a message as ever."""
    size = 10 * _MEGABYTE if name == "a large value in the carrier" else _MEGABYTE
    payload = hostile.PAYLOADS[name](size)
    nc = await connect(start_server("max_payload: 12MB"))
    instrumentation.start(consumed_field="keep")
    await nc.subscribe("hostile", cb=inbox.callback)
    await settle(nc)
    await _send_bare(nc, "hostile", payload)
    assert await inbox.data() == payload
    await _send_bare(nc, "hostile", hostile.plain(1))
    assert await inbox.data() == hostile.plain(1)
    await nc.flush()
    assert instrumentation.names() == ["process hostile"] * 2
    assert instrumentation.spans()[-1].links != ()
    assert not _logged(caplog)


async def _send_bare(
    nc: Client, subject: str, payload: bytes, headers: dict[str, str] | None = None
) -> None:
    """As somebody without this package does."""
    with suppress_instrumentation():
        await nc.publish(subject, payload, headers=headers)
        await nc.flush()


def _logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.levelno > logging.DEBUG]


_VALUES = [
    *(("baggage", name) for name in hostile.BAGGAGE),
    *(("tracestate", name) for name in hostile.TRACESTATE),
]


@pytest.mark.parametrize(("key", "name"), _VALUES, ids=lambda value: value)
@pytest.mark.parametrize("place", ["payload", "headers"])
async def test_nothing_in_a_carrier_is_logged(
    connect: Connect,
    instrumentation: Instrumentation,
    caplog: pytest.LogCaptureFixture,
    key: str,
    name: str,
    place: str,
) -> None:
    """By nobody, in no words: neither where it is read, nor where it is sent on."""
    value = (hostile.BAGGAGE if key == "baggage" else hostile.TRACESTATE)[name]
    if place == "headers" and not value.isascii() and not _READS_UTF8:
        pytest.skip("this nats-py makes no text of it, and says so")
    carrier = {"traceparent": hostile.TRACEPARENT, key: value}
    instrumentation.start()
    nc = await connect()
    sent_on = await nc.subscribe("hostile.on")
    got: list[bytes] = []

    async def callback(message: Msg) -> None:
        got.append(message.data)
        await nc.publish("hostile.on", b"{}")

    await nc.subscribe("hostile.values", cb=callback)
    await settle(nc)
    payload = hostile.carrying(**carrier) if place == "payload" else b"[1]"
    headers = None if place == "payload" else carrier
    for _ in range(2):
        await _send_bare(nc, "hostile.values", payload, headers)
        with suppress_instrumentation():
            await sent_on.next_msg()
    assert len(got) == 2
    process = next(span for span in instrumentation.spans() if span.name.startswith("process"))
    is_carrier = place == "headers" or len(payload) < 8192
    assert process.links == ((_TRACE, _SPAN),) * is_carrier
    assert not _logged(caplog)


@pytest.mark.parametrize("values", [hostile.BAGGAGE, hostile.TRACESTATE], ids=["baggage", "state"])
def test_a_value_is_read_in_bounded_steps(values: dict[str, str]) -> None:
    """OpenTelemetry 1.27 needs the square of the blanks."""
    key = "baggage" if values is hostile.BAGGAGE else "tracestate"
    telemetry = make_telemetry()
    for value in values.values():
        payload = hostile.carrying(traceparent=hostile.TRACEPARENT, **{key: value})
        assert _calls(lambda payload=payload: receive(telemetry, payload, None)) < 4000


def test_ten_thousand_subjects_and_errors_are_few_series() -> None:
    """Whatever is in their place, and together."""
    limits = Limits()
    found: set[Series] = set()
    outcomes: set[Outcome] = set()
    for number in range(10_000):
        text = str(number)
        for series in (
            Series("publish", "send", text, None, None, None, None),
            Series("process", "process", None, text, text, None, text),
            Series("process", "process", None, None, None, ("host" + text, 1), None),
            Series("publish", "send", None, None, None, None, text),
        ):
            found.add(limits.of_series(series))
        outcomes.add(limits.of_outcome(Outcome("a", "b", text)))
    assert len(found) < 2500
    assert len(outcomes) <= 501


async def test_messages_on_thousands_of_subjects_leave_nothing_behind(
    connect: Connect, instrumentation: Instrumentation
) -> None:
    """A wildcard subscription, and replies to inboxes of as many names: one series."""
    meter = Meter()
    instrumentation.start(meter_provider=meter.provider)
    nc = await connect()
    seen = 0

    async def callback(message: Msg) -> None:
        nonlocal seen
        seen += 1

    await nc.subscribe("many.>", cb=callback)
    await settle(nc)
    with suppress_instrumentation():
        for number in range(2_000):
            await nc.publish(f"many.{number}", b"{}", reply=f"own.inbox.{number:022}A")
    while seen < 2_000:
        await nc.flush()
    for exported in meter.exported().values():
        assert len(exported.points) <= 2


async def test_an_attribute_has_bounds(
    connect: Connect, inbox: Inbox, instrumentation: Instrumentation
) -> None:
    """What a sender may choose is cut: a message id, a header that is captured."""
    instrumentation.start(captured_headers=["X-Large"])
    nc = await connect()
    await nc.subscribe("hostile.id", cb=inbox.callback)
    await settle(nc)
    large = "x" * 100_000
    await _send_bare(nc, "hostile.id", b"[1]", {"Nats-Msg-Id": large, "X-Large": large})
    assert (await inbox.messages.get()).headers == {"Nats-Msg-Id": large, "X-Large": large}
    await nc.flush()
    (process,) = instrumentation.finished_spans()
    attributes: Any = process.attributes
    assert len(attributes["messaging.message.id"]) == 1025
    assert len(attributes["messaging.nats.message.header.x_large"][0]) == 1025


def test_headers_without_end_are_listed_in_part() -> None:
    """A propagator that goes through all names gets the first ones."""
    from opentelemetry_instrumentation_nats_payload._getters import header_getter

    headers = {f"uberctx-{number}": "x" for number in range(100_000)}
    assert len(header_getter.keys(headers)) == 256


@pytest.mark.parametrize("backend", BACKENDS, ids=lambda b: b.__name__.rpartition(".")[2])
def test_a_deep_document_is_no_object(backend: Any) -> None:
    """At any depth that the interpreter would not go to."""
    for depth in (10_000, 100_000):
        for opening, closing in ((b"[", b"]"), (b'{"a":', b"}")):
            document = b'{"a":' + opening * depth + b"1" + closing * depth + b"}"
            assert backend.as_strict(document) is None


def test_what_was_read_lately_is_kept_in_bounds() -> None:
    """Baggage that is the same in every message is read once; of others nothing accumulates."""
    for number in range(1000):
        _hostile.accepted("baggage", f"a={number}")
        _hostile.accepted("tracestate", f"a={number}")
    assert _baggage.read_baggage.cache_info().currsize <= 64
    assert _hostile._tracestate.cache_info().currsize <= 64
