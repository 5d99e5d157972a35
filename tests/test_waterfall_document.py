"""The demo's page as a document: nothing from elsewhere, nothing that runs, all text escaped."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections import Counter

import pytest

from examples.trading_pipeline.rows import Stored
from examples.trading_pipeline.spans import Event, Link, Span, Status, Trace
from examples.trading_pipeline.summary import Summary, summarise
from examples.trading_pipeline.waterfall import lane, page, render_page
from examples.trading_pipeline.waterfall.layout import Axis, rows_of, ticks_of
from examples.trading_pipeline.waterfall.markup import Markup, fill, resource
from waterfall_page import Element, facts, label, read, rows

_HOSTILE = "</script><script>alert(1)</script><!-- ' \" & $name ${x} &lt; \u202e"
_SERVICES = ("feed", "engine")
_ALL_STORED = Stored({"market": 1, "signals": 2, "execution": 6, "audit": 9}, clean=9)


def _trace(text: str) -> Trace:
    """Two spans with the text wherever a span has text."""
    first = Span(
        trace_id=text,
        span_id="01",
        parent_id="",
        service="feed",
        name=text,
        kind=text,
        start=0,
        end=1_000_000,
        scope=text,
        attributes={text: text, "list": [text], "map": {text: text}},
        links=(Link(text, text, {text: text}),),
        events=(Event(text, 500_000, {text: text}),),
        status=Status("ERROR", text),
    )
    return [first, Span(text, "02", "01", f"engine{text}", text, text, 2_000_000, 3_000_000)]


def _summary(trace: Trace, with_plugin: bool = True) -> Summary:
    return summarise([trace], _ALL_STORED, 1, _SERVICES, with_plugin)


def _rendered(text: str) -> str:
    trace = _trace(text)
    return render_page(trace, _summary(trace), _SERVICES)


def _spans(services: list[str]) -> Trace:
    """A root, and a child of it for each further service."""
    return [
        Span("ab", f"{n}", "0" if n else "", service, "work", "INTERNAL", n, n + 1)
        for n, service in enumerate(services)
    ]


def _document(trace: Trace, with_plugin: bool = True) -> Element:
    return read(render_page(trace, _summary(trace, with_plugin), _SERVICES))


def test_hostile_text_is_text() -> None:
    """The page has the elements of a harmless one, and shows the text as it is."""
    hostile, harmless = read(_rendered(_HOSTILE)), read(_rendered("harmless"))
    count, expected = (
        Counter((element.tag, *element.attributes) for element in document.walk())
        for document in (hostile, harmless)
    )
    assert count == expected
    first, second = rows(hostile)
    assert label(first)[:2] == ("feed", _HOSTILE)
    assert label(second)[:2] == (f"engine{_HOSTILE}", _HOSTILE)
    assert facts(first)[_HOSTILE] == _HOSTILE


def test_the_page_is_one_file_that_loads_nothing() -> None:
    """No address, no reference, no import: not even to a file beside it."""
    text = _rendered("harmless")
    assert "://" not in text
    assert not re.search(r"url\(|@import|@font-face|image-set", text)
    names = {name for element in read(text).walk() for name in element.attributes}
    assert names.isdisjoint({"src", "href", "srcset", "xlink:href", "action", "data", "poster"})


def test_nothing_on_the_page_runs() -> None:
    """No script, no handler, no style but the one whose hash the policy names."""
    document = read(_rendered("harmless"))
    style = document.one("style").text
    digest = b64encode(hashlib.sha256(style.encode()).digest()).decode()
    (policy,) = (
        element.attributes["content"]
        for element in document.all("meta")
        if element.attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.split("; ")[:2] == ["default-src 'none'", f"style-src 'sha256-{digest}'"]
    assert not document.all("script")
    names = {name for element in document.walk() for name in element.attributes}
    assert not [name for name in names if name == "style" or name.startswith("on")]


def test_each_row_opens_its_details() -> None:
    """A button that the keyboard reaches, and the panel that it names, which is a popover."""
    document = read(_rendered("harmless"))
    panels = {panel.attributes["id"]: panel for panel in document.all("aside", "details")}
    buttons = document.all("button", "name")
    assert [button.attributes["popovertarget"] for button in buttons] == list(panels)
    assert all("popover" in panel.attributes for panel in panels.values())
    assert len(panels) == len(rows(document)) == 2


def test_the_table_has_the_semantics_of_one() -> None:
    """A caption, heads of columns and of rows, and a text for each drawing."""
    document = read(_rendered("harmless"))
    assert document.one("caption").text
    assert [head.attributes["scope"] for head in document.one("thead").all("th")] == ["col"] * 4
    assert [row.one("th").attributes["scope"] for row in rows(document)] == ["row"] * 2
    assert [row.one("svg", "bars").attributes["aria-label"] for row in rows(document)] == [
        "starts at 0.00 ms, lasts 1.00 ms",
        "starts at 2.00 ms, lasts 1.00 ms",
    ]


def test_a_complete_trace_is_called_one() -> None:
    """All services have spans below one root."""
    document = _document(_spans(["feed", "engine"]))
    assert document.one("title").text == document.one("h1").text == "Two services, one trace"
    assert document.one("div", "good").all("dd")[0].text == "1 of 1"


def test_a_page_without_the_plugin_says_so() -> None:
    """And shows that no trace is complete."""
    document = _document(_spans(["feed"]), with_plugin=False)
    assert document.one("h1").text == "An incomplete trace"
    assert "plugin switched off" in document.one("p", "lead").text
    assert [dd.text for dd in document.one("div", "bad").all("dd")] == [
        "0 of 1",
        "no span of engine",
    ]


def test_a_service_has_one_colour() -> None:
    """In the legend and its rows; the ninth service shares that of the first."""
    names = [f"service {number}" for number in range(len(_SERVICES), page.COLOURS + 1)]
    document = _document(_spans([*_SERVICES, *names]))
    colours = {row.one("span", "service").text: row.attributes["class"] for row in rows(document)}
    legend = {
        item.text.rpartition(" ")[0]: item.attributes["class"]
        for item in document.one("ul", "legend").all("li")
    }
    assert legend == colours
    assert len(set(colours.values())) == page.COLOURS
    assert colours["feed"] == colours[names[-1]] == "colour-0"


def test_the_style_has_every_colour_and_the_height_of_a_row() -> None:
    """Lines are drawn in pixels over rows whose height the style gives."""
    style = resource("page.css")
    assert f"--row: {lane.ROW_HEIGHT}px;" in style
    for number in range(page.COLOURS):
        assert style.count(f".colour-{number} {{") == 2, "one for light, one for dark"


@pytest.mark.parametrize(
    ("extent", "ticks"),
    [
        (1, [0, 1]),
        (9_100_000, [0, 2_000_000, 4_000_000, 6_000_000, 8_000_000]),
        (7_000_000, [n * 1_000_000 for n in range(8)]),
        (8_000_000, [0, 2_000_000, 4_000_000, 6_000_000, 8_000_000]),
        (10**18, [n * 2 * 10**17 for n in range(6)]),
    ],
)
def test_ticks_are_round_and_few(extent: int, ticks: list[int]) -> None:
    """From a nanosecond to thirty years."""
    assert ticks_of(Axis(5, extent)) == ticks


def test_guides_lead_on_where_a_sibling_follows() -> None:
    """The lines of a tree: past a span whose parent has a sibling below, to it, or to its end."""
    parents = {"a": "", "b": "a", "c": "b", "d": "a", "e": "d"}
    trace = [Span("t", name, p, "s", name, "INTERNAL", 0, 1) for name, p in parents.items()]
    assert [row.guides for row in rows_of(trace)] == [
        (),
        ("fork",),
        ("line", "end"),
        ("end",),
        ("gap", "end"),
    ]


def test_a_template_escapes_all_but_markup() -> None:
    """Nobody can forget it."""
    assert fill("$a|$b|$c", a="<'\">", b=Markup("<b>"), c=1) == "&lt;&#x27;&quot;&gt;|<b>|1"
