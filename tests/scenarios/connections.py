"""Connections: options, limits, draining and closing; headers, subjects and messages."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import inspect
from typing import Any

import nats
import nats.aio.client
import nats.aio.msg
import nats.aio.subscription
import nats.js.client
import nats.js.manager
from nats.aio.msg import Msg

from .payloads import OBJECT, PAYLOADS
from .world import NAMES, World, since


async def draining_a_subscription(world: World) -> None:
    """What has arrived is processed, then the subscription ends."""
    nc = await world.connect()
    go_on = asyncio.Event()

    async def slow(message: Msg) -> None:
        await go_on.wait()
        world.note("received", message)

    subscription = await nc.subscribe("drained", cb=slow)
    asked = await nc.subscribe("drained.asked")
    await world.settle(nc)
    for payload in PAYLOADS:
        await nc.publish("drained", payload)
    await world.settle(nc)
    draining = asyncio.create_task(subscription.drain())
    await world.settle(nc)
    world.note("meanwhile", world.subscription(subscription))
    go_on.set()
    await draining
    world.note("afterwards", world.subscription(subscription))
    await nc.publish("drained", OBJECT)
    for function in (subscription.drain, subscription.unsubscribe, asked.drain):
        await world.call(function)


async def draining_a_connection(world: World) -> None:
    """All messages are processed, also what is published meanwhile; then it is closed."""
    nc, other = await world.connect(), await world.connect()

    async def relay(message: Msg) -> None:
        world.note("received", message)
        await world.call(nc.publish, "drain.out", message.data, track="relay")

    await nc.subscribe("drain.in", cb=relay)
    await other.subscribe("drain.out", cb=world.keep("out"))
    await world.settle(other)
    await world.settle(nc)
    for payload in PAYLOADS:
        await nc.publish("drain.in", payload)
    await world.call(nc.drain)
    await world.settle(other)
    for function in (nc.drain, nc.flush):
        await world.call(function)
    for function in (nc.publish, nc.request, nc.subscribe):
        await world.call(function, "drain.in")


async def closing(world: World) -> None:
    """Everything that waits ends, and everything that is asked for afterwards is refused."""
    since("2.3", "goes on waiting on a closed connection")
    nc = await world.connect()
    asked, iterated = await nc.subscribe("close.asked"), await nc.subscribe("close.iterated")
    await nc.subscribe("close.silent", cb=world.keep("silent"))
    await world.settle(nc)
    received: Msg = Msg(nc, "close", "close.reply", b"")

    async def iterate() -> str:
        async for _ in iterated.messages:
            pass
        return "ended"

    coroutines = [asked.next_msg(timeout=5), iterate(), nc.request("close.silent", b"{}", 0.05)]
    waiting = [asyncio.create_task(coroutine) for coroutine in coroutines]
    await world.settle(nc)
    await world.call(nc.close)
    for result in await asyncio.gather(*waiting, return_exceptions=True):
        world.note("waiting", result)
    for function in (nc.publish, nc.request, nc.subscribe):
        await world.call(function, "close")
    functions = (asked.next_msg, asked.unsubscribe, asked.drain, nc.flush, nc.drain, nc.close)
    for function in functions:
        await world.call(function)
    await world.call(received.respond, b"{}")


async def flushing(world: World) -> None:
    """Its time-outs, and messages that are on the server afterwards."""
    nc = await world.connect(pending_size=512, flusher_queue_size=2)
    await nc.subscribe("flush", cb=world.keep("received"))
    for timeout in (0, -1):
        await world.call(nc.flush, timeout=timeout)
    for number in range(60):
        await nc.publish("flush", b'{"number":%d}' % number)
    await world.call(nc.flush)
    await world.settle(nc)
    world.note("pending", nc.pending_data_size)


async def options(world: World) -> None:
    """Names, verbosity and callbacks; connections that cannot be made."""
    for given in ({"name": "mine", "verbose": True}, {"pedantic": True}, {"no_echo": True}):
        nc = await world.connect(**given)
        await nc.subscribe("options", cb=world.keep(str(given)))
        await world.settle(nc)
        await world.call(nc.publish, "options", OBJECT)
        await world.settle(nc)
    connect: Any = getattr(nats, "connect")  # noqa: B009
    refused: list[Any] = [
        {"servers": "nats://127.0.0.1:1", "max_reconnect_attempts": 1, "reconnect_time_wait": 0},
        {"servers": world.url, "error_cb": print},
        {"servers": world.url, "closed_cb": world},
        {"servers": ["nats://a:1", "ws://b:2"]},
        {"servers": 7},
        {"servers": world.url, "unknown": 1},
    ]
    for given in refused:
        await world.call(connect, **({"error_cb": world.keep("refused")} | given))
    async with await world.connect() as nc:
        await world.call(nc.publish, "options", OBJECT)
    world.note("context manager", nc.is_closed)


async def no_echo(world: World) -> None:
    """A connection that does not get what it publishes; others do."""
    silent, other = await world.connect(no_echo=True), await world.connect()
    for number, nc in enumerate((silent, other)):
        await nc.subscribe("echo", cb=world.keep(f"received {number}"))
        await world.settle(nc)
    for payload in PAYLOADS[:4]:
        for nc in (silent, other):
            await nc.publish("echo", payload)
            await world.settle(nc)


async def inbox_prefix(world: World) -> None:
    """Replies come to inboxes of the application's choice."""
    nc = await world.connect(inbox_prefix="_MINE")

    async def service(message: Msg) -> None:
        world.note("service", message)
        await message.respond(b'{"r":1}')

    await nc.subscribe("prefixed", cb=service)
    await world.settle(nc)
    for payload in PAYLOADS[:4]:
        for old_style in (False, True):
            await world.call(nc.request, "prefixed", payload, 5, old_style)
    world.note("inbox", nc.new_inbox())


