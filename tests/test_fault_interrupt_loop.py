"""An interrupt in a callback ends the event loop, as it does without us."""

from __future__ import annotations

import asyncio
from typing import Any

import nats
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from conftest import Instrumentation, settle


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("is_ours", [False, True], ids=["callback", "hook"])
def test_an_interrupt_ends_the_loop_as_without_us(
    server: str, instrumentation: Instrumentation, error: type[BaseException], is_ours: bool
) -> None:
    """Raised by a callback, or by a hook of ours around it: asyncio lets it out of the loop."""
    clients: list[Client] = []

    def interrupt(*_: Any) -> None:
        raise error

    instrumentation.start(process_hook=interrupt if is_ours else None)
    reached: list[bytes] = []

    async def main() -> None:
        nc = await nats.connect(server)
        clients.append(nc)

        async def callback(message: Msg) -> None:
            reached.append(message.data)
            raise error

        await nc.subscribe("fault.interrupt", cb=callback)
        await settle(nc)
        await nc.publish("fault.interrupt", b"[1]")
        await asyncio.Event().wait()

    loop = asyncio.new_event_loop()
    try:
        with pytest.raises(error):
            loop.run_until_complete(main())
        assert reached == ([] if is_ours else [b"[1]"])
    finally:
        loop.run_until_complete(_close(clients))
        loop.close()


async def _close(clients: list[Client]) -> None:
    """What an interrupt has left, without a word."""
    asyncio.get_running_loop().set_exception_handler(_ignore)
    for client in clients:
        assert client._transport is not None
        client._transport.close()
        await client._transport.wait_closed()
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _ignore(loop: asyncio.AbstractEventLoop, error: dict[str, Any]) -> None:
    """A loop that was interrupted says so."""
