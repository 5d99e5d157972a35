"""Three services in a row, A to B to C, in every mix of the ways that each of them is traced."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import nats

from conftest import Instrumentation
from migration_hops import Work, consume, empty_stream, produce
from migration_services import Service

Mix = tuple[Service, Service, Service]
DATA = b'{"id": 7, "side": "buy"}'


async def run(
    url: str, instrumentation: Instrumentation, services: Sequence[Service]
) -> dict[Mix, Work]:
    """What C made of one message that A sent, in every mix.

    In ``a.<A>.<B>.<C>`` A stores messages for B, which passes them on to C in ``b.<A>.<B>.<C>``.
    A service can be switched between any two of its messages. So what is on its way in any order
    of switching was sent in one mix and read in another, and is one of these.
    """
    client = await nats.connect(url)
    await empty_stream(client, "PIPELINE", "a.>", "b.>")
    await client.close()
    mixes = list(product(services, services, services))
    for a in services:
        messages = {_subject("a", mix): DATA for mix in mixes if mix[0] is a}
        await produce(url, a, instrumentation, messages)
    count = len(services) ** 2
    for b in services:
        pattern = f"a.*.{b.token}.*"
        await consume(url, b, instrumentation, pattern, count, lambda name: "b" + name[1:])
    works: dict[str, Work] = {}
    for c in services:
        works |= await consume(url, c, instrumentation, f"b.*.*.{c.token}", count)
    return {mix: works[_subject("b", mix)] for mix in mixes}


def _subject(hop: str, mix: Mix) -> str:
    return ".".join([hop, *(service.token for service in mix)])


def is_whole(mix: Mix, work: Work) -> bool:
    """Whether the work of C descends from what A sent, with every span on the way."""
    a, b, c = mix
    expected = (
        a.sent(_subject("a", mix))
        + b.worked(f"process a.*.{b.token}.*")
        + b.sent(_subject("b", mix))
        + c.worked(f"process b.*.*.{c.token}")
    )
    return work.worked == expected


def broken(works: dict[Mix, Work]) -> set[tuple[str, ...]]:
    """The mixes whose trace is not whole, by the names of the services."""
    return {
        tuple(service.name for service in mix)
        for mix, work in works.items()
        if not is_whole(mix, work)
    }
