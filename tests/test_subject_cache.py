"""What is known of a subject: how much of it is kept, and for whom."""

from __future__ import annotations

from opentelemetry_instrumentation_nats_payload._series import Outcome, Series
from opentelemetry_instrumentation_nats_payload._subject_cache import (
    CachedSubject,
    SubjectCache,
    cache_of,
)
from opentelemetry_instrumentation_nats_payload._subjects import Handling

_CACHED = CachedSubject(
    Handling.TRACE,
    None,
    "publish",
    {},
    Series("publish", "send", None, None, None, None),
    Outcome("attribute", "injected", None),
)


class _Owner:
    """A connection, or a subscriber."""

    def __init__(self) -> None:
        self.cache = SubjectCache()


def test_a_subject_is_known_until_there_are_too_many() -> None:
    """Then each eighth that comes again takes the place of the oldest."""
    cache = SubjectCache()
    for number in range(2048 + 80):
        for _ in range(2):
            assert cache.remember(str(number), _CACHED) is _CACHED
    later = range(2048 + 7, 2048 + 80, 8)
    assert list(cache) == [str(number) for number in (*range(10, 2048), *later)]


def test_more_subjects_that_take_turns_are_mostly_known() -> None:
    """Up to the number of those of which it is known that they occurred once."""
    cache = SubjectCache()
    unknown = 0
    for turn in range(10):
        for number in range(3000):
            if str(number) not in cache:
                unknown += turn > 1
                cache.remember(str(number), _CACHED)
    assert len(cache) == 2048
    assert unknown < 8 * 3000 / 2


def test_few_subjects_are_known_that_do_not_come_again() -> None:
    """There may be one for each message."""
    cache = SubjectCache()
    for number in range(10_000):
        assert cache.remember(str(number), _CACHED) is _CACHED
    assert list(cache) == [str(number) for number in range(64)]
    assert len(cache._seen) <= 4096


def test_two_thousand_subjects_that_take_turns_are_all_known() -> None:
    """From their second message on, as are those of a market."""
    cache = SubjectCache()
    unknown = [0, 0, 0]
    for turn in range(3):
        for number in range(2000):
            if str(number) not in cache:
                unknown[turn] += 1
                cache.remember(str(number), _CACHED)
    assert unknown == [2000, 2000 - 64, 0]


def test_a_cache_is_that_of_one_instrumentation_and_one_connect() -> None:
    """Another one is empty yet."""
    owner, telemetry, info = _Owner(), object(), {"client_id": 1}
    cache_of(owner, telemetry, info).remember("a", _CACHED)
    assert cache_of(owner, telemetry, info) == {"a": _CACHED}
    assert cache_of(owner, telemetry, {"client_id": 1}) == {}
    cache_of(owner, telemetry, info).remember("a", _CACHED)
    assert cache_of(owner, object(), info) == {}
