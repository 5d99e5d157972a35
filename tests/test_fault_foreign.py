"""Another wrapper below ours, which returns what nats-py would not."""

from __future__ import annotations

from collections.abc import Iterator
from functools import wraps
from typing import Any

import pytest
from nats.js.client import JetStreamContext

from conftest import Connect, Instrumentation
from every_operation import HAS_PUBLISH_ASYNC
from side_by_side import OpenSpans

_SIZE = 200
_LARGEST = b'{"a":"%b"}' % (b"x" * (_SIZE - 8))


class _Boxed:
    """A future that nothing can be added to."""

    def __init__(self, future: Any) -> None:
        self.future = future


@pytest.fixture
def boxing() -> Iterator[None]:
    """With such a wrapper."""
    original: Any = JetStreamContext.publish_async  # type: ignore[attr-defined]

    @wraps(original)
    async def publish_async(self: Any, *args: Any, **kwargs: Any) -> Any:
        return _Boxed(await original(self, *args, **kwargs))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JetStreamContext, "publish_async", publish_async)
        yield


@pytest.mark.skipif(not HAS_PUBLISH_ASYNC, reason="this nats-py has no publish_async")
@pytest.mark.usefixtures("boxing")
async def test_a_publish_async_that_returns_no_future_leaves_nothing(
    connect: Connect, instrumentation: Instrumentation
) -> None:
    """Its span ends at once; what is refused for the field is still sent again."""
    spans = OpenSpans()
    instrumentation.provider.add_span_processor(spans)
    instrumentation.start()
    js: Any = (await connect()).jetstream()
    await js.add_stream(name="BOXED", subjects=["boxed"], max_msg_size=_SIZE)
    for number, payload in enumerate((b"{}", _LARGEST)):
        boxed = await js.publish_async("boxed", payload)
        assert spans.left() == {}
        assert (await boxed.future).seq == number + 1
    assert js.__dict__["_otel_nats_pending"] == {}
    await js.delete_stream("BOXED")
