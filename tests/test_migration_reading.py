"""Code that reads the field by hand, while the instrumentation is there as well."""

from __future__ import annotations

import dataclasses

import pytest
import pytest_asyncio

from conftest import Connect, Instrumentation
from migration_hops import Work, consume, empty_stream, produce
from migration_services import (
    ALIAS,
    AUTOMATIC,
    BY_HAND,
    BY_HAND_ALIAS,
    HEADERS,
    PAYLOAD,
    TWICE,
    Service,
)

_DATA = b'{"id": 7, "side": "buy"}'
_SENT, _PROCESS = "publish reading.order", "process reading.>"
_ALIAS_AND_DEFAULT = Service("by hand under the alias and payload", "payload", by_hand=ALIAS)


@pytest_asyncio.fixture
async def url(connect: Connect, server: str) -> str:
    """A server with an empty stream for the messages."""
    await empty_stream(await connect(), "READING", "reading.>")
    return server


async def _one_message(
    url: str, instrumentation: Instrumentation, producer: Service, consumer: Service
) -> Work:
    await produce(url, producer, instrumentation, {"reading.order": _DATA})
    works = await consume(url, consumer, instrumentation, "reading.>", 1)
    return works["reading.order"]


@pytest.mark.parametrize(
    ("producer", "consumed_field", "worked"),
    [
        (PAYLOAD, "refresh", (_SENT, _PROCESS, "handle")),
        (PAYLOAD, "keep", (_SENT, "handle")),
        (PAYLOAD, "strip", ("handle",)),
        (HEADERS, "refresh", ("handle",)),
        (HEADERS, "keep", ("handle",)),
        (HEADERS, "strip", ("handle",)),
    ],
)
@pytest.mark.parametrize("falls_back", [False, True])
async def test_what_the_code_by_hand_continues_from(
    url: str,
    instrumentation: Instrumentation,
    producer: Service,
    consumed_field: str,
    worked: tuple[str, ...],
    falls_back: bool,
) -> None:
    """The field, below the process span or beside it; where there is none, the current context."""
    consumer = dataclasses.replace(TWICE[0], consumed_field=consumed_field, falls_back=falls_back)
    work = await _one_message(url, instrumentation, producer, consumer)
    assert work.delivered == (_SENT, _PROCESS)
    if falls_back and worked == ("handle",):
        worked = (_SENT, _PROCESS, "handle")
    assert (work.worked, work.data) == (worked, _DATA)


@pytest.mark.parametrize("producer", [BY_HAND, *AUTOMATIC, *TWICE], ids=lambda one: one.name)
async def test_strip_takes_the_place_of_the_code_that_took_the_field_out(
    url: str, instrumentation: Instrumentation, producer: Service
) -> None:
    """Without that code, the application gets its own bytes, whoever has written the field."""
    consumer = dataclasses.replace(PAYLOAD, consumed_field="strip")
    work = await _one_message(url, instrumentation, producer, consumer)
    assert (work.raw, work.worked) == (_DATA, (*producer.sent("reading.order"), _PROCESS))


@pytest.mark.parametrize(
    ("consumer", "worked"),
    [
        (BY_HAND_ALIAS, ("send reading.order", "handle")),
        (PAYLOAD, ("send reading.order", _SENT, _PROCESS)),
        (_ALIAS_AND_DEFAULT, ("send reading.order", "handle")),
    ],
)
async def test_an_alias_by_hand_beside_the_default_field_is_the_same_trace(
    url: str, instrumentation: Instrumentation, consumer: Service, worked: tuple[str, ...]
) -> None:
    """Who reads the alias alone continues from what the code has written."""
    work = await _one_message(url, instrumentation, _ALIAS_AND_DEFAULT, consumer)
    assert (work.worked, work.data) == (worked, _DATA)
