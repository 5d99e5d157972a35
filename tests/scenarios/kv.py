"""Key-value buckets."""

from __future__ import annotations

from typing import Any

from nats.js.api import KeyValueConfig, StorageType

from .payloads import OBJECT, PAYLOADS
from .world import NAMES, World, since


async def _bucket(world: World, name: str, **options: Any) -> tuple[Any, Any]:
    nc = await world.connect()
    js = nc.jetstream()
    config = KeyValueConfig(bucket=name, storage=StorageType.MEMORY, **options)
    return js, await js.create_key_value(config)


async def keys_and_values(world: World) -> None:
    """Put, get, create, update, delete and purge, and everything that is refused."""
    since("2.16", NAMES)
    _, kv = await _bucket(world, "values", history=5)
    for payload in PAYLOADS:
        await world.call(kv.put, "a", payload)
        await world.call(kv.get, "a")
    await world.call(kv.get, "a", 3)
    await world.call(kv.get, "none")
    for function, args in (
        (kv.create, ("b", OBJECT)),
        (kv.create, ("b", OBJECT)),
        (kv.update, ("b", b'{"b":2}', 13)),
        (kv.update, ("b", b'{"b":3}', 7)),
        (kv.put, ("b", None)),
        (kv.put, ("bad key", OBJECT)),
        (kv.delete, ("b",)),
        (kv.get, ("b",)),
        (kv.create, ("b", b"[1]")),
        (kv.delete, ("b", 1)),
        (kv.purge, ("b",)),
        (kv.get, ("b",)),
        (kv.delete, ("none",)),
    ):
        await world.call(function, *args)
    await world.call(kv.status)


async def history_and_keys(world: World) -> None:
    """The past of a key, the keys there are, and what is left of deleted ones."""
    _, kv = await _bucket(world, "history", history=3)
    await world.call(kv.keys)
    await world.call(kv.history, "a")
    for payload in PAYLOADS[:5]:
        await kv.put("a", payload)
        await kv.put("b.c", payload)
    await kv.delete("b.c")
    for function, args in (
        (kv.history, ("a",)),
        (kv.history, ("b.c",)),
        (kv.keys, ()),
        (kv.purge_deletes, ()),
        (kv.purge_deletes, (-1,)),
        (kv.history, ("b.c",)),
    ):
        await world.call(function, *args)


async def watching(world: World) -> None:
    """What was there, the marker that this is all, and what changes."""
    _, kv = await _bucket(world, "watched", history=5)
    for payload in PAYLOADS[:3]:
        await kv.put(f"key.{len(payload)}", payload)
    watchers = [await kv.watchall(), await kv.watch("key.7", include_history=True)]
    for watcher, count in zip(watchers, (4, 2), strict=True):
        for _ in range(count):
            world.note("before", await watcher.updates(timeout=5))
    for change in (kv.put("key.7", b'{"b":2}'), kv.delete("key.7"), kv.create("key.7", b"[1]")):
        await change
        for watcher in watchers:
            world.note("after", await watcher.updates(timeout=5))
    for watcher in watchers:
        await world.call(watcher.updates, timeout=0.01)
        await world.call(watcher.stop)


async def buckets(world: World) -> None:
    """Made, found, limited in size, deleted; bad names."""
    since("2.16", NAMES)
    js, kv = await _bucket(world, "bucket", max_value_size=20)
    await world.call(kv.put, "a", b'{"a":"%b"}' % (b"x" * 12))
    await world.call(kv.put, "a", b'{"a":"%b"}' % (b"x" * 13))
    await world.call(js.create_key_value, bucket="bad name")
    await world.call(js.create_key_value, bucket="long", history=65)
    for name in ("bucket", "none", "bad name"):
        await world.call(js.key_value, name)
        await world.call(js.delete_key_value, name)
    await world.call(kv.get, "a")


SCENARIOS = (keys_and_values, history_and_keys, watching, buckets)
