"""What ``follow_handoff`` must not change: messages, for who looks at them."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import inspect
import pickle
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio
from nats.aio.msg import Msg

from conftest import Connect, Instrumentation
from handoff_services import serve
from opentelemetry_instrumentation_nats_payload import NATSInstrumentor

Queue = asyncio.Queue[Any]


def _pickled(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))


DUPLICATES: list[Callable[[Any], Any]] = [copy.copy, copy.deepcopy, _pickled]


async def _received(connect: Connect, instrumentation: Instrumentation, when: str) -> Msg:
    """A message: of an armed callback or another one, also after the end of instrumentation."""
    instrumentation.start(follow_handoff="message" if when != "off" else "off")
    received: list[Msg] = []

    async def handle(message: Msg) -> None:
        received.append(message)

    nc = await connect()
    await (await serve(nc, "same.in", handle)).send(b"[1]")
    if when == "uninstrumented":
        NATSInstrumentor().uninstrument()
    return received[0]


@pytest_asyncio.fixture(params=["armed", "off", "uninstrumented"])
async def message(
    connect: Connect, instrumentation: Instrumentation, request: pytest.FixtureRequest
) -> AsyncIterator[Msg]:
    """A message that came through a callback."""
    yield await _received(connect, instrumentation, request.param)


async def test_equality_and_repr_of_a_message(message: Msg) -> None:
    """Are those of one that nobody has armed."""
    other = Msg(message._client, message.subject, "", b"[1]", message.headers)
    if hasattr(message, "_sid"):  # nats-py 2.2 has none
        other._sid = message._sid
    assert (message == other, message != other) == (True, False)
    assert repr(message) == repr(other)
    assert message != Msg(message._client, message.subject, "", b"[2]")
    with pytest.raises(TypeError, match="unhashable"):
        hash(message)


async def test_the_fields_of_a_message(message: Msg) -> None:
    """Names, defaults and the signature, those of the dataclass."""
    names = ["_client", "subject", "reply", "data", "headers", "_metadata", "_ackd", "_sid"]
    fields = {field.name: field for field in dataclasses.fields(message)}
    assert list(fields) == [n for n in names if n in fields]
    assert fields["data"].default == b""
    assert inspect.signature(Msg).parameters["data"].default == b""
    assert Msg(message._client).data == b""
    assert dataclasses.is_dataclass(Msg)


async def test_replace_asdict_copy_and_pickle_of_a_message(message: Msg) -> None:
    """Give what they gave; copies can be changed on their own."""
    message._client = None  # type: ignore[assignment]  # which can not be copied
    replaced = dataclasses.replace(message, subject="other")
    assert (replaced.data, replaced.subject) == (b"[1]", "other")
    assert dataclasses.asdict(message)["data"] == b"[1]"
    assert dataclasses.astuple(message)[1:4] == ("same.in", "", b"[1]")
    for duplicate in DUPLICATES:
        other = duplicate(message)
        assert other == message
        other.data = b"[2]"
        assert (other.data, message.data, vars(other)["data"]) == (b"[2]", b"[1]", b"[2]")


async def test_the_data_of_a_message_is_an_attribute(message: Msg) -> None:
    """It can be read, written, found in ``vars`` and deleted, when the default is back."""
    message.data = b"[2]"
    assert (message.data, vars(message)["data"], message.__dict__["data"]) == (b"[2]",) * 3
    assert set(vars(message)) - {"_otel_nats_delivery"} == {
        field.name for field in dataclasses.fields(message)
    }
    vars(message)["data"] = b"[3]"
    assert message.data == b"[3]"
    del message.data
    assert (message.data, "data" in vars(message)) == (b"", False)
    with pytest.raises(AttributeError, match="data"):
        del message.data


async def test_a_message_class_of_the_application(instrumentation: Instrumentation) -> None:
    """Made while messages are followed: a dataclass with fields of its own."""
    instrumentation.start(follow_handoff="message")

    @dataclasses.dataclass
    class Order(Msg):
        side: str = "buy"

    order = Order(None, data=b"[1]", side="sell")  # type: ignore[arg-type]
    assert (order.data, Order(None).data) == (b"[1]", b"")  # type: ignore[arg-type]
    assert dataclasses.replace(order, data=b"[2]").data == b"[2]"
    assert order == Order(None, data=b"[1]", side="sell")  # type: ignore[arg-type]


def test_uninstrumenting_restores_the_originals(instrumentation: Instrumentation) -> None:
    """The very same ones."""
    put_nowait, data = vars(asyncio.Queue)["put_nowait"], vars(Msg)["data"]
    names = [list(vars(owner)) for owner in (asyncio.Queue, Msg)]
    for mode in ("message", "queue", "all"):
        instrumentation.start(follow_handoff=mode)
        changed = (vars(asyncio.Queue)["put_nowait"] is not put_nowait, vars(Msg)["data"] != data)
        assert changed == (mode != "message", mode != "queue")
        NATSInstrumentor().uninstrument()
        assert vars(asyncio.Queue)["put_nowait"] is put_nowait
        assert vars(Msg)["data"] is data
    assert [list(vars(owner)) for owner in (asyncio.Queue, Msg)] == names
