"""The table on terminals of all widths, and the notes below it."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from audit_cli import BARE, FIELD
from opentelemetry_instrumentation_nats_payload._audit.heard import Heard
from opentelemetry_instrumentation_nats_payload._audit.output import printable
from opentelemetry_instrumentation_nats_payload._audit.report import notes, print_table
from opentelemetry_instrumentation_nats_payload._audit.tally import Tally
from test_audit_finding import READER

_SUBJECT = "orders.of.a.rather.long.name"


def _table(width: int, subject: str = _SUBJECT) -> list[str]:
    tally = Tally()
    for payload, count in ((FIELD, 123_456), (BARE, 7)):
        finding = READER.read(payload, None)
        for _ in range(count):
            tally.add(finding)
    file = io.StringIO()
    console = Console(file=file, width=width)
    print_table(console, [(subject, tally)], tally, Heard(seconds=10.0))
    return [line.rstrip() for line in file.getvalue().splitlines()]


@pytest.mark.parametrize("width", [200, 120, 80, 40, 1])
def test_no_digit_is_lost(width: int) -> None:
    """A narrow terminal costs the columns of zeros, then breaks the subject, never a number."""
    text = "\n".join(_table(width)).partition(" messages in ")[0]
    for number in ("99.9 %", "123,463", "123,456", "11,851,776", "100.0 %"):
        assert text.count(number) >= 2  # the row, and the total
    assert "…" not in text
    assert ("Invalid" in text) == (width == 200)
    assert (_SUBJECT in text) == (width >= 120)


def test_a_long_subject_is_cut() -> None:
    """A row stays a row; JSON has the whole of it."""
    text = "\n".join(_table(200, "x" * 4000))
    assert "x" * 77 + "..." in text
    assert "x" * 78 not in text


def test_notes() -> None:
    """What the counts do not say, and nothing where they say it all."""
    assert notes(Heard()) == []
    heard = Heard(1.0, 1, 2, 3000, 1, ["nats: 'something'"])
    assert notes(heard) == [
        "3,000 more messages came that were replies, NATS's own or JetStream's deliveries, and "
        "are not counted.",
        "Missed 1 message: they came faster than they could be looked at.",
        "Could not read 2 messages: nats-py does not take their subject or headers.",
        "Lost the connection 1 time; what was published meanwhile is not counted.",
        "The server said: nats: 'something'",
    ]


@pytest.mark.parametrize(
    ("text", "shown"),
    [("größe €", "größe €"), ("a\x1b[1m\n", r"a\x1b[1m\n"), ("\x9b\u202e\x00", r"\x9b\u202e\x00")],
)
def test_what_is_printable_stays(text: str, shown: str) -> None:
    """The rest is escaped."""
    assert printable(text) == shown
