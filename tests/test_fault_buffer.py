"""A publish that fails once its message is buffered: what waits is counted as it is."""

from __future__ import annotations

from typing import Any

import pytest
from nats.errors import OutboundBufferLimitError
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

from broken import Broken
from conftest import Connect, Inbox, Instrumentation, StartServer, settle
from observed_application import Application
from sent_smaller import SENT, send_smaller

_UNREAD = b"PING\r\n" * 3_000_000  # more than all buffers on the way take
_LARGE = b'{"a":"%b"}' % (b"x" * 2000)
_SMALL = b'{"a":"%b"}' % (b"x" * 392)
# Four of them fit, 425 bytes each, and not when one more field is counted.
_PENDING_SIZE = 1750
_FULL = OutboundBufferLimitError.__name__


class _Raising(Application):
    """Its callback for errors raises, which comes out of the publish that has waited too long."""

    async def error_cb(self, error: Exception) -> None:
        """A callback of the client."""
        await super().error_cb(error)
        if type(error).__name__ == "FlushTimeoutError":
            raise RuntimeError("mine")


async def _left_of_the_buffer(server: str) -> tuple[list[str], int, int]:
    """How publishes end, to a server that reads nothing and then is gone, and what is waiting."""
    application = _Raising()
    proxy = await application.connect_through_proxy(
        server, pending_size=_PENDING_SIZE, flush_timeout=0.01
    )
    try:
        proxy.to_server.clear()
        client: Any = application.client
        client._transport.write(_UNREAD)
        await application.publish("fault.stalled", _LARGE)  # given to asyncio, which keeps it
        waiting = client.pending_data_size
        proxy.cut()
        await application.until("callbacks", 1)
        count = 0
        while await application.publish("fault.late", _SMALL):
            count += 1
        return [text for _, text in application.seen["raised"]], waiting, count
    finally:
        proxy.connect_to(server)
        proxy.open.set()
        await application.until("callbacks", 2)
        await application.close()


async def test_the_buffer_is_as_large_after_a_publish_that_failed_late(
    start_server: StartServer, instrumentation: Instrumentation
) -> None:
    """It takes as many messages as without us while the server is away."""
    server = start_server("max_payload: 32MB")
    bare = await _left_of_the_buffer(server)
    instrumentation.start()
    assert await _left_of_the_buffer(server) == bare
    raised, waiting, count = bare
    assert [text.partition(":")[0] for text in raised] == ["RuntimeError", _FULL]
    assert (waiting, count) == (0, 4)


class _BrokenAtTheEnd(SpanProcessor):
    """An application's that raises, which comes out of the end of a span."""

    def on_end(self, span: ReadableSpan) -> None:
        raise Broken


async def test_what_is_buffered_goes_out_although_the_end_of_its_span_fails(
    connect: Connect, inbox: Inbox, spans: Instrumentation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of a subclass that sends something smaller, for which the buffer is counted anew."""
    nc = await connect()
    await nc.subscribe("fault.smaller", cb=inbox.callback)
    await settle(nc)
    spans.provider.add_span_processor(_BrokenAtTheEnd())
    send_smaller(monkeypatch)
    await nc.publish("fault.smaller", b'{"a":1}')
    assert await inbox.data() == SENT
    monkeypatch.undo()
