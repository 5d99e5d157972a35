"""An HTTP service that knows nothing of tracing: a request becomes an order."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import nats
from fastapi import FastAPI, Request

connection: dict[str, Any] = {}


async def _on_filled(message: Any) -> None:
    await connection["nats"].publish("orders.stored", message.data)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
    """The connection belongs to the worker."""
    client = connection["nats"] = await nats.connect(os.environ["NATS_URL"])
    await client.subscribe(f"orders.filled.{os.getpid()}", cb=_on_filled)
    await client.flush()
    await client.publish(f"ready.web.{os.getpid()}", b"{}")
    yield
    await client.drain()


app = FastAPI(lifespan=lifespan)


@app.post("/orders")
async def order(request: Request) -> dict[str, int]:
    """Publishes what came."""
    reply = f"orders.filled.{os.getpid()}"
    body = b'{"reply":"%b","body":%b}' % (reply.encode(), await request.body())
    await connection["nats"].publish("orders.new", body)
    return {"pid": os.getpid()}


@app.post("/quotes")
async def quote() -> dict[str, Any]:
    """Asks another service."""
    reply = await connection["nats"].request("quotes.get", b'{"symbol":"BTC"}', timeout=10)
    return {"quote": reply.data.decode()}
