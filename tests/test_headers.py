"""Headers as a carrier: read in any case, written into a copy, and weighed."""

from __future__ import annotations

from collections import UserDict
from collections.abc import Iterator, Mapping
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opentelemetry_instrumentation_nats_payload._getters import header_getter
from opentelemetry_instrumentation_nats_payload._headers import is_plain, wire_size, with_carrier
from strategies import PROPERTY

_names = st.sampled_from(["traceparent", "Traceparent", "TRACEPARENT", "baggage", "Baggage", "a"])
_values = st.text(st.characters(codec="ascii", exclude_characters="\r\n"), max_size=3)
_headers = st.dictionaries(_names, _values, max_size=6)


def _rendered(headers: Mapping[str, str]) -> bytes:
    """A header block as nats-py sends it: trimmed, and without headers that have no name."""
    named = [(name.strip(), value.strip()) for name, value in headers.items() if name.strip()]
    lines = [f"{name}: {value}\r\n" for name, value in named]
    return "".join(["NATS/1.0\r\n", *lines, "\r\n"]).encode()


@pytest.mark.parametrize("name", ["traceparent", "Traceparent", "TRACEPARENT", "tRaCePaReNt"])
@pytest.mark.parametrize("asked", ["traceparent", "Traceparent"])
def test_a_header_is_found_in_any_case(name: str, asked: str) -> None:
    """Go clients send canonical names, which begin with a capital."""
    assert header_getter.get({"other": "x", name: "value"}, asked) == ["value"]


@pytest.mark.parametrize("headers", [{}, {"trace-parent": "x"}, {"traceparent2": "x"}])
def test_a_missing_header_is_none(headers: dict[str, str]) -> None:
    """Not an empty list, which propagators would index."""
    assert header_getter.get(headers, "traceparent") is None


def test_an_exact_name_goes_first() -> None:
    """Of several that differ in case alone."""
    headers = {"Traceparent": "other", "traceparent": "exact", "TRACEPARENT": "another"}
    assert header_getter.get(headers, "traceparent") == ["exact"]


def test_an_empty_header_is_a_value() -> None:
    """It is there, whatever a propagator makes of it."""
    assert header_getter.get({"Baggage": ""}, "baggage") == [""]


def test_the_names_are_listed_as_they_came() -> None:
    """Propagators that look for prefixes need all of them."""
    assert header_getter.keys({"B": "1", "a": "2"}) == ["B", "a"]


def test_the_carrier_is_added_to_a_copy() -> None:
    """The application's dict is not the one that is sent."""
    headers = {"Nats-Msg-Id": "1"}
    written = with_carrier(headers, {"traceparent": "new"}, ["traceparent"])
    assert written == {"Nats-Msg-Id": "1", "traceparent": "new"}
    assert headers == {"Nats-Msg-Id": "1"}


@pytest.mark.parametrize("headers", [None, {}])
def test_no_headers_become_the_carrier(headers: dict[str, str] | None) -> None:
    """A message without headers gets some, in a dict of its own."""
    carrier = {"traceparent": "new"}
    written = with_carrier(headers, carrier, ["traceparent"])
    assert written == carrier
    assert written is not carrier
    assert written is not headers


def test_old_values_are_replaced_in_any_case() -> None:
    """Also those of names that the carrier does not have now."""
    headers = {"Traceparent": "old", "TRACESTATE": "old", "baggage": "old", "Other": "kept"}
    written = with_carrier(
        headers, {"traceparent": "new"}, {"traceparent", "tracestate", "Baggage"}
    )
    assert written == {"Other": "kept", "traceparent": "new"}


@pytest.mark.parametrize("name", ["traceparent ", " Traceparent", "\ttraceparent\n"])
def test_blanks_around_an_old_name_do_not_save_it(name: str) -> None:
    """nats-py strips them: it would be sent twice."""
    written = with_carrier({name: "old"}, {"traceparent": "new"}, ["traceparent"])
    assert written == {"traceparent": "new"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("with blank", "x"),
        ("", "x"),
        (" ", "x"),
        ("é", "x"),
        ("a:b", "x"),
        ("a\r\nb", "x"),
        ("a", "x\r\nother: y"),
        ("a", "x\n"),
        ("a", "\r"),
        ("a", "José"),
    ],
)
def test_what_is_no_header_is_left_out(name: str, value: str) -> None:
    """nats-py would refuse the message for its name, and change the value; of one that is not ASCII
    nats-py 2.2 reads no headers at all.
    """
    carrier = {name: value, "traceparent": "new"}
    assert with_carrier({"b": "c"}, carrier, []) == {"b": "c", "traceparent": "new"}


class _Repeated(Mapping[str, str]):
    """Headers with a name twice, as in a multidict."""

    def __getitem__(self, name: str) -> str:
        return name

    def __iter__(self) -> Iterator[str]:
        return iter(["a", "a"])

    def __len__(self) -> int:
        return 2


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (None, True),
        ({"a": "1"}, True),
        (MappingProxyType({"a": "1"}), True),
        (UserDict({"a": "1", "A": "2"}), True),
        (_Repeated(), False),
        ([("a", "1")], False),
    ],
)
def test_headers_are_copied_where_no_name_is_lost(headers: object, expected: bool) -> None:
    """Any mapping is, unless it repeats a name."""
    assert is_plain(headers) is expected


def test_headers_of_the_application_are_not_judged() -> None:
    """What nats-py says of them is for the application to hear."""
    headers = {"with blank": "x", "é": "x\n", "": "y"}
    assert with_carrier(headers, {"traceparent": "new"}, []) == {**headers, "traceparent": "new"}


@PROPERTY
@given(_headers, _headers)
def test_with_carrier_reads_back(headers: dict[str, str], carrier: dict[str, str]) -> None:
    """What is written is what a getter finds, the rest is kept, and nothing is mutated."""
    before, replaced = dict(headers), ["TraceParent"]
    written = with_carrier(MappingProxyType(headers), MappingProxyType(carrier), replaced)
    assert headers == before
    assert {name: written[name] for name in carrier} == carrier
    lowered = {name.lower() for name in [*replaced, *carrier]}
    assert {k: v for k, v in written.items() if k not in carrier} == {
        k: v for k, v in headers.items() if k.lower() not in lowered
    }


def test_no_headers_weigh_nothing() -> None:
    """None is sent as a message without a header block; an empty dict has one."""
    assert wire_size(None) == 0
    assert wire_size({}) == len(b"NATS/1.0\r\n\r\n")


@pytest.mark.parametrize(
    "headers",
    [
        {"a": "b"},
        {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "x": ""},
        {"name": "é€𝄞", "Ü": "x"},
    ],
)
def test_headers_weigh_what_is_sent(headers: dict[str, str]) -> None:
    """In bytes of UTF-8, with the line ends."""
    assert wire_size(headers) == len(_rendered(headers))


@PROPERTY
@given(
    st.dictionaries(st.text(min_size=1, max_size=6), st.text(max_size=9), max_size=5)
    | st.dictionaries(st.sampled_from(["a ", " b", "\tc\r\n", " "]), st.just("  x\n"), max_size=4)
)
def test_headers_are_never_underestimated(headers: dict[str, str]) -> None:
    """Only white space around names and values, which nats-py strips, is counted too much."""
    texts = [text for pair in headers.items() if pair[0].strip() for text in pair]
    stripped = sum(len(text.encode()) - len(text.strip().encode()) for text in texts)
    assert wire_size(headers) == len(_rendered(headers)) + stripped
