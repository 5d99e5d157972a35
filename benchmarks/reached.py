"""What was aimed at, beside what was measured. Nothing here fails: it is a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .codec import COPY, INJECT, READ, REFRESH, SIZES, STRIP, VALIDATION, Codec
from .instrumentations import OTHER
from .modes import NO_SDK, SAMPLED, SAMPLED_OUT
from .results import Results, Spread
from .startup import Startup
from .tables import Table
from .variants import BARE, EXCLUDED, LIMIT, METRICS, PASSING_ON, PLUGIN, PROPAGATE_ONLY

_WIRE_BYTES = 96
_CPU_AIMS = (
    ("Sampled, of ``limit``", SAMPLED, PLUGIN, LIMIT, 1.00),
    (f"Sampled, of ``{OTHER}``", SAMPLED, PLUGIN, OTHER, 0.80),
    ("Sampled out, of ``limit``", SAMPLED_OUT, PLUGIN, LIMIT, 1.00),
    ("No SDK, of bare nats-py", NO_SDK, PLUGIN, BARE, 1.15),
    ("Excluded subject, of bare nats-py", SAMPLED, EXCLUDED, BARE, 1.10),
    ("Propagate only, nothing to pass on, of bare", SAMPLED, PROPAGATE_ONLY, BARE, 2.00),
    ("Propagate only, passing on, of bare", SAMPLED, PASSING_ON, BARE, 2.00),
    ("Sampled, metrics on, of metrics off", SAMPLED, METRICS, PLUGIN, 1.25),
)
_HEADER = ("", "aim: at most", "measured", "half of the rounds")

Row = Sequence[str]


def table(results: Results | None, codec: Codec | None, startup: Startup | None) -> Table:
    """A row for each aim that there is a measurement of."""
    rows: list[Row] = [_HEADER]
    if results is not None:
        rows += _of_messages(results)
    if codec is not None:
        rows += _of_codec(codec)
    if startup is not None:
        rows += _of_startup(startup)
    return Table("Aims, and what was reached", rows)


def _of_messages(results: Results) -> Iterator[Row]:
    size = results.sizes[0]
    for text, mode, variant, reference, aim in _CPU_AIMS:
        ratio = results.ratio(size, mode, variant, reference)
        if ratio is not None:
            yield _row(text, aim, ratio)
    added = results.added_bytes(size, SAMPLED, PLUGIN)
    yield ("Bytes on the wire, a lone ``traceparent``", str(_WIRE_BYTES), str(added), "")


def _of_codec(codec: Codec) -> Iterator[Row]:
    small, large = SIZES[0], SIZES[-1]
    publishing = codec.ratio((INJECT, large), (VALIDATION, large))
    yield _row("Publishing 1 MiB, of one validation and one copy", 1.3, publishing)
    reading = codec.ratio((READ, large), (READ, small))
    yield _row("Reading the field from 1 MiB, of 200 B", 3.0, reading)
    for name in (REFRESH, STRIP):
        copies = codec.copies_added(name, large)
        yield _row(f"{name.partition(':')[0]} beyond reading, 1 MiB, of {COPY}", 1.0, copies)


def _of_startup(startup: Startup) -> Iterator[Row]:
    for added in startup.added:
        if added.instrumentation == PLUGIN:
            together = added.import_ms + added.instrument_ms
            yield (f"Start-up, {added.service}: CPU ms", "30", f"{together:.1f}", "")
            yield (f"Start-up, {added.service}: MiB of RSS", "3", f"{added.mebibytes:.1f}", "")


def _row(text: str, aim: float, ratio: Spread) -> Row:
    spread = f"{ratio.low:.2f} to {ratio.high:.2f}"
    return (text[0].upper() + text[1:], f"{aim:.2f}", f"{ratio.median:.2f}", spread)
