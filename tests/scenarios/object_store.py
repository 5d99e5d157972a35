"""Object stores."""

from __future__ import annotations

import io
from typing import Any

from nats.js import api
from nats.js.client import JetStreamContext

from .payloads import OBJECT, PAYLOADS
from .world import World, needs


async def _store(world: World, name: str) -> tuple[Any, Any]:
    needs(JetStreamContext, "create_object_store")
    nc = await world.connect()
    js: Any = nc.jetstream()
    config = api.ObjectStoreConfig(storage=api.StorageType.MEMORY)
    return js, await js.create_object_store(name, config)


async def objects(world: World) -> None:
    """Put, got, replaced, described and deleted; what is not there."""
    _, store = await _store(world, "objects")
    for payload in (*PAYLOADS, "text", io.BytesIO(OBJECT), 7):
        await world.call(store.put, "name", payload)
        await world.call(store.get, "name")
    await world.call(store.get_info, "name")
    await world.call(store.update_meta, "name", api.ObjectMeta(name="name", description="mine"))
    await world.call(store.update_meta, "none", api.ObjectMeta(name="none"))
    await world.call(store.delete, "name")
    for function in (store.get, store.get_info, store.delete):
        await world.call(function, "name")
    await world.call(store.get_info, "name", show_deleted=True)
    await world.call(store.status)


async def large_objects(world: World) -> None:
    """Many chunks, from a file and into one, with headers of the application's."""
    _, store = await _store(world, "large")
    content = b"".join(b'{"line":%d}\n' % n for n in range(30_000))
    options = api.ObjectMetaOptions(max_chunk_size=64 * 1024)
    meta = api.ObjectMeta(description="big", headers={"A": "b"}, options=options)
    await world.call(store.put, "big", io.BytesIO(content), meta)
    into = io.BytesIO()
    found = await store.get("big")
    await store.get("big", writeinto=into)
    world.note("info", found.info)
    world.note("whole", (found.data == content, into.getvalue() == content))


async def lists_and_watchers(world: World) -> None:
    """What there is, what changes, and an end to changes."""
    js, store = await _store(world, "listed")
    await world.call(store.list)
    for name, payload in zip("abc", PAYLOADS, strict=False):
        await store.put(name, payload)
    await world.call(store.list)
    watcher = await store.watch()
    for _ in range(4):
        world.note("before", await watcher.updates(timeout=5))
    await store.delete("b")
    world.note("after", await watcher.updates(timeout=5))
    await world.call(watcher.updates, timeout=0.01)
    await world.call(watcher.stop)
    await world.call(store.list, ignore_deletes=True)
    await world.call(store.seal)
    await world.call(store.put, "d", OBJECT)
    for name in ("listed", "none", "bad name"):
        await world.call(js.object_store, name)
        await world.call(js.delete_object_store, name)


SCENARIOS = (objects, large_objects, lists_and_watchers)
