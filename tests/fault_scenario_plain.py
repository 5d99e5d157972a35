"""More of the application: what most messages are, and a connection that is cut."""

from __future__ import annotations

import asyncio
from typing import Any

import nats
from nats.aio.msg import Msg

from broker_proxy import Proxy, proxy_to
from conftest import settle
from fault_scenario import PAYLOADS, Application
from fault_wire import without_field
from observed_application import until_true

_SPLICED = (
    b'{"a":1,"_otel_trace_headers":'
    b'{"traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}}'
)


class WholeApplication(Application):
    """What it sees is kept in ``seen``: payloads, sequences, errors."""

    async def plain(self) -> None:
        """Payloads alone, to a callback that publishes on, and answers."""
        nc, name = self.nc, self.name
        done: asyncio.Queue[bytes] = asyncio.Queue()

        async def first(message: Msg) -> None:
            await nc.publish(f"{name}.{message.subject.rpartition('.')[2]}", b'{"b":2}')
            if message.reply:
                await message.respond(message.data)
            await done.put(message.data)
            if message.data == b"raise":
                raise ValueError("mine")

        async def last(message: Msg) -> None:
            await done.put(message.data)

        for group in ("first", "passed.first", "excluded.first"):
            await nc.subscribe(f"{name}.{group}.*", "group" if group == "first" else "", cb=first)
        for subject in ("last", "passed"):
            await nc.subscribe(f"{name}.{subject}", cb=last)
        await settle(nc)
        for payload in (*PAYLOADS.values(), _SPLICED, b"{}", b"raise"):
            await nc.publish(f"{name}.first.last", payload)
            self.seen += await self._two(done)
        self.seen.append(type(await self.errors.get()).__name__)
        for payload in (_SPLICED, b"{}"):
            await nc.publish(f"{name}.passed.first.passed", payload)
            self.seen += await self._two(done)
            await nc.publish(f"{name}.excluded.first.last", payload)
            self.seen += await self._two(done)
        self.seen.append((await nc.request(f"{name}.first.last", b"{}", timeout=9)).data)
        self.seen += await self._two(done)

    async def _two(self, done: asyncio.Queue[bytes]) -> list[bytes]:
        """Of two subscriptions, in any order."""
        return sorted([await done.get(), await done.get()], key=without_field)

    async def interrupted(self) -> None:
        """A connection that is cut: what is published meanwhile goes out with the next one."""
        assert self.nc.connected_url is not None
        done: asyncio.Queue[bytes] = asyncio.Queue()
        changes: asyncio.Queue[str] = asyncio.Queue()
        callbacks = {name: _noting(changes, name) for name in ("disconnected_cb", "reconnected_cb")}

        async def callback(message: Msg) -> None:
            await done.put(message.data)

        async with proxy_to(self.nc.connected_url.geturl()) as proxy:
            nc = await nats.connect(proxy.url, reconnect_time_wait=0.001, **callbacks)
            await nc.subscribe(f"{self.name}.late", cb=callback)
            await settle(nc)
            proxy.cut()
            self.seen.append(await changes.get())
            for payload in PAYLOADS.values():
                await nc.publish(f"{self.name}.late", payload)
            await nc.publish(f"{self.name}.late", b"{}", headers={"X-Own": "1"})
            await self._reconnect(proxy, nc, changes)
            for _ in (*PAYLOADS, "headers"):
                self.seen.append(await done.get())
            await nc.close()

    async def _reconnect(self, proxy: Proxy, nc: Any, changes: asyncio.Queue[str]) -> None:
        proxy.open.set()
        self.seen.append(await changes.get())
        await until_true(lambda: nc.is_connected)
        await nc.flush()
        self.seen.append(nc.pending_data_size)


def _noting(changes: asyncio.Queue[str], name: str) -> Any:
    async def callback() -> None:
        await changes.put(name)

    return callback
