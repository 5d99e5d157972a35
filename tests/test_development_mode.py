"""Python's development mode, warnings as errors and asyncio's debug mode: nothing is said."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from examples.trading_pipeline.receiver import running_receiver

_SERVICE = """
import asyncio, os, nats

async def main():
    closed = asyncio.Event()

    async def on_closed():
        closed.set()

    nc = await nats.connect(os.environ["NATS_URL"], closed_cb=on_closed)
    got = asyncio.Queue()

    async def on_order(msg):
        await got.put(msg.data)

    async def answer(msg):
        await msg.respond(b'{"answer":1}')

    await nc.subscribe("dev.orders", queue="engine", cb=on_order)
    await nc.subscribe("dev.quotes", cb=answer)
    await nc.publish("dev.orders", b'{"order":1}')
    await got.get()
    await nc.request("dev.quotes", b'{"symbol":"BTC"}', timeout=10)
    prices = await nc.subscribe("dev.prices")
    await nc.publish("dev.prices", b"{}")
    await prices.next_msg(timeout=10)
    await nc.publish("dev.prices", b"{}")
    async for msg in prices.messages:
        break
    await prices.unsubscribe()
    js = nc.jetstream()
    await js.add_stream(name="DEV", subjects=["dev.js.>"])
    await js.publish("dev.js.a", b'{"a":1}')
    push = await js.subscribe("dev.js.a", cb=on_order)
    await got.get()
    pull = await js.pull_subscribe("dev.js.a", "pull")
    for msg in await pull.fetch(1, timeout=10):
        await msg.ack_sync()
    bucket = await js.create_key_value(bucket="dev")
    await bucket.put("key", b"{}")
    await bucket.get("key")
    await push.unsubscribe()
    await pull.unsubscribe()
    await js.delete_key_value("dev")
    await js.delete_stream("DEV")
    await nc.drain()
    await closed.wait()
    other = await nats.connect(os.environ["NATS_URL"])
    await other.publish("dev.last", b"{}")
    await other.close()
    print("done")

asyncio.run(main())
"""


@pytest.mark.skipif(
    version("opentelemetry-instrumentation").startswith("0.48"),
    reason="its command imports pkg_resources, which warns",
)
@pytest.mark.parametrize(
    "flags", [["-X", "dev"], ["-W", "error"], ["-X", "dev", "-W", "error"]], ids=" ".join
)
def test_nothing_is_said(server: str, tmp_path: Path, flags: list[str]) -> None:
    """A program that does everything and closes, under opentelemetry-instrument."""
    service = tmp_path / "service.py"
    service.write_text(_SERVICE)
    instrument = shutil.which("opentelemetry-instrument", path=str(Path(sys.executable).parent))
    assert instrument is not None
    with running_receiver() as receiver:
        settings = {
            "OTEL_METRICS_EXPORTER": "none",
            "OTEL_LOGS_EXPORTER": "none",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint,
            "NATS_URL": server,
            "PYTHONASYNCIODEBUG": "1",
        }
        done = subprocess.run(
            [instrument, sys.executable, *flags, str(service)],
            env={**os.environ, **settings},
            capture_output=True,
            text=True,
            check=False,
            timeout=25,
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")
        names = [span.name for span in receiver.spans()]
    assert {"process dev.orders", "respond", "fetch dev.js.a", "publish dev.last"} <= set(names)
