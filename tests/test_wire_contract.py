"""The wire contract as documented: its schema and its example."""

from __future__ import annotations

import json
import re
import textwrap
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from opentelemetry import baggage
from opentelemetry import context as context_api
from referencing import Registry, Resource

from codec import CARRIER, fill
from conftest import Connect, Inbox, Instrumentation
from opentelemetry_instrumentation_nats_payload._payload import PayloadField
from oracle import FIELD
from spans import traceparent
from wire_cases import BAD, BEYOND_THE_SCHEMA, GOOD, ORDER, message_with
from wire_node import WIRE

_PAGE = (Path(__file__).parents[1] / "docs" / "wire-contract.rst").read_text()


def _validator(name: str) -> Draft202012Validator:
    schema: Any = json.loads((WIRE / name).read_text())
    Draft202012Validator.check_schema(schema)
    carrier: Any = Resource.from_contents(json.loads((WIRE / "carrier.schema.json").read_text()))
    uri = "https://schemas.example.com/carrier.schema.json"  # beside the $id of the order
    registry: Registry[Any] = Registry()
    return Draft202012Validator(schema, registry=registry.with_resource(uri, carrier))


def _verdicts(document: str) -> tuple[bool, bool]:
    """Whether our reader, and the schema, take ``document`` for a carrier."""
    message = message_with(document)
    member = PayloadField(FIELD).find(message)
    assert member is not None
    is_valid = _validator("carrier.schema.json").is_valid(json.loads(message))
    return member.carrier is not None, is_valid


@pytest.mark.parametrize("name", GOOD)
def test_the_schema_accepts_what_the_reader_accepts(name: str) -> None:
    """Also entries of propagators that nobody here knows."""
    assert _verdicts(GOOD[name]) == (True, True)


@pytest.mark.parametrize("name", BAD)
def test_the_schema_rejects_what_the_reader_ignores(name: str) -> None:
    """Anything but an object of at most 16 strings."""
    assert _verdicts(BAD[name]) == (False, False)


@pytest.mark.parametrize("name", BEYOND_THE_SCHEMA)
def test_what_the_schema_cannot_say(name: str) -> None:
    """The reader is stricter than the schema in these three, as the page says."""
    assert _verdicts(BEYOND_THE_SCHEMA[name]) == (False, True)


@pytest.mark.parametrize("payload", [b"{}", b"[]", b"1", b'{"a":{"%b":{}}}' % FIELD.encode()])
def test_the_schema_wants_the_field(payload: bytes) -> None:
    """At the top level of an object."""
    assert not _validator("carrier.schema.json").is_valid(json.loads(payload))


def test_a_closed_schema_takes_the_carrier_by_reference() -> None:
    """A consumer's schema with additionalProperties false still refuses everything else."""
    order = _validator("order.schema.json")
    assert order.is_valid(json.loads(ORDER))
    assert [order.is_valid(json.loads(message_with(text))) for text in GOOD.values()] == [True] * 8
    assert not any(order.is_valid(json.loads(message_with(text))) for text in BAD.values())
    assert not order.is_valid(json.loads(message_with(GOOD["empty"])) | {"price": 1})


def test_the_example_of_the_page_is_what_is_written() -> None:
    """The message before and after, and how many bytes that costs."""
    before, after = re.findall(r'^ +(\{"symbol".*\})$', _PAGE, re.MULTILINE)
    field = PayloadField(FIELD)
    assert fill(field, before.encode()) == after.encode()
    cost, cost_in_empty = len(after) - len(before), len(fill(field, b"{}")) - len(b"{}")
    assert f"{cost} bytes for a lone ``traceparent``, {cost_in_empty} in ``{{}}``" in _PAGE
    assert json.loads(after)[FIELD] == CARRIER


@pytest.mark.parametrize("path", sorted(WIRE.iterdir()), ids=lambda path: path.name)
def test_the_page_shows_the_files(path: Path) -> None:
    """In full, also where the page is not built; a tab is four spaces in it."""
    code = path.read_text().expandtabs(4)
    assert f"\n\n{textwrap.indent(code, '    ')}\n" in _PAGE


@pytest.mark.parametrize("carrier", ["payload", "both", "auto"])
@pytest.mark.parametrize(
    ("size", "names"),
    [(0, {"traceparent"}), (4000, {"traceparent", "baggage"}), (8150, {"traceparent"})],
    ids=["without baggage", "with baggage", "with too much"],
)
async def test_the_schema_accepts_what_is_published(
    connect: Connect,
    inbox: Inbox,
    instrumentation: Instrumentation,
    carrier: str,
    size: int,
    names: set[str],
) -> None:
    """With baggage and without, and refreshed for the callback."""
    instrumentation.start(carrier=carrier)
    nc = await connect()
    await nc.subscribe("wire.schema", cb=inbox.callback)
    context = context_api.get_current()
    for name in ("a", "b"):
        context = baggage.set_baggage(name, "x" * (size // 2), context) if size else context
    token = context_api.attach(context)
    await nc.publish("wire.schema", ORDER)
    context_api.detach(token)
    message = json.loads(await inbox.data())
    assert message[FIELD]["traceparent"] == traceparent(1, 2)
    assert message[FIELD].keys() == names
    for schema in ("carrier.schema.json", "order.schema.json"):
        _validator(schema).validate(message)
