"""Services that are written with FastStream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import pytest
import pytest_asyncio
from faststream.nats import JStream, NatsBroker, PullSub
from faststream.nats.opentelemetry import NatsTelemetryMiddleware
from pydantic import BaseModel, ConfigDict, PositiveInt

from conftest import Connect, Instrumentation

from .families import recorded_families

_USER: dict[str, Any] = {"user": "John", "user_id": 1}
MakeBroker = Callable[..., NatsBroker]


class User(BaseModel):
    """The message of FastStream's README."""

    user: str
    user_id: PositiveInt


class Closed(User):
    """The same, and nothing else."""

    model_config = ConfigDict(extra="forbid")


@pytest_asyncio.fixture
async def broker(server: str) -> AsyncIterator[NatsBroker]:
    """A broker without middleware; the test starts it."""
    broker = NatsBroker(server)
    yield broker
    await broker.stop()


@pytest.fixture
def handled() -> asyncio.Queue[Any]:
    """What handlers have got."""
    return asyncio.Queue()


async def test_the_example_of_its_readme(
    broker: NatsBroker, handled: asyncio.Queue[Any], spans: Instrumentation
) -> None:
    """A handler with two parameters that publishes what it returns."""

    @broker.subscriber("in")
    @broker.publisher("out")
    async def handle_msg(user: str, user_id: int) -> str:
        return f"User: {user_id} - {user} registered"

    @broker.subscriber("out")
    async def end(text: str) -> None:
        await handled.put(text)

    await broker.start()
    await broker.publish(_USER, "in")
    assert await handled.get() == "User: 1 - John registered"
    await broker.stop()
    # What is no JSON object carries nothing in the payload.
    assert recorded_families(spans.finished_spans()) == [
        ["*publish in", "*process in < *publish in", "*publish out < *process in"],
        ["*process out"],
    ]


async def test_models_go_on_in_the_trace(
    broker: NatsBroker, handled: asyncio.Queue[Any], spans: Instrumentation
) -> None:
    """What a handler returns as a model, or publishes itself, is in the trace of its message."""

    @broker.subscriber("users.new")
    @broker.publisher("users.stored")
    async def store(user: User) -> User:
        await broker.publish({"text": user.user}, "users.log")
        return user

    @broker.subscriber("users.stored")
    async def end(user: User) -> None:
        await handled.put(user)

    await broker.start()
    await broker.publish(_USER, "users.new")
    assert await handled.get() == User(**_USER)
    await broker.stop()
    assert recorded_families(spans.finished_spans()) == [
        [
            "*publish users.new",
            "*process users.new < *publish users.new",
            "*publish users.log < *process users.new",
            "*publish users.stored < *process users.new",
            "*process users.stored < *publish users.stored",
        ]
    ]


async def test_a_closed_schema_wants_strip(
    broker: NatsBroker, handled: asyncio.Queue[Any], instrumentation: Instrumentation
) -> None:
    """``extra="forbid"`` is met by consumed_field=strip, as elsewhere."""
    instrumentation.start(consumed_field="strip")

    @broker.subscriber("users.closed")
    async def end(user: Closed) -> None:
        await handled.put(user)

    await broker.start()
    await broker.publish(_USER, "users.closed")
    assert await handled.get() == Closed(**_USER)


async def test_request_and_reply(broker: NatsBroker, spans: Instrumentation) -> None:
    """The answer is the handler's, and no inbox gives a span its name."""

    @broker.subscriber("users.hello")
    async def hello(user: User) -> dict[str, str]:
        return {"hello": user.user}

    await broker.start()
    reply = await broker.request(_USER, "users.hello", timeout=10)
    assert await reply.decode() == {"hello": "John"}
    await broker.stop()
    assert recorded_families(spans.finished_spans()) == [
        [
            "*request users.hello",
            "*process users.hello < *request users.hello",
            "*respond < *process users.hello",
        ]
    ]


