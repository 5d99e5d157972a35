"""Servers that refuse, part with their clients, or come back with other limits."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from nats.aio.client import Client

from broker_process import Broker
from conftest import CARRIERS, Instrumentation, StartServer, settle
from observed_application import Application
from side_by_side import Scenario, side_by_side, unjoined

_CLOSED = ["disconnected_cb", "closed_cb"]
_RECONNECTED = ["disconnected_cb", "reconnected_cb", *_CLOSED]
_USERS = """authorization {{ users: [
  {{ user: "watcher", password: "w" }},
  {{ user: "feed", password: "f", permissions: {{ publish: {{ deny: {deny} }} }} }}
] }}"""


@contextmanager
def _broker(directory: Path, configuration: str) -> Generator[Broker]:
    directory = directory / f"broker-{len(list(directory.iterdir()))}"
    directory.mkdir()
    broker = Broker(directory, configuration)
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()


@pytest.mark.parametrize("carrier", CARRIERS)
async def test_a_publish_that_is_not_permitted_ends_alike(
    start_server: StartServer, instrumentation: Instrumentation, carrier: str
) -> None:
    """The server's word comes to error_cb, and the connection stays for what is permitted."""
    url = start_server(_USERS.format(deny='["fault.secret"]'))

    async def scenario(application: Application) -> None:
        await application.connect(url, user="feed", password="f")
        await application.client.subscribe("fault.>", cb=application.on_message)
        for number in range(5):
            for subject in ("fault.open", "fault.secret"):
                await application.publish(subject, b'{"n":%d}' % number, {"A": "b"})
        await settle(application.client)
        await application.until("messages", 5)

    seen = await side_by_side(scenario, instrumentation, carrier=carrier)
    assert len(seen["errors"]) == 5
    assert "permissions violation for publish to" in seen["errors"][0].lower()
    assert seen["callbacks"] == _CLOSED
    assert unjoined(instrumentation) == []


async def test_permissions_that_are_taken_away_end_alike(
    tmp_path: Path, instrumentation: Instrumentation
) -> None:
    """A reload of the server takes the right to publish from a client that is connected."""

    async def scenario(application: Application) -> None:
        with _broker(tmp_path, _USERS.format(deny="[]")) as broker:
            await application.connect(broker.url, user="feed", password="f")
            await application.client.subscribe("fault.>", cb=application.on_message)
            await application.publish("fault.open", b'{"n":1}')
            await application.until("messages", 1)
            broker.reload(_USERS.format(deny='["fault.>"]'))
            while not application.seen.get("errors"):
                await application.client.publish("fault.open", b'{"n":2}')
                await settle(application.client)
            application.seen["errors"] = application.seen["errors"][:1]
            application.seen["messages"] = application.seen["messages"][:1]
            await application.client.close()
            application.forget()

    seen = await side_by_side(scenario, instrumentation)
    assert "permissions violation for publish to" in seen["errors"][0].lower()


@pytest.mark.skipif(
    "lame_duck_mode_cb" not in Client.connect.__code__.co_varnames,
    reason="this nats-py ends its own closing, and calls no callback",
)
async def test_a_user_who_is_removed_is_disconnected_alike(
    tmp_path: Path, instrumentation: Instrumentation
) -> None:
    """As one whose credentials expired: the server closes, and the client does not come back."""

    async def scenario(application: Application) -> None:
        with _broker(tmp_path, _USERS.format(deny="[]")) as broker:
            options = {"user": "feed", "password": "f", "allow_reconnect": False}
            await application.connect(broker.url, **options)
            await application.client.subscribe("fault.>", cb=application.on_message)
            await application.publish("fault.open", b'{"n":1}')
            await application.until("messages", 1)
            broker.reload('authorization { users: [ { user: "watcher", password: "w" } ] }')
            await application.until("callbacks", 2)
            await application.publish("fault.open", b'{"n":2}')

    seen = await side_by_side(scenario, instrumentation)
    assert seen["callbacks"] == _CLOSED
    assert seen["raised"] == [(b'{"n":2}', "ConnectionClosedError: nats: connection closed")]


