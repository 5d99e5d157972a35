"""nats-py's methods, as they are seen and called: what takes their place is functions like them."""

from __future__ import annotations

import copy
import gc
import inspect
import pickle
import weakref
from collections import UserDict
from collections.abc import Callable
from functools import partial
from types import FunctionType, MappingProxyType
from typing import Any
from unittest import mock

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js.client import JetStreamContext
from nats.js.manager import JetStreamManager
from opentelemetry.trace import Span

from conftest import Connect, Inbox, Instrumentation
from jetstream import make_stream
from opentelemetry_instrumentation_nats_payload import NATSInstrumentor, PublishDetails
from opentelemetry_instrumentation_nats_payload._patching import with_parameters_of

_OWNERS: list[type] = [
    Client,
    Msg,
    Subscription,
    JetStreamContext,
    JetStreamContext.PullSubscription,
    JetStreamManager,
]
_OF_WRAPT = ("connect", "subscribe")


def _functions() -> dict[str, Any]:
    """Coroutine functions of nats-py's classes."""
    return {
        f"{owner.__name__}.{name}": function
        for owner in _OWNERS
        for name, function in vars(owner).items()
        if inspect.iscoroutinefunction(function) and name not in _OF_WRAPT
    }


def _looks(function: Any) -> list[Any]:
    return [
        type(function),
        function.__qualname__,
        function.__module__,
        function.__defaults__,
        function.__kwdefaults__,
        inspect.signature(function, follow_wrapped=False),
        function.__code__.co_varnames[: function.__code__.co_argcount],
        copy.deepcopy(function) is function,
        pickle.loads(pickle.dumps(function)) is function,
    ]


def test_coroutine_functions_look_like_nats_pys(instrumentation: Instrumentation) -> None:
    """Those that are replaced, and so all."""
    bare = _functions()
    expected = {name: _looks(function) for name, function in bare.items()}
    instrumentation.start()
    replaced = [name for name, function in _functions().items() if function is not bare[name]]
    assert len(replaced) >= 12
    assert {name: _looks(function) for name, function in _functions().items()} == expected


async def test_a_weak_reference_to_a_method(connect: Connect, spans: Instrumentation) -> None:
    """As event libraries keep their listeners: it calls what is there now."""
    nc = await connect()
    weak = weakref.WeakMethod(nc.request)
    method: Any = weak()
    assert method == nc.request
    with pytest.raises(TypeError, match="unknown"):
        method(unknown=1)


@pytest.mark.parametrize("owner", _OWNERS)
def test_a_mock_of_a_class(owner: type, instrumentation: Instrumentation) -> None:
    """An application's tests mock nats-py: what is awaited in a mock is what was."""

    def kinds() -> dict[str, str]:
        mocked = mock.create_autospec(owner, instance=True)
        names = [n for n, value in vars(owner).items() if inspect.isfunction(value)]
        return {n: type(getattr(mocked, n)).__name__ for n in names if n in dir(mocked)}

    bare = kinds()
    instrumentation.start()
    assert kinds() == bare


@pytest.mark.parametrize("mapping", [MappingProxyType, UserDict])
@pytest.mark.parametrize("carrier", ["payload", "headers", "both"])
async def test_headers_may_be_any_mapping(
    connect: Connect,
    inbox: Inbox,
    instrumentation: Instrumentation,
    caplog: pytest.LogCaptureFixture,
    mapping: Callable[[dict[str, str]], Any],
    carrier: str,
) -> None:
    """nats-py takes them: the context travels, and the application's own header as well."""
    instrumentation.start(carrier=carrier)
    nc = await connect()
    js = await make_stream(nc, "MAPPINGS")
    await js.purge_stream("MAPPINGS")
    await nc.subscribe("MAPPINGS.1", cb=inbox.callback)
    headers = mapping({"a": "1"})
    await nc.publish("MAPPINGS.1", b"{}", headers=headers)
    await nc.request("MAPPINGS.1", b"{}", headers=headers, timeout=10)
    await js.publish("MAPPINGS.1", b"{}", headers=headers)
    if hasattr(js, "publish_async"):
        await (await js.publish_async("MAPPINGS.1", b"{}", headers=headers))
    for _ in range(4 if hasattr(js, "publish_async") else 3):
        message = await inbox.messages.get()
        assert message.headers is not None
        assert message.headers["a"] == "1"
        assert ("traceparent" in message.headers) is (carrier != "payload")
        assert (b"traceparent" in message.data) is (carrier != "headers")
    assert dict(headers) == {"a": "1"}
    assert caplog.records == []


