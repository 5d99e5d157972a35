"""The count of instructions: what is read of callgrind's files, and what fails."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import callgrind, instructions
from benchmarks.instructions_record import UPDATE, Comparison, Count, Counts
from benchmarks.instructions_workload import OPERATIONS

_VERSIONS = {"Python": "CPython 3.11.7", "nats-py": "2.16.0"}
_SENT, _TAKEN = "publish, sampled", "process, sampled"
_RECORDED = Counts({_SENT: Count(10_000, 1_000), _TAKEN: Count(20_000, 1_000)}, _VERSIONS)


def _dump(part: int, total: int, name: str = "summary") -> str:
    """One of callgrind's files, as short as it can be."""
    return (
        "# callgrind format\nversion: 1\ncreator: callgrind-3.19.0\npid: 7\n"
        f"cmd:  python -m workload\npart: {part}\n\n\n"
        "desc: I1 cache: \ndesc: Timerange: Basic block 0 - 9\n"
        "desc: Trigger: --dump-before=getpriority\n\npositions: line\nevents: Ir\n"
        f"{name}: {total}\n\n\nfl=(1) loop.c\nfn=(1) work\n12 {total}\n\n"
    )


def _compared(publish: int, process: int = 20_000, reference: int = 1_000) -> Comparison:
    counts = {_SENT: Count(publish, reference), _TAKEN: Count(process, reference)}
    return Comparison(Counts(counts, _VERSIONS), _RECORDED)


def test_what_is_between_marks_is_every_second_part() -> None:
    """Start and warm-up do not count, nor the end; files come in any order."""
    parts = {1: 900, 2: 30, 3: 700, 4: 50, 5: 600}
    assert callgrind.between_marks(_dump(*item) for item in reversed(parts.items())) == [30, 50]


def test_parts_are_ordered_by_number() -> None:
    """Not by the letters of the number."""
    dumps = [_dump(part, part * 10) for part in (10, 2, 11, 1)]
    assert callgrind.between_marks(dumps) == [20, 100]


def test_the_total_has_one_of_two_names() -> None:
    """And a file without one, such as the empty one that callgrind leaves, is none."""
    assert callgrind.between_marks(["", _dump(2, 40, "totals")]) == [40]


def test_four_percent_more_pass() -> None:
    """Nothing is wrong, and nothing is to be told."""
    comparison = _compared(10_400)
    assert comparison.failures() == []
    assert comparison.notes() == []


def test_six_percent_more_fail() -> None:
    """Said with the operation, by how much, and what was recorded."""
    assert _compared(10_000, 21_200).failures() == [
        "process, sampled: 21,200 instructions, 6.0% more than expected: 20,000, recorded 20,000;"
        " more than 5% fails."
    ]


def test_every_operation_that_rises_is_named() -> None:
    """One line each."""
    names = [line.partition(":")[0] for line in _compared(11_000, 22_000).failures()]
    assert names == [_SENT, _TAKEN]


def test_a_fall_passes_and_is_told() -> None:
    """Else the next rise would be measured from where it was before."""
    comparison = _compared(9_000)
    assert comparison.failures() == []
    assert comparison.notes() == [
        "publish, sampled: 10.0% fewer instructions than recorded."
        f" To keep it so, record it: {UPDATE}"
    ]


def test_an_operation_that_was_not_counted_fails() -> None:
    """It may have become ten times as expensive."""
    now = replace(_RECORDED, operations={_SENT: Count(10_000, 1_000)})
    assert Comparison(now, _RECORDED).failures() == ["process, sampled: recorded, but not counted."]


def test_an_operation_that_was_not_recorded_fails() -> None:
    """Else nothing would ever be said about it."""
    recorded = replace(_RECORDED, operations={_SENT: Count(10_000, 1_000)})
    assert Comparison(_RECORDED, recorded).failures() == [
        "process, sampled: counted, but not recorded."
    ]


def test_another_python_is_no_rise() -> None:
    """All takes a quarter more instructions there: the reference, too."""
    comparison = _compared(12_500, 25_000, reference=1_250)
    assert comparison.failures() == []
    assert comparison.expected(_SENT) == 12_500


def test_a_rise_on_another_python_fails() -> None:
    """In times of the reference, whatever the figure itself is."""
    [failure] = _compared(8_600, 16_000, reference=800).failures()
    assert "8,600 instructions, 7.5% more than expected: 8,000, recorded 10,000;" in failure


def test_other_versions_are_told() -> None:
    """What is new, what is gone, what changed; and they are no failure of their own."""
    now = replace(_RECORDED, versions={"Python": "CPython 3.11.7", "nats-py": "2.17.0", "x": "1"})
    comparison = Comparison(now, _RECORDED)
    assert comparison.failures() == []
    assert comparison.notes() == [
        "Other versions than recorded, which may be the reason:"
        " nats-py 2.17.0 (recorded: 2.16.0), x 1 (recorded: None)."
    ]


def test_a_table_has_counted_beside_recorded() -> None:
    """And what the recorded count would be now."""
    assert _compared(11_440, 22_000, reference=1_100).table().rows[1:] == [
        (_SENT, "11,440", "10,000", "11,000", "+4.0%"),
        (_TAKEN, "22,000", "20,000", "22,000", "+0.0%"),
    ]


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Names, figures and versions."""
    _RECORDED.save(tmp_path / "record.json")
    assert Counts.load(tmp_path / "record.json") == _RECORDED


def test_the_record_has_four_operations() -> None:
    """Publish and process, sampled and without an SDK; of CPython 3.11."""
    recorded = Counts.load(instructions.RECORD)
    modes = ("sampled", "no SDK")
    assert set(recorded.operations) == {f"{name}, {mode}" for name in OPERATIONS for mode in modes}
    assert recorded.versions["Python"].startswith("CPython 3.11.")


def test_a_failure_says_what_to_do() -> None:
    """With the versions of the record, which may explain it."""
    assert instructions.failure(_compared(12_000)) == (
        "\npublish, sampled: 12,000 instructions, 20.0% more than expected: 10,000,"
        " recorded 10,000; more than 5% fails."
        "\nRecorded with Python CPython 3.11.7, nats-py 2.16.0."
        f"\nIf this is how it is meant to be, record it: {UPDATE}"
    )
    assert instructions.failure(_compared(10_400)) is None


def test_a_missing_valgrind_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to do about it."""
    monkeypatch.setenv("PATH", "")
    with pytest.raises(callgrind.CallgrindError, match="valgrind is missing: apt-get install"):
        callgrind.count({"any": ["-c", ""]}, 1)
