"""What waits for a reconnect to a server that takes less goes out as it was, if it has to."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from nats.aio.client import Client
from nats.aio.msg import Msg

from broker_proxy import Proxy
from conftest import Connect, Inbox, Instrumentation, StartServer, settle
from observed_application import Application
from opentelemetry_instrumentation_nats_payload import NATSInstrumentor

_SMALL = "max_payload: 1024"
_FIELD = b"_otel_trace_headers"


class _ClosingApplication(Application):
    """Closes what nats-py leaves open: a connection that did not come about."""

    async def error_cb(self, error: Exception) -> None:
        """A callback of the client."""
        if self.client._transport is not None:
            self.client._transport.close()
        await super().error_cb(error)


@pytest_asyncio.fixture
async def application() -> AsyncIterator[Application]:
    """Closed at the end, with its proxy."""
    application = _ClosingApplication()
    yield application
    await application.close()


def _sized(size: int) -> bytes:
    return b'{"a":"%b"}' % (b"x" * (size - 8))


async def _cut(application: Application, proxy: Proxy, server: str) -> None:
    """Cut the connection; the next one goes to ``server``, once the proxy is open."""
    count = len(application.seen.get("callbacks", ()))
    proxy.connect_to(server)
    proxy.cut()
    await application.until("callbacks", count + 1)


async def _reconnect(application: Application, proxy: Proxy) -> None:
    count = len(application.seen["callbacks"])
    proxy.open.set()
    await application.until("callbacks", count + 1)
    await application.client.flush()
    assert application.client.is_connected
    assert type(application.client._pending) is list


async def _listen(connect: Connect, url: str) -> Inbox:
    inbox = Inbox()
    client = await connect(url)
    await client.subscribe("fault.>", cb=inbox.callback)
    await settle(client)
    return inbox


async def _taken(inbox: Inbox, count: int) -> list[Msg]:
    return [await inbox.messages.get() for _ in range(count)]


async def test_only_what_is_too_large_loses_its_context_and_the_order_stays(
    start_server: StartServer, connect: Connect, application: Application, spans: Instrumentation
) -> None:
    """Between messages that fit with their context, to the byte."""
    first, second = start_server(), start_server(_SMALL)
    earlier, inbox = await _listen(connect, first), await _listen(connect, second)
    proxy = await application.connect_through_proxy(first)
    await application.client.publish("fault.next", _sized(100))
    largest = 1024 - len(await earlier.data()) + 100
    await _cut(application, proxy, second)
    sizes = [100, 1000, largest, largest + 1, 200, 1024]
    for size in sizes:
        await application.client.publish("fault.next", _sized(size))
    await _reconnect(application, proxy)
    data = [message.data for message in await _taken(inbox, len(sizes))]
    assert [_FIELD in each for each in data] == [size <= largest for size in sizes]
    assert all(each.startswith(_sized(n)[:-1]) for each, n in zip(data, sizes, strict=True))
    assert data[1::2] == [_sized(1000), _sized(largest + 1), _sized(1024)]


@pytest.mark.parametrize("limits", [_SMALL, "no_header_support: true"])
async def test_headers_and_reply_of_the_application_stay(
    start_server: StartServer,
    connect: Connect,
    application: Application,
    instrumentation: Instrumentation,
    limits: str,
) -> None:
    """Written by nats-py's own code, with blanks around and empty names left out."""
    instrumentation.start(carrier="headers")
    proxy = await application.connect_through_proxy(start_server())
    second = start_server(limits)
    inbox = await _listen(connect, second)
    await _cut(application, proxy, second)
    is_small = limits == _SMALL
    headers = {" A ": " b ", "": "nothing", "C": "d"} if is_small else None
    await application.client.publish("fault.next", _sized(980), "fault.reply", headers)
    await _reconnect(application, proxy)
    (message,) = await _taken(inbox, 1)
    assert (message.data, message.reply) == (_sized(980), "fault.reply")
    assert message.headers == ({"A": "b", "C": "d"} if is_small else None)


async def test_what_waits_is_as_it_was_when_it_was_published(
    start_server: StartServer, connect: Connect, application: Application, spans: Instrumentation
) -> None:
    """An application may change its payload and headers at once, and use them again."""
    proxy = await application.connect_through_proxy(start_server())
    second = start_server(_SMALL)
    inbox = await _listen(connect, second)
    await _cut(application, proxy, second)
    payload: Any = bytearray(_sized(980))
    headers = {"A": "b"}
    await application.client.publish("fault.next", payload, headers=headers)
    payload[:] = b"{}"
    headers["A"] = "c"
    await _reconnect(application, proxy)
    (message,) = await _taken(inbox, 1)
    assert (message.data, message.headers) == (_sized(980), {"A": "b"})


