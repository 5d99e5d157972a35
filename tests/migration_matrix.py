"""Every service as a producer, and every service as a consumer of what they all have stored.

``python tests/migration_matrix.py`` writes the tables in docs/generated/migration.rst.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import nats

from conftest import Instrumentation
from migration_hops import Work, consume, produce, result
from migration_services import (
    AUTOMATIC,
    BARE,
    BY_HAND,
    BY_HAND_ALIAS,
    SERVICES,
    TWICE,
    Service,
)
from nats_server import nats_server

PAYLOADS = {
    "object": b'{"id": 7, "price": 50000.5, "sides": ["buy", {"limit": null}]}',
    "array": b'[{"id": 7}]',
    "bytes": b"\x08\x96\x01\x12\x07testing",
}
DOCUMENT = Path(__file__).parents[1] / "docs" / "generated" / "migration.rst"
COLUMNS = {
    "not instrumented": [BARE],
    "by hand": [BY_HAND],
    "by hand under the alias": [BY_HAND_ALIAS],
    "``payload``, ``headers``, ``both`` or ``auto``": AUTOMATIC,
    "by hand and one of these": TWICE,
}
"""Consumers that are to do the same with every producer."""

_PROCESS = "process matrix.>"


class Stored(NamedTuple):
    """A message as the stream has it, read without any instrumentation."""

    data: bytes
    headers: Mapping[str, str]


class Matrix(NamedTuple):
    """A run of all pairs."""

    stored: Mapping[str, Stored]
    """By the subjects."""

    consumed: Mapping[str, Mapping[str, Work]]
    """By the names of the consumers, and the subjects."""

    def result(self, payload: str, producer: Service, consumer: Service) -> str:
        """What the pair does to the trace."""
        to = subject(payload, producer)
        return result(producer, consumer, to, _PROCESS, self.consumed[consumer.name][to])


def subject(payload: str, producer: Service) -> str:
    """Where a producer publishes a payload."""
    return f"matrix.{payload}.{producer.token}"


async def run(url: str, instrumentation: Instrumentation) -> Matrix:
    """Each producer stores its messages, and then each consumer reads them all."""
    client = await nats.connect(url)
    js = client.jetstream()
    await js.add_stream(name="MATRIX", subjects=["matrix.>"])
    for producer in SERVICES:
        messages = {subject(name, producer): data for name, data in PAYLOADS.items()}
        await produce(url, producer, instrumentation, messages)
    stored: dict[str, Stored] = {}
    for sequence in range(1, len(SERVICES) * len(PAYLOADS) + 1):
        message = await js.get_msg("MATRIX", sequence)
        stored[message.subject or ""] = Stored(message.data or b"", message.headers or {})
    consumed = {
        consumer.name: await consume(url, consumer, instrumentation, "matrix.>", len(stored))
        for consumer in SERVICES
    }
    await client.close()
    return Matrix(stored, consumed)


def document(matrix: Matrix) -> str:
    """The tables of the documentation."""
    objects, arrays, others = (_rows(matrix, payload) for payload in PAYLOADS)
    assert arrays == others
    return (
        ".. Written by python tests/migration_matrix.py, which runs every pair.\n\n"
        + _table("A payload that is one JSON object", objects)
        + "\n"
        + _table("Any other payload: an array, text, protobuf", others)
    )


def _rows(matrix: Matrix, payload: str) -> list[list[str]]:
    rows = [["From ↓ to →", *COLUMNS]]
    for producer in SERVICES:
        cells: list[str] = []
        for consumers in COLUMNS.values():
            results = {matrix.result(payload, producer, consumer) for consumer in consumers}
            assert len(results) == 1, f"{payload} of {producer.name}: COLUMNS takes together"
            cells += results
        rows.append([_marked(producer), *cells])
    return rows


def _marked(service: Service) -> str:
    """The name, with the value of the setting as such."""
    return service.name.replace(service.carrier or "\0", f"``{service.carrier}``")


def _table(title: str, rows: list[list[str]]) -> str:
    options = "   :header-rows: 1\n   :stub-columns: 1\n   :widths: 20 15 14 15 20 16\n"
    start = f".. list-table:: {title}\n{options}\n"
    return start + "".join(
        f"   {' ' if number else '*'} - {cell}\n" for row in rows for number, cell in enumerate(row)
    )


def main() -> None:
    """Run all pairs on a server of its own, and write the tables."""
    with tempfile.TemporaryDirectory() as directory, nats_server(Path(directory)) as url:
        DOCUMENT.write_text(document(asyncio.run(run(url, Instrumentation()))), encoding="utf-8")


if __name__ == "__main__":
    main()
