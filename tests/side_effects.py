"""A process that counts what it does beside computing: ``python tests/side_effects.py PHASE URL``.

PHASE is ``import``, ``instrument`` or ``messages``, and prints what it saw as JSON. An audit hook
sees files, sockets, processes, threads and the like, and which code asked for them.
"""

from __future__ import annotations

import asyncio
import atexit
import gc
import json
import logging
import os
import signal
import sys
import threading
import warnings
from importlib import import_module
from types import FrameType
from typing import Any

PACKAGE = "opentelemetry_instrumentation_nats_payload"
_OUTSIDE = (
    "ctypes.", "fcntl.", "gc.", "mmap.", "open", "os.", "shutil.", "signal.",
    "socket.", "subprocess.", "sys.addaudithook", "sys.set", "syslog.", "tempfile.", "urllib.",
)  # fmt: skip
_NOT_ALWAYS = (
    "nats", "nats.micro", "opentelemetry._logs", "opentelemetry.sdk", "rich", f"{PACKAGE}._audit",
    f"{PACKAGE}._json_stdlib", f"{PACKAGE}._micro", f"{PACKAGE}._signals",
)  # fmt: skip
"""Modules that take time or memory, and are not always needed."""

_seen: list[tuple[str, str]] = []
_imported: list[str] = []


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if event.startswith(_OUTSIDE) and (asked := _asked(sys._getframe(1))):
        _seen.append((event, asked))


def _watch() -> None:
    """Begin to count; the start of a thread is no event of every Python."""
    start = threading.Thread.start

    def started(self: threading.Thread) -> None:
        _seen.append(("thread", _asked(sys._getframe(1))))
        start(self)

    threading.Thread.start = started
    sys.addaudithook(_hook)


def _asked(frame: FrameType | None) -> str:
    """``"ours"`` if code of the package asked for it, ``""`` if that was an import itself.

    Frames beyond an import are those of the code that imports, and not of what is done there.
    """
    if frame is None or frame.f_code.co_filename.startswith("<frozen importlib"):
        return ""
    while frame is not None and not frame.f_code.co_filename.startswith("<frozen importlib"):
        if f"{os.sep}{PACKAGE}{os.sep}" in frame.f_code.co_filename:
            return "ours"
        frame = frame.f_back
    return "others"


def _state() -> dict[str, str]:
    """What belongs to the whole process and could be changed by anybody."""
    own = logging.getLogger(PACKAGE)
    values: dict[str, object] = {
        "environment": sorted(os.environ.items()),
        "exit": atexit._ncallbacks(),
        "garbage collector": (gc.isenabled(), gc.get_threshold(), gc.callbacks),
        "hooks": (sys.excepthook, threading.excepthook, sys.gettrace(), sys.getprofile()),
        "import": (sys.path, sys.meta_path, sys.path_hooks),
        "limits": (sys.getrecursionlimit(), sys.getswitchinterval()),
        "logging": (logging.root.handlers, logging.root.level, logging.root.manager.disable),
        "logging classes": (logging.getLoggerClass(), logging.getLogRecordFactory()),
        "loop": _loop(),
        "own logger": (own.handlers, own.filters, own.level, own.propagate),
        "signals": [(number, id(signal.getsignal(number))) for number in signal.valid_signals()],
        "threads": threading.enumerate(),
        "warnings": (warnings.filters, warnings.showwarning),
    }
    return {name: str(value) for name, value in values.items()}


def _loop() -> tuple[object, ...]:
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return ()
    return loop.get_task_factory(), loop.get_exception_handler(), loop.get_debug()


def _report(before: dict[str, str], *later: dict[str, str]) -> None:
    """Print what was seen, what is different from ``before``, and what is imported."""
    states = [*later, _state()]
    changed = sorted({name for state in states for name in state if state[name] != before[name]})
    loaded = [name for name in _NOT_ALWAYS if name in sys.modules]
    report = {"seen": _seen, "changed": changed, "loaded": loaded, "imported": _imported}
    sys.stdout.write(json.dumps(report))


def _import(modules: list[str]) -> None:
    """Others' modules first, so that what they do at import is not counted."""
    for name in modules:
        import_module(name)
    before = _state()
    _watch()
    import_module(PACKAGE)
    _report(before)


def _instrument() -> None:
    """Instrument and uninstrument, with an SDK that records into memory."""
    instrumentor, options = _ready()
    before = _state()
    _watch()
    instrumentor.instrument(**options)
    during = _state()
    instrumentor.uninstrument()
    _report(before, during)


def _ready() -> tuple[Any, dict[str, Any]]:
    """The instrumentor, and providers that have done what they do the first time."""
    import_module("nats")
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader
    from opentelemetry.sdk.trace import TracerProvider

    provider = TracerProvider(shutdown_on_exit=False)
    provider.get_tracer("first")
    meters = MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False)
    meters.get_meter("first")
    options = {"tracer_provider": provider, "meter_provider": meters}
    return import_module(PACKAGE).NATSInstrumentor(), options


async def _messages(url: str) -> None:
    """Every way of a message, on a connection that was made before."""
    instrumentor, options = _ready()
    instrumentor.instrument(**options)
    nc = await import_module("nats").connect(url)
    js = nc.jetstream()
    await js.add_stream(name="EFFECTS", subjects=["effects.stored"])
    known = set(sys.modules)
    await _exchange(nc, js, "warm")  # what is imported late is imported now
    _imported.extend(sorted(sys.modules.keys() - known))
    before = _state()
    _watch()
    await _exchange(nc, js, "seen")
    _report(before)
    await nc.close()


async def _exchange(nc: Any, js: Any, durable: str) -> None:
    done = asyncio.Event()

    async def answer(message: Any) -> None:
        await message.respond(b'{"answer": 1}')

    async def ended(message: Any) -> None:
        done.set()

    await nc.subscribe("effects.ask", cb=answer)
    await nc.subscribe("effects.end", cb=ended)
    await nc.request("effects.ask", b'{"ask": 1}', timeout=5)
    await js.publish("effects.stored", b'{"stored": 1}')
    pull = await js.pull_subscribe("effects.stored", durable=durable)
    for message in await pull.fetch(1, timeout=5):
        await message.ack()
    await nc.publish("effects.end", b'{"end": 1}', headers={"Some": "header"})
    await asyncio.wait_for(done.wait(), 5)


if __name__ == "__main__":
    if sys.argv[1] == "import":
        _import(sys.argv[2:])
    elif sys.argv[1] == "instrument":
        _instrument()
    else:
        asyncio.run(_messages(sys.argv[2]))