async def test_a_server_in_lame_duck_mode_is_left_alike(
    tmp_path: Path, start_server: StartServer, instrumentation: Instrumentation
) -> None:
    """The client moves to the other server, and spans name that one afterwards."""
    other = start_server()
    soon = 'lame_duck_grace_period: "1ms"'

    async def scenario(application: Application) -> None:
        with _broker(tmp_path, soon) as broker:
            await application.connect([broker.url, other], dont_randomize=True)
            await application.client.subscribe("fault.>", cb=application.on_message)
            await application.publish("fault.first", b'{"n":1}')
            await application.until("messages", 1)
            broker.enter_lame_duck_mode()
            while "reconnected_cb" not in application.seen.get("callbacks", ()):
                await application.until("callbacks", len(application.seen.get("callbacks", ())) + 1)
            await application.publish("fault.second", b'{"n":2}')
            await application.until("messages", 2)

    seen = await side_by_side(scenario, instrumentation)
    assert seen["callbacks"][-4:] == _RECONNECTED
    assert unjoined(instrumentation) == []
    ports = [s.attributes["server.port"].value for s in instrumentation.spans()]
    assert len(ports) == 4
    assert ports[0] == ports[1] != ports[2] == ports[3] == int(other.rpartition(":")[2])


def _sized(size: int) -> bytes:
    return b'{"a":"%b"}' % (b"x" * (size - 8))


def _moving(first: str, second: str, *, is_buffered: bool) -> Scenario:
    """Messages of all sizes near a limit, sent to the second server or while there is none."""

    async def scenario(application: Application) -> None:
        proxy = await application.connect_through_proxy(first)
        await application.client.subscribe("fault.>", cb=application.on_message)
        await application.publish("fault.first", _sized(4000))
        await application.until("messages", 1)
        proxy.connect_to(second)
        proxy.cut()
        await application.until("callbacks", 1)
        if is_buffered:
            await _publish_sizes(application)
        proxy.open.set()
        await application.until("callbacks", 2)
        if not is_buffered:
            await _publish_sizes(application)
        await application.until_any(("messages", 1 + 6), ("callbacks", 3))

    return scenario


async def _publish_sizes(application: Application) -> None:
    for size in (100, 900, 924, 925, 960, 1000):
        await application.publish("fault.next", _sized(size))


@pytest.mark.parametrize("carrier", CARRIERS)
async def test_a_smaller_max_payload_after_a_reconnect_is_respected(
    start_server: StartServer, instrumentation: Instrumentation, carrier: str
) -> None:
    """What we add to a message that fits does not cost the new connection."""
    first, second = start_server(), start_server("max_payload: 1024")
    scenario = _moving(first, second, is_buffered=False)
    seen = await side_by_side(scenario, instrumentation, carrier=carrier)
    assert seen["callbacks"] == _RECONNECTED


@pytest.mark.parametrize("carrier", CARRIERS)
async def test_a_server_without_headers_after_a_reconnect_is_respected(
    start_server: StartServer, instrumentation: Instrumentation, carrier: str
) -> None:
    """The headers that we add do not cost the new connection."""
    first, second = start_server(), start_server("no_header_support: true")
    scenario = _moving(first, second, is_buffered=False)
    seen = await side_by_side(scenario, instrumentation, carrier=carrier)
    assert seen["callbacks"] == _RECONNECTED


@pytest.mark.parametrize(
    ("carrier", "limits"),
    [
        ("payload", "max_payload: 1024"),
        ("headers", "max_payload: 1024"),
        ("headers", "no_header_support: true"),
    ],
)
async def test_what_waited_for_a_reconnect_does_not_cost_the_connection(
    start_server: StartServer, instrumentation: Instrumentation, carrier: str, limits: str
) -> None:
    """Messages that were published between the servers, and fit both as they were."""
    scenario = _moving(start_server(), start_server(limits), is_buffered=True)
    await side_by_side(scenario, instrumentation, carrier=carrier)
