"""What was measured: times of each variant, and how they compare within a round."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import median, quantiles

from .instrumentations import OTHER
from .variants import BARE, BARE_JSON, LIMIT


@dataclass(frozen=True)
class Sample:
    """What one process measured of a variant."""

    size: int
    mode: str
    variant: str
    has_json: bool
    wire_size: int
    """Bytes of one message as the server delivers it."""

    times: tuple[float, ...]
    """CPU microseconds per message, one for each round."""


@dataclass(frozen=True)
class Spread:
    """A median, and the half of all values that is around it."""

    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Result:
    """A variant at one payload size: medians over all rounds."""

    size: int
    mode: str
    variant: str
    microseconds: float
    added_microseconds: float
    """Over ``bare + json`` for variants that encode and decode, else over ``bare``."""

    added_bytes: int
    """Of a message as the server delivers it, over the same."""

    ratio_to_bare: float
    """To the same."""

    ratio_to_limit: float | None
    """None for variants that encode and decode, and without an SDK."""

    ratio_to_other: float | None
    """None for variants that encode and decode, and where the other package is missing."""


class Results:
    """All samples; those of a variant at one size and in one mode are put together."""

    def __init__(self, samples: Iterable[Sample]) -> None:
        self._times: dict[tuple[int, str, str], list[float]] = {}
        self._samples: dict[tuple[int, str, str], Sample] = {}
        for sample in samples:
            key = (sample.size, sample.mode, sample.variant)
            self._samples[key] = sample
            self._times.setdefault(key, []).extend(sample.times)

    @property
    def sizes(self) -> list[int]:
        """Of payloads, the smallest first."""
        return sorted({size for size, _, _ in self._times})

    def has(self, size: int, mode: str, variant: str) -> bool:
        """Whether that was measured."""
        return (size, mode, variant) in self._times

    def ratio(self, size: int, mode: str, variant: str, reference: str) -> Spread | None:
        """How many times what ``reference`` costs in the same round; None without one of both.

        A change of the machine's speed between rounds does not disturb it.
        """
        mine = self._times.get((size, mode, variant))
        theirs = self._times.get((size, mode, reference))
        if mine is None or theirs is None:
            return None
        return spread([one / other for one, other in zip(mine, theirs, strict=True)])

    def added_bytes(self, size: int, mode: str, variant: str, reference: str = BARE) -> int:
        """What a message of ``variant`` is larger on the wire."""
        mine, theirs = self._samples[size, mode, variant], self._samples[size, mode, reference]
        return mine.wire_size - theirs.wire_size

    def __iter__(self) -> Iterator[Result]:
        return map(self._result, self._samples.values())

    def as_json(self) -> list[dict[str, object]]:
        """The results as values."""
        return [asdict(result) for result in self]

    def _result(self, sample: Sample) -> Result:
        size, mode, variant = sample.size, sample.mode, sample.variant
        own = self._times[size, mode, variant]
        reference = BARE_JSON if sample.has_json else BARE
        to_bare = self.ratio(size, mode, variant, reference)
        to_limit = None if sample.has_json else self.ratio(size, mode, variant, LIMIT)
        to_other = None if sample.has_json else self.ratio(size, mode, variant, OTHER)
        return Result(
            size=size,
            mode=mode,
            variant=variant,
            microseconds=median(own),
            added_microseconds=_added(own, self._times[size, mode, reference]),
            added_bytes=self.added_bytes(size, mode, variant, reference),
            ratio_to_bare=to_bare.median if to_bare else 1.0,
            ratio_to_limit=to_limit and to_limit.median,
            ratio_to_other=to_other and to_other.median,
        )


def spread(values: Sequence[float]) -> Spread:
    """Median and quartiles."""
    if len(values) < 2:
        return Spread(values[0], values[0], values[0])
    low, middle, high = quantiles(values, n=4, method="inclusive")
    return Spread(middle, low, high)


def _added(times: Sequence[float], reference: Sequence[float]) -> float:
    return median(mine - other for mine, other in zip(times, reference, strict=True))