@pytest.mark.parametrize(
    ("payload", "headers"),
    [(b"{}", "text"), (b"{}", {"A": 7}), (b"{}", {7: "a"}), ("text", None), (10**12, None)],
)
async def test_what_nats_py_refuses_is_not_described(
    connect: Connect,
    instrumentation: Instrumentation,
    caplog: pytest.LogCaptureFixture,
    payload: Any,
    headers: Any,
) -> None:
    """No hook is called, nothing captured, and nothing logged; the error is nats-py's."""
    details: list[Any] = []

    def hook(span: Span, given: PublishDetails) -> None:
        details.append(given)

    instrumentation.start(
        publish_hook=hook,
        captured_headers="a",
        captured_body_bytes=100,
    )
    nc = await connect()
    with pytest.raises((AttributeError, TypeError)):
        await nc.publish("refused", payload, headers=headers)
    assert (details, caplog.text) == ([], "")
    assert [span.status for span in instrumentation.spans()] == ["ERROR"]


async def _keyword_only(self: object, a: int, b: int = 2, *, c: int = 3, d: int) -> Any:
    """Of another form than any of nats-py's."""
    return a, b, c, d


async def _anything(self: object, *args: Any, **kwargs: Any) -> Any:
    return await _keyword_only(self, *args, **kwargs)


_ARGUMENTS: dict[str, tuple[tuple[int, ...], dict[str, int]]] = {
    "nothing": ((), {}),
    "too few": ((1,), {}),
    "too many": ((1, 2, 3), {"d": 4}),
    "unknown": ((1,), {"d": 4, "e": 5}),
    "twice": ((1,), {"a": 1, "d": 4}),
    "defaults": ((1,), {"d": 4}),
    "by name": ((), {"d": 4, "a": 1}),
    "all": ((1, 5), {"c": 6, "d": 4}),
}


async def _outcome(function: Any, args: tuple[int, ...], kwargs: dict[str, int]) -> Any:
    """What comes of a call: what is returned, or what is said before anything is awaited."""
    try:
        coroutine = function(None, *args, **kwargs)
    except TypeError as error:
        return str(error)
    return await coroutine


@pytest.mark.parametrize("arguments", _ARGUMENTS)
async def test_parameters_of_every_kind(arguments: str) -> None:
    """Defaults, by name, and by name alone: the same is returned, or raised at the call."""
    function = with_parameters_of(_keyword_only, _anything)
    args, kwargs = _ARGUMENTS[arguments]
    expected = await _outcome(_keyword_only, args, kwargs)
    assert isinstance(expected, str) == (arguments not in ("defaults", "by name", "all"))
    assert await _outcome(function, args, kwargs) == expected


def test_what_has_no_parameters_of_its_own_stays() -> None:
    """Such as another package's wrapper, and what is no coroutine function."""

    async def positional(self: object, a: int, /) -> None:
        """One that cannot be named."""

    originals: list[Any] = [_anything, positional, _functions, partial(_anything)]
    for original in originals:
        assert with_parameters_of(original, _anything) is _anything
    assert with_parameters_of(_keyword_only, _keyword_only) is _keyword_only


def test_what_was_replaced_is_gone_afterwards(instrumentation: Instrumentation) -> None:
    """Functions are written anew each time; an earlier one is in no cycle."""
    instrumentation.start()
    assert type(Client.request) is FunctionType
    last = weakref.ref(Client.request)
    gc.disable()
    try:
        NATSInstrumentor().uninstrument()
        assert last() is None
    finally:
        gc.enable()


async def test_parameters_of_another_package_stay_its_own(
    connect: Connect, instrumentation: Instrumentation
) -> None:
    """They have other names, and are given as they come."""
    original = Client.publish

    async def publish(self: Client, to: str, data: bytes = b"") -> None:
        await original(self, to, data)

    nc: Any = await connect()
    with mock.patch.object(Client, "publish", publish):
        instrumentation.start()
        await nc.publish("named.otherwise", b"{}")
        await nc.publish(to="named.by.name")
        NATSInstrumentor().uninstrument()
    assert instrumentation.names() == ["publish named.otherwise"]
