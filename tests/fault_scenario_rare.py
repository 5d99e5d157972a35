"""What few applications do, and some of ours is there for."""

from __future__ import annotations

import asyncio
from typing import Any

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from opentelemetry.sdk.trace import TracerProvider

from conftest import settle
from every_operation import HAS_PUBLISH_ASYNC, NEXT_MSG_FAILS
from fault_scenario_plain import WholeApplication

_LONG_BAGGAGE = b",".join(b"key%d=%b" % (number, b"x" * 90) for number in range(20))
_CARRIED = (
    b'{"a":"\xc3\xa9","_otel_trace_headers":'
    b'{"traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",'
    b'"tracestate":"c=3","baggage":"%b"}}' % _LONG_BAGGAGE
)


class _DroppingClient(Client):
    """Leaves out messages to a subject of its own, and refuses those to another."""

    async def _send_publish(self, *args: Any, **kwargs: Any) -> None:
        if args[0].endswith(".refused"):
            raise ValueError("mine")
        if not args[0].endswith(".dropped"):
            await super()._send_publish(*args, **kwargs)


class RareApplication(WholeApplication):
    """What it sees is kept in ``seen``: payloads, sequences, errors."""

    async def rare(self) -> None:
        """Pools, a worker with a span of its own, a class of its own, calls that fail in a span."""
        provider = TracerProvider(shutdown_on_exit=False)
        tracer = provider.get_tracer("mine")
        done: asyncio.Queue[Any] = asyncio.Queue()
        work: asyncio.Queue[Any] = asyncio.Queue()
        handed: asyncio.Queue[Any] = asyncio.Queue()
        pool: asyncio.LifoQueue[str] = asyncio.LifoQueue()
        for name in ("one", "two"):
            await pool.put(name)

        async def callback(message: Msg) -> None:
            connection = await pool.get()
            await work.put(message.data)
            await handed.put(message.data)
            if work.qsize() > 1:
                await done.put(work.get_nowait())
            await pool.put(connection)
            await done.put(connection)

        await self.nc.subscribe(f"{self.name}.rare", cb=callback)
        await settle(self.nc)
        for payload in (_CARRIED, b"{}"):
            await self.nc.publish(f"{self.name}.rare", payload)
            self.seen.append(await done.get())
        self.seen.append(await done.get())
        with tracer.start_as_current_span("mine"):
            self.seen.append(await handed.get())
            await self._fail()
        await self._drop()
        provider.shutdown()

    async def _fail(self) -> None:
        """Calls on a connection that is closed."""
        assert self.nc.connected_url is not None
        other = await nats.connect(self.nc.connected_url.geturl())
        subscription = await other.subscribe(f"{self.name}.asked")
        js: Any = other.jetstream()
        await other.close()
        if NEXT_MSG_FAILS:
            await self._fails(subscription.next_msg)
        if HAS_PUBLISH_ASYNC:
            await self._fails(js.publish_async, f"{self.name}.asked", b"{}")
        await self._fails(js.publish, f"{self.name}.asked", b"{}")

    async def _drop(self) -> None:
        """A class of the application's that leaves messages out, between others."""
        assert self.nc.connected_url is not None
        client = _DroppingClient()
        await client.connect(self.nc.connected_url.geturl())
        got: asyncio.Queue[Msg] = asyncio.Queue()
        await client.subscribe(f"{self.name}.kept", cb=got.put)
        await settle(client)
        await self._fails(client.publish, f"{self.name}.refused", b"{}")
        for subject in ("kept", "dropped", "kept", "dropped"):
            await client.publish(f"{self.name}.{subject}", b"{}")
        self.seen += [(await got.get()).data for _ in range(2)]
        self.seen.append(client.pending_data_size)
        await client.close()
