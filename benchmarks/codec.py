"""CPU time of the payload codec alone: ``python -m benchmarks.codec``."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from statistics import median

import msgspec

from opentelemetry_instrumentation_nats_payload._fields import NO_OBJECT, PayloadFields
from opentelemetry_instrumentation_nats_payload._payload import PayloadField
from opentelemetry_instrumentation_nats_payload._payload import spliced as filled

from .clock import interleaved
from .codec_payloads import ADVERSARIAL, ALIAS, DOCUMENT, FIELD, PLAIN, plain, spliced
from .fragments import Part, run_alone
from .results import Spread, spread
from .tables import Table, number, size_name

SIZES = (200, 1024, 16 * 1024, 256 * 1024, 1024 * 1024)
_ROUNDS, _QUICK_ROUNDS = 25, 3
_ADVERSARIAL_SIZES = (1024 * 1024, 4 * 1024 * 1024)

COPY = "one copy"
VALIDATION = "msgspec validates, one copy"
INJECT = "inject: looked for, spliced in"
READ = "read, spliced in by us"
REFRESH = "refresh: read, written again"
STRIP = "strip: read, cut"

_field = PayloadField(FIELD)
_fields = PayloadFields((_field, PayloadField(ALIAS)))
_validate = msgspec.json.Decoder(msgspec.Raw).decode

Operations = dict[str, Callable[[], object]]
Times = Mapping[tuple[str, int], list[float]]


@dataclass(frozen=True)
class Codec:
    """CPU microseconds of a call, one for each round."""

    times: Times
    """By operation and size."""

    adversarial: Times
    """By payload and size: what publishing and reading it takes together."""

    loads: Times
    """The same of ``json.loads`` alone, at the first size."""

    def ratio(self, mine: tuple[str, int], theirs: tuple[str, int]) -> Spread:
        """How many times as long, within a round."""
        pairs = zip(self.times[mine], self.times[theirs], strict=True)
        return spread([one / other for one, other in pairs])

    def copies_added(self, name: str, size: int) -> Spread:
        """What ``name`` takes longer than reading, in times of a copy."""
        columns = (self.times[key, size] for key in (name, READ, COPY))
        return spread([(own - read) / copy for own, read, copy in zip(*columns, strict=True)])


def measure(*, quick: bool = False) -> Codec:
    """Take turns, in this process."""
    rounds = _QUICK_ROUNDS if quick else _ROUNDS
    by_size = {(name, size): call for size in SIZES for name, call in operations(size).items()}
    adversarial = {
        (name, size): _both_ways(make(size))
        for size in _ADVERSARIAL_SIZES
        for name, make in ADVERSARIAL.items()
    }
    size = _ADVERSARIAL_SIZES[0]
    loads = {(name, size): _loads(make(size)) for name, make in ADVERSARIAL.items()}
    return Codec(
        interleaved(by_size, rounds),
        interleaved(adversarial, (rounds + 2) // 3),
        interleaved(loads, (rounds + 4) // 5),
    )


def operations(size: int) -> Operations:
    """What is measured on a payload of so many bytes."""
    payload = plain(size)
    taken = spliced(payload)
    truncated, array = payload[:-1], b"[" + payload + b"]"
    return {
        COPY: lambda: payload + b"}",
        VALIDATION: lambda: (_validate(payload), payload + b"}"),
        "json.loads": _loads(payload),
        INJECT: lambda: _inject(payload),
        "inject: not JSON at its end": lambda: _inject(truncated),
        "inject: an array": lambda: _inject(array),
        "read, no field there": lambda: _read(payload),
        READ: lambda: _read(taken),
        "read, by its shape": lambda: _field.read(taken),
        "find: read, validated": lambda: _field.find(taken),
        REFRESH: lambda: _refresh(taken),
        STRIP: lambda: _strip(taken),
    }


def _loads(payload: bytes) -> Callable[[], object]:
    def run() -> None:
        with suppress(ValueError, RecursionError):
            json.loads(payload)

    return run


def _inject(payload: bytes) -> bytes | None:
    """What a publish does: neither the field nor an alias must be there yet."""
    brace = _fields.place(payload)
    if brace is None or brace == NO_OBJECT:
        return None
    return _field.insert(payload, brace, DOCUMENT)


def _read(payload: bytes) -> object:
    """What a delivery does: the exact way where the short one finds nothing."""
    document = _field.read_spliced(payload, len(DOCUMENT))
    if document is not None:
        return document
    return None if _fields.are_absent(payload) else _field.read(payload)


def _refresh(payload: bytes) -> bytes:
    _read(payload)
    end = len(payload) - 1
    return filled(payload, end - len(DOCUMENT), DOCUMENT, end)


def _strip(payload: bytes) -> bytes:
    member = _field.read(payload)
    return payload if member is None else _field.cut(payload, member)


def _both_ways(payload: bytes) -> Callable[[], object]:
    """Publish it and read it, whatever it is; and find and cut the field, exactly."""

    def run() -> None:
        _inject(payload)
        _read(payload)
        member = _field.find(payload)
        if member is not None:
            _field.cut(payload, member)

    return run


def tables(codec: Codec) -> list[Table]:
    """By size, and of the adversarial payloads."""
    names = list(dict.fromkeys(name for name, _ in codec.times))
    rows = [(name, *(number(median(codec.times[name, size])) for size in SIZES)) for name in names]
    header = ("", *map(size_name, SIZES))
    return [Table("CPU µs of one call, by payload size", [header, *rows]), _adversarial(codec)]


def _adversarial(codec: Codec) -> Table:
    small, large = _ADVERSARIAL_SIZES
    rows: list[Sequence[str]] = [("", "CPU ms", "x plain", "4 MiB, x", "json.loads, ms")]
    for name in ADVERSARIAL:
        own = codec.adversarial[name, small]
        to_plain = _median_ratio(own, codec.adversarial[PLAIN, small])
        growth = _median_ratio(codec.adversarial[name, large], own)
        loads = median(codec.loads[name, small])
        values = (median(own) / 1000, to_plain, growth, loads / 1000)
        rows.append((name, *map(number, values)))
    return Table("Every step once on a payload of 1 MiB", rows)


def _median_ratio(mine: list[float], theirs: list[float]) -> float:
    return median(one / other for one, other in zip(mine, theirs, strict=True))


def part(codec: Codec) -> Part:
    """For the page and for JSON."""
    by_size, adversarial = tables(codec)
    return Part(
        "codec",
        {"performance-codec": [by_size], "performance-adversarial": [adversarial]},
        {
            "microseconds": [
                {"operation": name, "size": size, **asdict(spread(times))}
                for (name, size), times in codec.times.items()
            ],
            "adversarial": [
                {"payload": name, "size": size, **asdict(spread(times))}
                for (name, size), times in codec.adversarial.items()
            ],
        },
    )


if __name__ == "__main__":
    run_alone("codec", __doc__, lambda quick: part(measure(quick=quick)))
