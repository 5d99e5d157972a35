"""Micro services."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from importlib.util import find_spec
from typing import Any

from .payloads import OBJECT, PAYLOADS
from .world import UnsupportedError, World


async def _service(world: World, **options: Any) -> tuple[Any, Any]:
    if find_spec("nats.micro") is None:
        raise UnsupportedError("this nats-py has no nats.micro")
    from nats import micro

    nc = await world.connect()
    given: dict[str, Any] = {"name": "svc", "version": "1.0.0", "description": "mine", **options}
    return nc, await micro.add_service(nc, **given)


def _handler(world: World) -> Callable[[Any], Awaitable[None]]:
    """Notes what it gets, and answers by what the subject asks for."""
    from nats.micro.request import ServiceError

    async def handle(request: Any) -> None:
        values = world.values("handler")
        data, headers = values.data(request.data), values.headers(request.headers)
        world.note("handler", (request.subject, data, headers))
        kind = request.subject.rpartition(".")[2]
        if kind == "raises":
            raise ValueError("mine")
        if kind == "refuses":
            raise ServiceError("404", "not here")
        if kind == "fails":
            await request.respond_error("400", "bad", b'{"e":1}', headers={"C": "d"})
        if kind == "answers":
            await request.respond(request.data, headers={"C": "d"})
        if kind == "twice":
            await request.respond()
            await request.respond(b"[2]")

    return handle


def _more(stats: Any) -> dict[str, int]:
    return {"requests": stats.num_requests}


async def endpoints(world: World) -> None:
    """Answers, errors of three kinds, and what the service counts of them."""
    nc, service = await _service(world)
    for name in ("answers", "raises", "refuses", "fails", "twice"):
        options: dict[str, Any] = {
            "name": name,
            "subject": f"micro.{name}",
            "handler": _handler(world),
        }
        await world.call(service.add_endpoint, **options)
    for name in ("answers", "raises", "refuses", "fails", "twice", "nobody"):
        for payload in PAYLOADS[:7]:
            await world.call(nc.request, f"micro.{name}", payload, timeout=5)
        await world.call(nc.request, f"micro.{name}", OBJECT, 5, headers={"A": "b"})
    await nc.publish("micro.answers", OBJECT)
    await world.settle(nc)
    world.note("stats", service.stats())
    world.note("info", service.info())
    await world.call(service.reset)
    await world.call(service.stop)
    await world.call(service.stop)
    await world.call(nc.request, "micro.answers", OBJECT, 5)


async def groups(world: World) -> None:
    """Prefixes, queue groups, and names that are refused."""
    nc, service = await _service(world, queue_group="q0", metadata={"m": "1"})
    outer = service.add_group(name="outer", queue_group="q1")
    inner = outer.add_group(name="inner")
    for owner in (service, outer, inner):
        await world.call(owner.add_endpoint, name="answers", handler=_handler(world))
    await world.call(service.add_endpoint, name="bad name", handler=_handler(world))
    for subject in ("answers", "outer.answers", "outer.inner.answers"):
        await world.call(nc.request, subject, OBJECT, timeout=5)
    world.note("info", service.info())
    await world.call(_service, world, name="bad name")
    await world.call(_service, world, version="one")
    await world.call(service.stop)


async def discovery(world: World) -> None:
    """What services say of themselves when they are asked."""
    nc, service = await _service(world, stats_handler=_more)
    world.lengths = False
    await service.add_endpoint(name="answers", handler=_handler(world), metadata={"a": "b"})
    await world.call(nc.request, "answers", OBJECT, timeout=5)
    for verb in ("PING", "INFO", "STATS"):
        for subject in (f"$SRV.{verb}", f"$SRV.{verb}.svc", f"$SRV.{verb}.svc.{service.id}"):
            reply = await nc.request(subject, b"", timeout=5)
            world.note("replies", (world.values("replies").headers(reply.headers), subject))
            world.note("documents", json.loads(reply.data))
        await world.call(nc.request, f"$SRV.{verb}.other", b"", timeout=5)
    await world.call(service.stop)


SCENARIOS = (endpoints, groups, discovery)
