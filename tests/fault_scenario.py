"""An application that uses NATS in every way, and says what it saw."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, cast

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.client import JetStreamContext
from opentelemetry.trace import get_tracer

from conftest import settle
from every_operation import NEXT_MSG_FAILS
from fault_wire import FIELD, without_field
from opentelemetry_instrumentation_nats_payload import (
    NATSTracePropagator,
    process_batch,
    process_span,
    use_message_context,
)

_CARRIER = (
    b'{"traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",'
    b'"tracestate":"a=1,b=2","baggage":"user=alice, tier = gold;p"}'
)
_LONG = b'{"a":"%b"}' % (b"x" * 600)

PAYLOADS = {
    "plain": b'{"a":1}',
    "array": b"[1]",
    "not JSON": b"\xff{}",
    "pretty": b'{\n "a": "\\u00e9\\ud83d",\n "n": NaN\n}\n',
    "field": b'{"a":1,"%b":%b}' % (FIELD.encode(), _CARRIER),
    "field first": b'{"%b":%b,"a":{"%b":%b}}'
    % (FIELD.encode(), _CARRIER, FIELD.encode(), _CARRIER),
    "large": b'{"%b":%b,"a":"%b","n":NaN}' % (FIELD.encode(), _CARRIER, b"x" * 20_000),
    "lines": b'{\n"a":"%b","n":NaN,"%b":%b}' % (b"x" * 20_000, FIELD.encode(), _CARRIER),
    "UTF-8": b'{"a":"\xc3\xa9"}',
    "alias": b'{"_otel_trace_context":%b,"a":1}' % _CARRIER,
    "escaped": b'{"\\u005fotel_trace_headers":%b,"a":1}' % _CARRIER,
}


class Application:
    """What it sees is kept in ``seen``: payloads, sequences, errors."""

    def __init__(self, nc: Client, errors: asyncio.Queue[Exception], name: str) -> None:
        self.nc = nc
        self.js: Any = nc.jetstream()
        self.errors = errors
        self.name = name
        self.seen: list[Any] = []
        self._queue: asyncio.Queue[Any] = asyncio.Queue()

    async def do(self, part: str) -> list[Any]:
        """What is seen in one of the parts, without the field, of which nothing is asked."""
        await getattr(self, part)()
        return [_plain(value) for value in self.seen]

    async def _fails(self, call: Callable[..., Awaitable[Any]], *args: Any, **kwargs: Any) -> None:
        try:
            self.seen.append(await call(*args, **kwargs))
        except Exception as error:
            self.seen.append(type(error).__name__)

    async def core(self) -> None:
        """A callback that hands over to a worker, which answers; errors."""
        done: asyncio.Queue[bytes] = asyncio.Queue()

        async def callback(message: Msg) -> None:
            if message.data == b"raise":
                raise ValueError("mine")
            await self._queue.put(message)

        async def worker() -> None:
            while True:
                message = await self._queue.get()
                data = message.data
                if message.reply:
                    await message.respond(data)
                self._queue.task_done()
                await done.put(data)

        task = asyncio.create_task(worker())
        subscription = await self.nc.subscribe(f"{self.name}.core.*", "workers", cb=callback)
        await settle(self.nc)
        for payload in PAYLOADS.values():
            await self.nc.publish(f"{self.name}.core.1", payload, headers={"X-Own": "1"})
            self.seen.append(await done.get())
        self.seen.append((await self.nc.request(f"{self.name}.core.2", b"{}", timeout=9)).data)
        self.seen.append(await done.get())
        await self.nc.publish(f"{self.name}.core.3", b"raise")
        self.seen.append(type(await self.errors.get()).__name__)
        await self._fails(self.nc.publish, f"{self.name}.core.1", b"x" * (1 << 21))
        await self._fails(self.nc.request, f"{self.name}.nobody", b"{}", timeout=9)
        await subscription.unsubscribe()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    async def asked_for(self) -> None:
        """next_msg, async for, a future."""
        nc, subject = self.nc, f"{self.name}.asked"
        subscription = await nc.subscribe(subject)
        future: asyncio.Future[Msg] = asyncio.get_running_loop().create_future()
        await nc.subscribe(f"{self.name}.future", future=future)
        await settle(nc)
        for _ in range(4):
            await nc.publish(subject, PAYLOADS["plain"])
        await nc.publish(f"{self.name}.future", PAYLOADS["field"])
        self.seen.append((await subscription.next_msg(9)).data)
        self.seen.append((await subscription.next_msg(9)).data)
        async for message in subscription.messages:
            self.seen.append(message.data)
            break
        async for message in subscription.messages:
            self.seen.append(message.data)
            await nc.publish(f"{self.name}.elsewhere", b"{}")
            break
        self.seen.append((await future).data)
        await subscription.unsubscribe()

    async def growing(self) -> None:
        """A stream that takes a message, and not with the field."""
        js, name = self.js, self.name.replace(".", "-")
        subject = f"{self.name}.limited"
        await js.add_stream(name=name, subjects=[subject], max_msg_size=len(_LONG))
        self.seen.append((await js.publish(subject, _LONG)).seq)
        self.seen.append((await js.publish(subject, b"{}")).seq)
        if hasattr(JetStreamContext, "publish_async"):
            self.seen.append((await (await js.publish_async(subject, b"{}"))).seq)
            self.seen.append((await (await js.publish_async(subject, _LONG))).seq)
        await js.delete_stream(name)

    async def jetstream(self) -> None:
        """Fetches, a push consumer, settlements."""
        js, name = self.js, self.name.replace(".", "-")
        subject = f"{self.name}.stored"
        await js.add_stream(name=name, subjects=[f"{subject}.>"])
        pull = await js.pull_subscribe(f"{subject}.pull", durable="pull", stream=name)
        for _ in range(3):
            ack = await js.publish(f"{subject}.pull", PAYLOADS["plain"])
            self.seen.append(ack.seq)
        if hasattr(JetStreamContext, "publish_async"):
            self.seen.append((await (await js.publish_async(f"{subject}.async", b"{}"))).seq)
        (one,) = await pull.fetch(1)
        self.seen.append(one.data)
        with process_span(one) as span:
            span.set_attribute("mine", 1)
            await one.in_progress()
            await one.ack_sync()
        messages = await pull.fetch(2)
        self.seen += [message.data for message in messages]
        with process_batch(messages):
            await messages[0].ack()
            await messages[1].term()
        await self._pushed(subject, name)
        self.seen.append((await js.get_msg(name, 1)).data)
        await js.delete_stream(name)

    async def _pushed(self, subject: str, name: str) -> None:
        pushed: asyncio.Queue[Msg] = asyncio.Queue()

        async def callback(message: Msg) -> None:
            await pushed.put(message)
            if message.metadata.num_delivered == 1:
                await message.nak()

        await self.js.subscribe(f"{subject}.push", cb=callback, stream=name)
        await self.js.publish(f"{subject}.push", PAYLOADS["plain"], headers={"Nats-Msg-Id": "1"})
        self.seen.append((await pushed.get()).data)
        message = await pushed.get()
        self.seen.append((message.data, message.metadata.num_delivered))

    async def by_hand(self) -> None:
        """The manual API, and a micro service."""
        message = {"a": 1}
        NATSTracePropagator.inject_context(message)
        NATSTracePropagator.extract_context(message)
        self.seen.append(_without_field(NATSTracePropagator.remove_trace_headers(message)))
        held: asyncio.Queue[Msg] = asyncio.Queue()
        await self.nc.subscribe(f"{self.name}.held", cb=held.put)
        await self.nc.publish(f"{self.name}.held", PAYLOADS["alias"])
        got = await held.get()
        with use_message_context(got), process_span(got):
            await self.nc.publish(f"{self.name}.elsewhere", got.data)
        self.seen.append(got.data)
        try:
            from nats import micro
        except ImportError:
            return
        service = await micro.add_service(self.nc, name="svc", version="1.0.0")

        async def handler(request: Any) -> None:
            if request.data == b"raise":
                raise ValueError("mine")
            await request.respond(request.data)

        await service.add_endpoint(name="e", subject=f"{self.name}.micro", handler=handler)
        for payload in (PAYLOADS["plain"], b"raise"):
            reply = await self.nc.request(f"{self.name}.micro", payload, timeout=9)
            self.seen.append((reply.data, (reply.headers or {}).get("Nats-Service-Error-Code")))
        await service.stop()

    async def apart(self) -> None:
        """What is excluded, a queue of priorities, a prefix, calls that fail at once."""
        nc = self.nc
        done: asyncio.Queue[bytes] = asyncio.Queue()
        ranked: asyncio.PriorityQueue[Any] = asyncio.PriorityQueue()

        async def answer(message: Msg) -> None:
            await message.respond(message.data)

        async def rank(message: Msg) -> None:
            await ranked.put((1, message))

        async def worker() -> None:
            while True:
                _, message = await ranked.get()
                with NATSTracePropagator.create_span_from_message(
                    get_tracer("mine"), json.loads(message.data), "mine"
                ):
                    await done.put(message.data)

        task = asyncio.create_task(worker())
        await nc.subscribe("excluded.>", cb=answer)
        await nc.subscribe(f"{self.name}.ranked", cb=rank)
        await settle(nc)
        self.seen.append((await nc.request(f"excluded.{self.name}", b"{}", timeout=9)).data)
        for name in ("field", "plain"):
            await nc.publish(f"{self.name}.ranked", PAYLOADS[name])
            self.seen.append(await done.get())
        task.cancel()
        js: Any = nc.jetstream(prefix="elsewhere")
        await self._fails(js.account_info)
        await self._fails(js.add_stream, name="elsewhere", subjects=["elsewhere"])
        await self._closed()

    async def _closed(self) -> None:
        assert self.nc.connected_url is not None
        other = await nats.connect(self.nc.connected_url.geturl())
        subscription = await other.subscribe(f"{self.name}.asked")
        await other.close()
        if NEXT_MSG_FAILS:
            await self._fails(subscription.next_msg)
        await self._fails(other.publish, f"{self.name}.asked", b"{}")
        await self._fails(other.request, f"{self.name}.asked", b"{}")


def _plain(value: Any) -> Any:
    """A payload byte for byte without the field, and a dict that is one without it."""
    if isinstance(value, tuple):
        return [_plain(part) for part in cast("tuple[Any, ...]", value)]
    return without_field(value) if isinstance(value, bytes) else value


def _without_field(value: Any) -> Any:
    """The same object, changed in place."""
    if isinstance(value, dict):
        cast("dict[str, Any]", value).pop(FIELD, None)
    return cast("Any", value)
