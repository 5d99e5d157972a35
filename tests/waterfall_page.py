"""Reads the demo's page of a trace the way a browser does: elements, and the rows among them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = {"meta", "wbr"}


@dataclass
class Element:
    """One element, with its text in between its children's."""

    tag: str
    attributes: dict[str, str]
    content: list[Element | str] = field(default_factory=list["Element | str"])

    @property
    def text(self) -> str:
        """All text in it, of its descendants as well."""
        return "".join(part if isinstance(part, str) else part.text for part in self.content)

    def walk(self) -> Iterator[Element]:
        """The element and all below it, in the order of the document."""
        yield self
        for part in self.content:
            if isinstance(part, Element):
                yield from part.walk()

    def all(self, tag: str, kind: str = "") -> list[Element]:
        """The elements below of this tag and class."""
        return [
            element
            for element in self.walk()
            if element.tag == tag
            and (not kind or kind in element.attributes.get("class", "").split())
        ]

    def one(self, tag: str, kind: str = "") -> Element:
        """The only one."""
        (found,) = self.all(tag, kind)
        return found


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root = Element("", {})
        self._open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self._open[-1].content.append(element)
        if tag not in _VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open[-1].tag == tag, f"</{tag}> closes <{self._open[-1].tag}>"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        self._open[-1].content.append(data)


def read(page: str) -> Element:
    """The document; fails when an element is not closed in its order."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    (html,) = reader.root.all("html")
    return html


def rows(document: Element) -> list[Element]:
    """The row of each span."""
    return document.one("tbody").all("tr")


def label(row: Element) -> tuple[str, str, str, str]:
    """Service, name, kind and duration, as the row shows them."""
    return (
        row.one("span", "service").text,
        row.one("span", "operation").text,
        row.one("td", "kind").text,
        row.one("td", "duration").text,
    )


def facts(element: Element) -> dict[str, str]:
    """The names and values of all lists in it."""
    terms, values = element.all("dt"), element.all("dd")
    return {term.text: value.text for term, value in zip(terms, values, strict=True)}