async def the_largest_payload(world: World) -> None:
    """Payloads up to the limit go out, those above are refused."""
    nc = await world.connect()
    subscription = await nc.subscribe("large")
    await world.settle(nc)
    for less in (0, 97):
        for start, end in ((b'{"a":"', b'"}'), (b"[", b"]")):
            fill = b"1" * (nc.max_payload - less - len(start) - len(end))
            await world.call(nc.publish, "large", start + fill + end)
            message = await subscription.next_msg(timeout=5)
            data = world.values("large").data(message.data)
            world.note("large", (len(data), data == start + fill + end, message.reply))
    for payload in (b"x" * (nc.max_payload + 1), b'{"a":"%b"}' % (b"x" * nc.max_payload)):
        await world.call(nc.publish, "large", payload)
        await world.call(nc.request, "large", payload)


async def headers(world: World) -> None:
    """All that may be in headers, what may not, and the application's dict afterwards."""
    nc = await world.connect()
    await nc.subscribe("headers", cb=world.keep("received"))
    await world.settle(nc)
    every: list[dict[str, str]] = [
        {},
        {"A": "b"},
        {"A": "b", "a": "c", "Content-Type": "text/plain"},
        {"Empty": ""},
        {" Blanks ": " around "},
        {"Lines": "one\r\ntwo"},
        {"": "no name", "Named": "yes"},
        {"Colon": "a: b", "Unicode": "caf\xe9 \u20ac"},
        {"Many": "x" * 1000},
        {"Bad Name": "x"},
        {"Bad:Name": "x"},
        {"Bad\nName": "x"},
        {"Nats-Msg-Id": "1", "Status": "200"},
    ]
    for given in every:
        for payload in (OBJECT, b"[1]"):
            await world.call(nc.publish, "headers", payload, headers=given)
            world.note("given", given)
    await world.settle(nc)


async def subjects(world: World) -> None:
    """Wildcards, and what is no subject."""
    since("2.16", NAMES)
    nc = await world.connect()
    for pattern in ("su.*.c", "su.>", "su.*.*", "su.a", "*.a"):
        await world.call(nc.subscribe, pattern, cb=world.keep(pattern))
    await world.settle(nc)
    for subject in ("su", "su.a", "su.a.b", "su.b.c", "su.a.b.c", "su.\xe9", "su.*", "su.>"):
        await world.call(nc.publish, subject, OBJECT)
        await world.settle(nc)
    refused = ("", " ", "a b", "a\r\nb", "a\tb")
    for subject in refused:
        await world.call(nc.publish, subject, OBJECT)
        await world.call(nc.publish, "su.a", OBJECT, reply=subject)
        await world.call(nc.request, subject, OBJECT, timeout=0.02)
    for subject in (*refused, "a.", ".a", "a..b", "a*", "a.>.b", ">a"):
        await world.call(nc.subscribe, subject, cb=world.keep("never"))
    await world.call(nc.subscribe, "su.a", "bad queue", world.keep("never"))


def _metadata(message: Msg) -> Any:
    return message.metadata


async def messages_as_objects(world: World) -> None:
    """Equality, fields, copies and the text of a message."""
    nc = await world.connect()
    subscription = await nc.subscribe("objects")
    await world.settle(nc)
    for payload in PAYLOADS:
        await nc.publish("objects", payload, reply="back", headers={"A": "b"})
        message = await subscription.next_msg(timeout=5)
        twin = dataclasses.replace(message)
        world.note("equal", (message == twin, message == copy.copy(message), message != twin))
        world.note("fields", [field.name for field in dataclasses.fields(message)])
        parts = {f.name: getattr(message, f.name) for f in dataclasses.fields(message)}
        world.note("names", list(parts))
        world.note("metadata", [await world.call(_metadata, message)])
        message.headers, message.data = None, b"changed"
        world.note("changed", (message, repr(message), twin == message))
        await world.call(message.ack)
        await world.call(hash, message)


async def what_inspection_finds(world: World) -> None:
    """Names, signatures and documentation of everything in nats-py's classes."""
    modules: list[Any] = [
        nats.aio.client, nats.aio.msg, nats.aio.subscription, nats.js.client, nats.js.manager,
    ]  # fmt: skip
    for module in modules:
        for name, owner in inspect.getmembers(module, inspect.isclass):
            if owner.__module__ == module.__name__:
                world.note("classes", (name, [n for n in dir(owner) if n != "__slotnames__"]))
                _note_functions(world, owner)


def _note_functions(world: World, owner: type) -> None:
    functions = inspect.getmembers(owner, inspect.isroutine)
    for name, function in functions:
        if not str(getattr(function, "__module__", "")).startswith("nats"):
            continue
        kept: list[Any] = [
            getattr(function, attribute, None)
            for attribute in ("__name__", "__qualname__", "__module__", "__doc__")
        ]
        kept += [str(inspect.signature(function)), inspect.iscoroutinefunction(function)]
        kept += [inspect.isfunction(function), inspect.getsourcefile(inspect.unwrap(function))]
        world.note(f"{owner.__name__}.{name}", kept)


SCENARIOS = (
    draining_a_subscription,
    draining_a_connection,
    closing,
    flushing,
    options,
    no_echo,
    inbox_prefix,
    the_largest_payload,
    headers,
    subjects,
    messages_as_objects,
    what_inspection_finds,
)
