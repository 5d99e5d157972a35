"""A publish that raises once its message is buffered: nothing else is counted as waiting for it."""

from __future__ import annotations

import sys

from nats.errors import OutboundBufferLimitError

from conftest import Instrumentation, StartServer
from observed_application import Application

_LARGE = b'{"a":"%b"}' % (b"x" * 16_000_000)  # more than all buffers on the way take
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
        await application.publish("fault.stalled", _LARGE)  # written, as far as it can be
        waiting = application.client.pending_data_size
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
    if sys.version_info >= (3, 12):
        return  # there the large message is not late
    raised, waiting, count = bare
    assert [text.partition(":")[0] for text in raised] == ["RuntimeError", _FULL]
    assert (waiting, count) == (0, 4)
