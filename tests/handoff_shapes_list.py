"""The shapes that are compared, in the order of the table."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from handoff_shapes import (
    Handle,
    Pack,
    QueueService,
    Shape,
    a_tuple,
    the_document,
    the_message,
)
from handoff_shapes_own import BATCH, Batch, Heartbeat, MixedQueue, Originator
from handoff_shapes_threads import Threads, ThreadWorker, executor, in_thread
from handoff_shapes_work import (
    Direct,
    FanOut,
    SharedDeque,
    Tasks,
    by_hand,
    by_helper,
    passed_on,
    untraced,
)


def _queue(title: str, pack: Pack, handle: Handle, **options: Any) -> Shape:
    return Shape(title, partial(QueueService, pack=pack, handle=handle, **options))


_GET = "``await queue.get()``"
_WAIT_FOR = "``wait_for(queue.get(), …)``"
_NO_CODE = "no tracing code"
_BY_HELPER = "``create_span_from_message``"
_BY_HAND = "``propagate.extract`` always"

SHAPES = [
    Shape("In the callback", Direct),
    Shape("In a task that the callback makes", Tasks),
    _queue(f"``Msg``, {_GET}, {_NO_CODE}", the_message, untraced, waits=None),
    _queue(f"``Msg``, {_WAIT_FOR}, {_NO_CODE}", the_message, untraced),
    _queue(f"``Msg``, no ``task_done``, {_NO_CODE}", the_message, untraced, calls_done=False),
    _queue(f"``Msg`` in a tuple, {_WAIT_FOR}, {_NO_CODE}", a_tuple, untraced),
    _queue(f"``Msg``, {_BY_HELPER}", the_message, by_helper),
    _queue(f"``Msg``, {_BY_HAND}", the_message, by_hand),
    Shape("``Msg`` on three queues, a worker each", FanOut, results=3),
    Shape(f"``Msg`` in a deque and an ``asyncio.Event``, {_NO_CODE}", SharedDeque),
    _queue(f"dict, {_GET}, {_NO_CODE}", the_document, untraced, waits=None),
    _queue(f"dict, {_WAIT_FOR}, {_NO_CODE}", the_document, untraced),
    _queue(f"dict, {_GET}, published again", the_document, passed_on, waits=None),
    _queue(f"dict, {_WAIT_FOR}, published again", the_document, passed_on),
    _queue(f"dict, {_GET}, {_BY_HELPER}", the_document, by_helper, waits=None),
    _queue(f"dict, {_WAIT_FOR}, {_BY_HELPER}", the_document, by_helper),
    _queue(f"dict, {_GET}, {_BY_HAND}", the_document, by_hand, waits=None),
    Shape(
        "``Msg``, a heartbeat where ``wait_for`` times out",
        partial(Heartbeat, pack=the_message),
        owns=1,
        is_paced=True,
    ),
    Shape(
        "dict, a heartbeat where ``wait_for`` times out",
        partial(Heartbeat, pack=the_document),
        owns=1,
        is_paced=True,
    ),
    Shape(
        "``Msg``, and ticks of a timer on the queue",
        partial(MixedQueue, pack=the_message),
        owns=1,
        is_paced=True,
    ),
    Shape(
        "``Msg``, ``task_done``, then work of its own",
        partial(Originator, pack=the_message, calls_done=True),
        owns=1,
    ),
    Shape(
        "``Msg``, no ``task_done``, then work of its own",
        partial(Originator, pack=the_message, calls_done=False),
        owns=1,
    ),
    Shape("``Msg``, a batch of five", partial(Batch, is_traced=False), batch=BATCH),
    Shape(
        "``Msg``, a batch of five in ``process_batch``",
        partial(Batch, is_traced=True),
        batch=BATCH,
    ),
    Shape("``asyncio.to_thread`` in the callback", partial(Threads, run=asyncio.to_thread)),
    _queue("``Msg``, ``asyncio.to_thread`` in the worker", the_message, in_thread),
    Shape("``run_in_executor`` in the callback", partial(Threads, run=executor)),
    Shape(
        "the same with ``opentelemetry-instrumentation-threading``",
        partial(Threads, run=executor),
        has_threading=True,
    ),
    Shape(
        f"``Msg`` on a ``queue.Queue``, a thread, {_NO_CODE}",
        partial(ThreadWorker, handle=untraced),
    ),
    Shape(
        f"``Msg`` on a ``queue.Queue``, a thread, {_BY_HELPER}",
        partial(ThreadWorker, handle=by_helper),
    ),
]