async def _through_stream(
    connect: Connect, broker: NatsBroker, subject: str, count: int, **options: Any
) -> list[Any]:
    """What a handler gets that publishes on; ``count`` messages were there before it."""
    stream = JStream(subject.replace(".", "_"), subjects=[subject], declare=False)
    handled: asyncio.Queue[Any] = asyncio.Queue()

    @cast("Any", broker).subscriber(subject, stream=stream, **options)
    async def handle(body: Any) -> None:
        await broker.publish({"stored": 1}, "users.stored")
        await handled.put(body)

    js = (await connect()).jetstream()
    await js.add_stream(name=stream.name, subjects=[subject])
    for _ in range(count):
        await js.publish(subject, b'{"user":"John","user_id":1}')
    await broker.start()
    is_batch = "pull_sub" in options and options["pull_sub"].batch
    bodies = [await handled.get() for _ in range(1 if is_batch else count)]
    await broker.stop()
    await js.delete_stream(stream.name)
    return bodies


async def test_a_push_consumer(
    connect: Connect, broker: NatsBroker, spans: Instrumentation
) -> None:
    """JetStream's deliveries by callback."""
    [body] = await _through_stream(connect, broker, "stream.push", 1)
    assert User(**body) == User(**_USER)
    assert recorded_families(spans.finished_spans()) == [
        [
            "*publish stream.push",
            "*process stream.push < *publish stream.push",
            "*publish users.stored < *process stream.push",
        ]
    ]


async def test_a_pull_consumer_of_one(
    connect: Connect, broker: NatsBroker, spans: Instrumentation
) -> None:
    """What its handler publishes follows the fetch."""
    pull = PullSub(batch_size=1, timeout=1.0)
    await _through_stream(connect, broker, "stream.pull", 1, pull_sub=pull, durable="pull")
    assert recorded_families(spans.finished_spans()) == [
        [
            "*publish stream.pull",
            "*fetch stream.pull < *publish stream.pull",
            "*publish users.stored < *fetch stream.pull",
        ]
    ]


async def test_a_pull_consumer_of_several(
    connect: Connect, broker: NatsBroker, spans: Instrumentation
) -> None:
    """Each message is handled in a task of its own, which goes on in the trace of its message."""
    pull = PullSub(batch_size=3, timeout=1.0)
    await _through_stream(connect, broker, "stream.pulls", 3, pull_sub=pull, durable="pulls")
    one = ["*publish stream.pulls", "*publish users.stored < *publish stream.pulls"]
    assert recorded_families(spans.finished_spans()) == [one, one, one, ["*fetch stream.pulls"]]


async def test_a_batch(connect: Connect, broker: NatsBroker, spans: Instrumentation) -> None:
    """A handler of several messages gets them all; what it publishes is in no trace of one."""
    pull = PullSub(batch_size=2, batch=True, timeout=5.0)
    [bodies] = await _through_stream(
        connect, broker, "stream.batch", 2, pull_sub=pull, durable="batch"
    )
    assert [User(**body) for body in bodies] == [User(**_USER)] * 2
    assert sorted(recorded_families(spans.finished_spans())) == [
        ["*fetch stream.batch"],
        ["*publish stream.batch"],
        ["*publish stream.batch"],
        ["*publish users.stored"],
    ]


@pytest.mark.parametrize("carrier", ["payload", "headers", "both", "auto"])
async def test_its_own_middleware_as_well(
    server: str, handled: asyncio.Queue[Any], instrumentation: Instrumentation, carrier: str
) -> None:
    """One trace, with spans of both: one of the two should be disabled."""
    instrumentation.start(carrier=carrier)
    middleware = NatsTelemetryMiddleware(tracer_provider=instrumentation.provider)
    broker = NatsBroker(server, middlewares=[middleware])

    @broker.subscriber("in")
    @broker.publisher("out")
    async def handle(user: User) -> User:
        return user

    @broker.subscriber("out")
    async def end(user: User) -> None:
        await handled.put(user)

    await broker.start()
    await broker.publish(_USER, "in")
    assert await handled.get() == User(**_USER)
    await broker.stop()
    [trace] = recorded_families(instrumentation.finished_spans())
    names = sorted(line.partition(" < ")[0] for line in trace)
    ours = ["*process in", "*process out", "*publish in", "*publish out"]
    assert names == [*ours, "in create", "in process", "in publish", "out process", "out publish"]
