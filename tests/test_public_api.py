"""The public names are those that are documented, and work as an application uses them."""

from __future__ import annotations

import re
from pathlib import Path

from opentelemetry import trace

import opentelemetry_instrumentation_nats_payload as package
import public_api
from conftest import Connect, Instrumentation
from points import Meter

_ROOT = Path(__file__).parents[1]


def test_every_public_name_is_used() -> None:
    """By the type-checked module; a name that nobody can use is none."""
    source = Path(public_api.__file__).read_text()
    assert [name for name in package.__all__ if not re.search(rf"\b{name}\b", source)] == []


def test_the_reference_has_exactly_what_is_public() -> None:
    """Hooks and their details, functions, classes."""
    reference = (_ROOT / "docs" / "api.rst").read_text()
    documented = re.findall(r"^\.\. auto(?:class|function):: (\w+)$", reference, re.MULTILINE)
    assert sorted([*documented, "__version__"]) == sorted(package.__all__)


async def test_an_application_uses_all_of_it(
    connect: Connect, instrumentation: Instrumentation
) -> None:
    """Nothing of it raises, and what it did is in the spans."""
    meter = Meter()
    version = public_api.instrument(instrumentation.provider, meter.provider)
    assert version == package.__version__
    nc = await connect()
    js = nc.jetstream()
    await js.add_stream(name="PUBLIC", subjects=["orders.>"])
    with instrumentation.tracer.start_as_current_span("work"):
        assert await public_api.by_hand(nc, {"a": 1}) == {"a": 1}
        assert trace.get_current_span().is_recording()
    await js.publish("orders.1", b"{}", headers={"X-Desk": "fx"})
    pull = await js.pull_subscribe("orders.>", durable="public")
    messages = await public_api.work(pull)
    assert {message.subject for message in messages} == {"orders.stored", "orders.1"}
    attributes = {k: v.value for s in instrumentation.spans() for k, v in s.attributes.items()}
    assert attributes["app.subscription"] == "orders.>"
    assert attributes["app.subjects"] == ("orders.stored", "orders.1")
    assert attributes["messaging.nats.message.header.x_desk"] == ("fx",)
    assert "app.size" in attributes