async def test_each_reconnect_counts_anew(
    start_server: StartServer, connect: Connect, application: Application, spans: Instrumentation
) -> None:
    """To the smaller server, back to the other, and to the smaller one again."""
    first, second = start_server(), start_server(_SMALL)
    inboxes = {url: await _listen(connect, url) for url in (first, second)}
    proxy = await application.connect_through_proxy(first)
    for server in (second, first, second):
        await _cut(application, proxy, server)
        # What waits has grown as far as the server before allows.
        size = 1000 if server == second else 900
        await application.client.publish("fault.next", _sized(size))
        await _reconnect(application, proxy)
        (message,) = await _taken(inboxes[server], 1)
        assert (message.data == _sized(size)) is (server == second)


async def test_a_server_that_lets_nobody_in_costs_no_context(
    start_server: StartServer, connect: Connect, application: Application, spans: Instrumentation
) -> None:
    """What counts is the server that the message is written to, and not one that was tried."""
    first, second = start_server(), start_server()
    refusing = start_server(f'{_SMALL}, authorization {{ user: "a", password: "b" }}')
    inbox = await _listen(connect, second)
    proxy = await application.connect_through_proxy(first, max_reconnect_attempts=-1)
    await _cut(application, proxy, refusing)
    await application.client.publish("fault.next", _sized(1000))
    proxy.open.set()
    await application.until("errors", 2)  # the first one is the cut
    proxy.connect_to(second)
    await application.until("callbacks", 2)
    (message,) = await _taken(inbox, 1)
    assert "authorization" in application.seen["errors"][1].lower()
    assert _FIELD in message.data


async def test_what_waits_is_sent_as_it_was_after_uninstrument(
    start_server: StartServer, connect: Connect, application: Application, spans: Instrumentation
) -> None:
    """The context is in the messages that wait, whoever still knows of it."""
    proxy = await application.connect_through_proxy(start_server())
    second = start_server(_SMALL)
    inbox = await _listen(connect, second)
    await _cut(application, proxy, second)
    await application.client.publish("fault.next", _sized(1000))
    NATSInstrumentor().uninstrument()
    await application.client.publish("fault.next", _sized(1001))
    await _reconnect(application, proxy)
    assert [m.data for m in await _taken(inbox, 2)] == [_sized(1000), _sized(1001)]


async def test_a_wrapper_that_publishes_more_is_not_taken_for_the_message(
    start_server: StartServer,
    connect: Connect,
    application: Application,
    instrumentation: Instrumentation,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One of the application's own, which was there before us, and sends a copy elsewhere."""
    original: Any = Client.publish

    @functools.wraps(original)
    async def publish(self: Client, subject: str, *args: Any, **kwargs: Any) -> None:
        await original(self, subject, *args, **kwargs)
        if subject == "fault.next":
            await self.publish("fault.copy", _sized(1000))

    with monkeypatch.context() as patch:
        patch.setattr(Client, "publish", publish)
        instrumentation.start()
        proxy = await application.connect_through_proxy(start_server())
        second = start_server(_SMALL)
        inbox = await _listen(connect, second)
        await _cut(application, proxy, second)
        await application.client.publish("fault.next", _sized(100))
        await _reconnect(application, proxy)
        messages = await _taken(inbox, 2)
        NATSInstrumentor().uninstrument()
    assert [message.subject for message in messages] == ["fault.next", "fault.copy"]
    assert _FIELD in messages[0].data
    assert messages[1].data == _sized(1000)


async def test_an_error_of_ours_leaves_what_waits_as_it_is(
    start_server: StartServer,
    connect: Connect,
    application: Application,
    spans: Instrumentation,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Here of a client whose own method does not do with what we give it."""
    first, second = start_server(), start_server()
    inbox = await _listen(connect, second)
    proxy = await application.connect_through_proxy(first)
    original: Any = Client._send_publish

    async def sending(self: Any, *args: Any) -> None:
        await original(self, *args)
        assert self.is_reconnecting

    await _cut(application, proxy, second)
    with monkeypatch.context() as patch:
        patch.setattr(Client, "_send_publish", sending)
        await application.client.publish("fault.next", _sized(1000))
    await _reconnect(application, proxy)
    (message,) = await _taken(inbox, 1)
    assert _FIELD in message.data
