"""Every pair of services, by the way that each is traced: does the trace continue?"""

from __future__ import annotations

from itertools import product

import pytest_asyncio

from conftest import Instrumentation, StartServer
from migration_matrix import DOCUMENT, PAYLOADS, Matrix, document, run, subject
from migration_services import (
    ALIAS,
    AUTOMATIC,
    BY_HAND,
    FIELD,
    HEADERS,
    SERVICES,
    TWICE,
    Service,
)


@pytest_asyncio.fixture
async def matrix(start_server: StartServer, instrumentation: Instrumentation) -> Matrix:
    """A run of all pairs, on a server of its own."""
    return await run(start_server(), instrumentation)


def _in_payload(producer: Service, payload: str) -> list[int]:
    """How often the field, and the alias, are to be in a stored payload."""
    is_object = payload == "object"
    written = [producer.by_hand, FIELD if producer.carrier in ("payload", "both", "auto") else None]
    return [int(is_object and name in written) for name in (FIELD, ALIAS)]


def _in_headers(producer: Service, payload: str) -> bool:
    is_object = payload == "object"
    return producer.carrier in ("headers", "both") or (producer.carrier == "auto" and not is_object)


async def test_the_matrix(matrix: Matrix) -> None:
    """Fields and headers of what is stored, what each consumer reads, and the table of all that.

    If the last line fails: python tests/migration_matrix.py.
    """
    for (name, data), producer in product(PAYLOADS.items(), SERVICES):
        stored = matrix.stored[subject(name, producer)]
        found = [stored.data.count(f'"{field}"'.encode()) for field in (FIELD, ALIAS)]
        assert found == _in_payload(producer, name), stored
        assert ("traceparent" in stored.headers) == _in_headers(producer, name), stored
        for consumer in SERVICES:
            work = matrix.consumed[consumer.name][subject(name, producer)]
            assert work.data == data, (producer, consumer)
    _assert_rules(matrix)
    assert DOCUMENT.read_text(encoding="utf-8") == document(matrix)


def _assert_rules(matrix: Matrix) -> None:
    """What the documentation says in words."""
    for producer, consumer in product([BY_HAND, *AUTOMATIC, *TWICE], AUTOMATIC):
        assert matrix.result("object", producer, consumer) == "continues"
    for consumer in SERVICES:
        assert matrix.result("object", SERVICES[0], consumer) in ("starts anew", "no span")
    for producer in [*AUTOMATIC, *TWICE]:
        breaks = matrix.result("object", producer, BY_HAND) != "continues"
        assert breaks == (producer is HEADERS), producer
        writes_headers = producer.carrier != "payload"
        for payload, consumer in product(("array", "bytes"), AUTOMATIC):
            continues = matrix.result(payload, producer, consumer) == "continues"
            assert continues == writes_headers, (producer, consumer)
