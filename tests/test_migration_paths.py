"""From one way of tracing to another, one service at a time, in any order, and back."""

from __future__ import annotations

from itertools import pairwise

import pytest

from conftest import Instrumentation
from migration_pipeline import DATA, broken, run
from migration_services import (
    ALIAS_PAYLOAD,
    ALIAS_TWICE,
    AUTO,
    BARE,
    BOTH,
    BY_HAND,
    BY_HAND_ALIAS,
    HEADERS,
    PAYLOAD,
    TWICE,
    Service,
)

_PAYLOAD_TWICE, _HEADERS_TWICE, _BOTH_TWICE, _AUTO_TWICE = TWICE


@pytest.mark.parametrize(
    "path",
    [
        pytest.param([BY_HAND, _PAYLOAD_TWICE, PAYLOAD], id="by hand to automatic"),
        pytest.param([BY_HAND, PAYLOAD, BOTH], id="by hand to both"),
        pytest.param([BY_HAND, _HEADERS_TWICE, _BOTH_TWICE, _AUTO_TWICE], id="with any carrier"),
        pytest.param([PAYLOAD, BOTH, HEADERS], id="payload to both to headers"),
        pytest.param([PAYLOAD, AUTO, HEADERS], id="payload to auto to headers"),
        pytest.param([BY_HAND_ALIAS, ALIAS_TWICE, ALIAS_PAYLOAD], id="under the alias"),
        pytest.param([ALIAS_PAYLOAD, PAYLOAD, HEADERS], id="from the alias"),
    ],
)
async def test_every_mix_on_these_paths_is_one_trace(
    server: str, instrumentation: Instrumentation, path: list[Service]
) -> None:
    """In whatever order the services are switched, there or back, and with what is on its way."""
    works = await run(server, instrumentation, path)
    assert broken(works) == set()
    assert {work.data for work in works.values()} == {DATA}


@pytest.mark.parametrize(
    ("path", "too_early"),
    [
        pytest.param(
            [BY_HAND, _PAYLOAD_TWICE, PAYLOAD, HEADERS],
            {(HEADERS, BY_HAND), (HEADERS, _PAYLOAD_TWICE)},
            id="headers",
        ),
        pytest.param(
            [BY_HAND_ALIAS, ALIAS_TWICE, PAYLOAD],
            {(PAYLOAD, BY_HAND_ALIAS), (PAYLOAD, ALIAS_TWICE)},
            id="the default name",
        ),
        pytest.param([PAYLOAD, BARE], {(PAYLOAD, BARE)}, id="not instrumented"),
    ],
)
async def test_a_trace_breaks_where_the_reader_does_not_know_what_is_written(
    server: str,
    instrumentation: Instrumentation,
    path: list[Service],
    too_early: set[tuple[Service, Service]],
) -> None:
    """There and nowhere else, and the messages arrive as they were."""
    works = await run(server, instrumentation, path)
    assert broken(works) == {
        tuple(service.name for service in mix)
        for mix in works
        if any(pair in too_early for pair in pairwise(mix))
    }
    assert {work.data for work in works.values()} == {DATA}
