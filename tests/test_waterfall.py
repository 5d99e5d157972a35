"""The demo's page of a trace: every span has its row, in its place, with all that it holds."""

from __future__ import annotations

import pytest

from examples.trading_pipeline.rows import Stored
from examples.trading_pipeline.spans import Event, Link, Span, Status, Trace, Value
from examples.trading_pipeline.summary import summarise
from examples.trading_pipeline.waterfall import render_page
from waterfall_page import Element, facts, label, read, rows

_TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
_BEGIN = 1_700_000_000_000_000_000
_SERVICES = ("feed", "engine")


def _span(number: int, parent: int, start: float, end: float, **more: object) -> Span:
    """A span; ids are numbers, no parent is 0, times are milliseconds."""
    fields = {
        "trace_id": _TRACE_ID,
        "span_id": f"{number:016x}",
        "parent_id": f"{parent:016x}" if parent else "",
        "service": "feed",
        "name": f"span {number}",
        "kind": "INTERNAL",
        "start": _BEGIN + round(start * 1e6),
        "end": _BEGIN + round(end * 1e6),
        **more,
    }
    return Span(**fields)  # pyright: ignore[reportArgumentType]


def _page(trace: Trace, with_plugin: bool = True) -> Element:
    stored = Stored({"market": 1, "signals": 2, "execution": 6, "audit": 9}, clean=9)
    summary = summarise([trace], stored, 1, _SERVICES, with_plugin)
    return read(render_page(trace, summary, _SERVICES))


def _only_row(**more: object) -> Element:
    (row,) = rows(_page([_span(1, 0, 0, 1, **more)]))
    return row


def _place(row: Element) -> tuple[float, float]:
    bar = row.one("rect", "bar").attributes
    return float(bar["x"].rstrip("%")), float(bar["width"].rstrip("%"))


def _marks(row: Element) -> list[str]:
    return [mark.text for mark in row.all("span", "mark")]


def test_every_span_has_its_row() -> None:
    """Parents before children, with service, name, kind and duration."""
    trace = [
        _span(1, 0, 0, 2, name="publish a.b", kind="PRODUCER"),
        _span(2, 1, 3, 4, service="engine", name="process a.b", kind="CONSUMER"),
        _span(3, 1, 5, 8.25, service="engine", name="process a.>", kind="CONSUMER"),
        _span(4, 2, 6, 7, service="engine", name="store"),
    ]
    assert [label(row) for row in rows(_page(trace))] == [
        ("feed", "publish a.b", "producer", "2.00 ms"),
        ("engine", "process a.b", "consumer", "1.00 ms"),
        ("engine", "store", "internal", "1.00 ms"),
        ("engine", "process a.>", "consumer", "3.25 ms"),
    ]


def test_a_bar_is_where_the_span_is_on_the_axis_of_the_trace() -> None:
    """Offset and width in percent of the time from the first start to the last end."""
    trace = [_span(1, 0, 0, 10), _span(2, 1, 5, 25), _span(3, 2, 30, 40)]
    assert [_place(row) for row in rows(_page(trace))] == [(0, 25), (12.5, 50), (75, 25)]


def test_a_row_says_how_deep_it_is() -> None:
    """For those who do not see the indentation, which is a guide a level."""
    trace = [_span(1, 0, 0, 9), _span(2, 1, 1, 2), _span(3, 2, 1, 2)]
    found = rows(_page(trace))
    assert [row.one("span", "level").text for row in found] == [f"level {n}: " for n in (1, 2, 3)]
    assert [len(row.all("i", "guide")) for row in found] == [0, 1, 2]


def test_a_span_without_duration_is_seen() -> None:
    """A rect without width is not drawn, the line at the start of the span is."""
    row = rows(_page([_span(1, 0, 0, 10), _span(2, 1, 5, 5)]))[1]
    assert _place(row) == (50, 0)
    assert row.one("line", "start").attributes["x1"] == "50%"


def test_a_span_that_ends_before_it_starts_has_no_width() -> None:
    """A clock that was set back; the duration is shown as the span has it."""
    row = rows(_page([_span(1, 0, 0, 10), _span(2, 1, 5, 4)]))[1]
    assert (_place(row), label(row)[3]) == ((50, 0), "-1.00 ms")


def test_a_child_that_starts_before_its_parent_is_marked() -> None:
    """The clocks of two machines differ; the axis begins with the earliest span."""
    parent, child = rows(_page([_span(1, 0, 0, 15), _span(2, 1, -5, 10, service="engine")]))
    assert (_place(parent), _place(child)) == ((25, 75), (0, 75))
    assert _marks(child) == ["before its parent"]
    assert facts(child)["Clock"] == "starts 5.00 ms before its parent"
    assert "Clock" not in facts(parent)


def test_a_span_whose_parent_is_missing_is_marked() -> None:
    """It stands as a root, and the page says that the trace is not complete."""
    document = _page([_span(1, 0, 0, 1), _span(2, 9, 1, 2, service="engine")])
    root, orphan = rows(document)
    assert (_marks(root), _marks(orphan)) == ([], ["parent missing"])
    assert facts(orphan)["Parent"] == f"{9:016x}, not in the trace"
    assert document.one("h1").text == "An incomplete trace"


def test_a_trace_of_one_span_of_no_time() -> None:
    """There is an axis nevertheless."""
    (row,) = rows(_page([_span(1, 0, 0, 0)]))
    assert (_place(row), facts(row)["Parent"]) == ((0, 0), "none, a root span")


def test_a_line_leads_from_the_parent_to_the_child() -> None:
    """Down from the end of a parent that has ended, then along; dashed between services."""
    trace = [_span(1, 0, 0, 10), _span(2, 1, 2, 3), _span(3, 1, 20, 40, service="engine")]
    _, within, over = rows(_page(trace))
    assert [wire.attributes["class"] for wire in within.all("line", "wire")] == ["wire", "wire"]
    down, along = (wire.attributes for wire in over.all("line", "hop"))
    assert (down["x1"], down["x2"], along["x1"], along["x2"]) == ("25%", "25%", "25%", "50%")
    assert int(down["y2"]) - int(down["y1"]) == 2 * 26


def test_links_are_marked_and_shown() -> None:
    """With the name of the span that is linked to, if it is in the trace."""
    links = (Link(_TRACE_ID, f"{1:016x}"), Link("cd" * 16, f"{7:016x}", {"reason": "batch"}))
    row = rows(_page([_span(1, 0, 0, 1), _span(2, 1, 2, 3, links=links)]))[1]
    known, unknown = row.all("section", "card")
    assert _marks(row) == ["2 links"]
    assert known.one("h4").text == "feed: span 1"
    assert unknown.one("h4").text == "a span that is not in the trace"
    assert facts(unknown) == {
        "span id": f"{7:016x}",
        "trace id": "cd" * 16,
        "reason": "batch",
    }


def test_an_error_and_its_event_are_marked_and_shown() -> None:
    """The message of the status, and the exception at its time."""
    event = Event("exception", _BEGIN + 500_000, {"exception.type": "ValueError"})
    row = _only_row(status=Status("ERROR", "no price"), events=(event,))
    assert _marks(row) == ["error", "1 event"]
    assert row.one("circle", "event").attributes["cx"] == "50%"
    assert row.one("section", "card").one("h4").text == "exception at 0.50 ms"
    assert facts(row)["exception.type"] == "ValueError"
    assert facts(row)["Status"] == "error no price"


def test_ids_and_scope_are_shown() -> None:
    """What the span is found by elsewhere, and the library that made it."""
    shown = facts(_only_row(scope="by hand 1.0"))
    assert (shown["Trace id"], shown["Span id"]) == (_TRACE_ID, f"{1:016x}")
    assert shown["Scope"] == "by hand 1.0"


@pytest.mark.parametrize(
    ("value", "text", "kind"),
    [
        ("true", "true", "text"),
        (True, "true", "literal"),
        (7, "7", "literal"),
        (0.5, "0.5", "literal"),
        (None, "null", "literal"),
        (b"\x00\xff", "00 ff", "literal"),
        (["a", 1, b"\x01"], '["a", 1, "01"]', "literal"),
        ({"ö": {"b": [False]}}, '{"ö": {"b": [false]}}', "literal"),
    ],
)
def test_a_value_is_shown_as_its_type_is(value: Value, text: str, kind: str) -> None:
    """A string can be told from a number or a boolean that reads the same."""
    row = _only_row(attributes={"the.value": value})
    (shown,) = (f for f in row.all("div") if f.all("dt") and f.one("dt").text == "the.value")
    assert (shown.one("dd").text, shown.one("dd").attributes["class"]) == (text, kind)


def test_a_long_attribute_is_whole() -> None:
    """Nothing is cut, however long."""
    text = "0123456789" * 1000
    assert facts(_only_row(attributes={"long": text}))["long"] == text
