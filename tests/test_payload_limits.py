"""The codec: payloads at the limits of what is looked at, and what is left alone beyond them."""

from __future__ import annotations

import pytest

from codec import BACKENDS, CARRIER, DOCUMENT, ESCAPED, SPLICED, K, find, using
from opentelemetry_instrumentation_nats_payload import _json_stdlib
from opentelemetry_instrumentation_nats_payload._payload import PayloadField
from opentelemetry_instrumentation_nats_payload._splice import LARGE, MAX_BLANKS, Member
from oracle import FIELD

_field = PayloadField(FIELD)
_LONG = b'"x":"' + b"x" * 2 * LARGE + b'"'
_NAN = b'"x":[' + b"NaN," * LARGE + b"0]"
_QUOTES = b'"p":[' + b'"a",' * 9000 + b"0]"
_SHAPES = [
    b"{WFW}",
    b"{KW:V}",
    b"{K:WV}",
    b"{K:V}W",
    b"W{F}",
    b'{"a":1W,WFW,W"b":2}',
    b'{WKW:WVW,W"a":1}',
    b'{"a":"\\u0065",KW:WVW,"b":1}',
]


def _spaced(shape: bytes, blanks: bytes) -> bytes:
    for letter, piece in (b"F", SPLICED), (b"K", K), (b"V", DOCUMENT), (b"W", blanks):
        shape = shape.replace(letter, piece)
    return shape


@pytest.mark.parametrize("shape", _SHAPES)
@pytest.mark.parametrize("count", [MAX_BLANKS - 1, MAX_BLANKS, MAX_BLANKS + 1, LARGE, 2 * LARGE])
def test_any_amount_of_white_space_is_looked_over(shape: bytes, count: int) -> None:
    """The field is found, and comes out with one comma and the white space of it."""
    blanks = b" \t\r\n" * (count // 4) + b"\t" * (count % 4)
    payload = _spaced(shape, blanks)
    name = K + (blanks if b"KW" in shape else b"") + b":" + (blanks if b":W" in shape else b"")
    start = payload.index(K)
    member = Member(start, start + len(name), start + len(name) + len(DOCUMENT), CARRIER)
    rest = shape.replace(b"KW:WV", b"F").replace(b"KW:V", b"F").replace(b"K:WV", b"F")
    rest = rest.replace(b"K:V", b"F").replace(b"W,WF", b"W,F")
    rest = rest.replace(b"W,F", b"W").replace(b",F", b"")
    rest = rest.replace(b"FW,W", b"").replace(b"FW,", b"").replace(b"F", b"")
    for backend in BACKENDS:
        with using(backend) as field:
            assert field.find(payload) == member
            assert field.read(payload) == member
            assert field.cut(payload, member) == _spaced(rest, blanks)


def test_a_name_over_and_over_is_read() -> None:
    """Where it stands is not known then, and nothing is changed."""
    payload = b"{%b%b}" % ((K + b":1,") * 300, SPLICED + b',"a":%b')
    for rest in (b"1", b"NaN"):
        for backend in BACKENDS:
            with using(backend) as field:
                member = find(field, payload % rest)
                assert member == (0, 0, 0, CARRIER)
                assert field.slot(payload % rest, member) is None
                assert field.cut(payload % rest, member) == payload % rest


def test_a_text_that_stands_for_another_is_no_carrier() -> None:
    """What only Python reads has other values in its places while the field is looked for."""
    value = b'{"a":"\\ud800"}'
    payload = b'{%b%b:%b,"a":1}' % ((K + b":1,") * 300, K, value)
    for backend in BACKENDS:
        with using(backend) as field:
            assert find(field, payload) == (0, 0, 0, None)


def test_a_nested_field_is_not_taken_for_an_escaped_one() -> None:
    """Among thousands of strings it is not known which of two that hold the same is the field."""
    payload = b'{"a":{%b},%b:%b,%b}' % (SPLICED, ESCAPED, DOCUMENT, _QUOTES)
    for backend in BACKENDS:
        with using(backend) as field:
            assert field.find(payload) == field.read(payload) == (0, 0, 0, CARRIER)


def test_escapes_of_other_letters_do_not_hide_the_field() -> None:
    """Among as many strings: the name is only where it is spelled out."""
    payload = b'{"e":"\\u00e9",%b,%b}' % (SPLICED, _QUOTES)
    start = payload.index(K)
    for backend in BACKENDS:
        with using(backend) as field:
            assert field.find(payload) == field.read(payload)
            assert find(field, payload).start == start
            assert find(field, payload).end == start + len(SPLICED)


@pytest.mark.parametrize(("strings", "is_known"), [(100, True), (250, False)])
def test_an_escaped_field_alone_is_looked_for_among_few_strings(
    strings: int, is_known: bool
) -> None:
    """In a large payload; beyond that it is read, and stays."""
    payload = b'{%b:%b,"p":[%b0],%b}' % (ESCAPED, DOCUMENT, b'"a",' * strings, _LONG)
    for backend in BACKENDS:
        with using(backend) as field:
            assert find(field, payload).carrier == CARRIER
            assert (find(field, payload).end > 0) is is_known


_LEFT: dict[str, tuple[bytes, bytes]] = {
    "a duplicate in a small one": (b'{"a":1,F,"b":1,F}', b'{"a":1,"b":1}'),
    "an escaped one in a small one": (b'{"a":1,E,"b":1,F}', b'{"a":1,"b":1}'),
    "one at an end of a large one": (b"{F,L,F}", b"{L}"),
    "one that is not read": (b"{N,F,N,F}", b"{N,F,N}"),
    "an escaped one in a large one": (b"{E,L,F}", b"{E,L}"),
}


@pytest.mark.parametrize(("before", "after"), _LEFT.values(), ids=_LEFT)
def test_what_is_cut_is_what_is_read(before: bytes, after: bytes) -> None:
    """Duplicates go as far as somebody would read them next."""
    pieces = {b"F": SPLICED, b"E": ESCAPED + b":" + DOCUMENT, b"L": _LONG, b"N": _NAN}

    def expanded(pattern: bytes) -> bytes:
        return b"".join(pieces.get(bytes([b]), bytes([b])) for b in pattern)

    for backend in BACKENDS:
        if backend is _json_stdlib and b"N," in before:
            continue  # Python's own reads NaN as it reads the rest
        with using(backend) as field:
            payload = expanded(before)
            member = field.read(payload)
            assert member is not None
            assert field.cut(payload, member) == expanded(after)


@pytest.mark.parametrize("text", [b"\\\\", b'\\"', b'\\\\\\"{', b"{\\\\", b'\\"{', b"[{"])
def test_brackets_in_texts_are_no_brackets(text: bytes) -> None:
    """Nor do escaped quotes and backslashes end a text, where two fields hold the same."""
    payload = b'{"n":{F},F,"s":"T","t":"{","u":"T","v":1}'.replace(b"T", text)
    payload = payload.replace(b"F", SPLICED)
    for backend in BACKENDS:
        with using(backend) as field:
            assert find(field, payload).start == payload.rindex(K)


def test_a_key_that_ends_like_the_name_is_another() -> None:
    """Its value does not matter, be it the same."""
    payload = b'{"a":1,%b,"\\"%b":%b,"b":1}' % (SPLICED, FIELD.encode(), DOCUMENT)
    for backend in BACKENDS:
        with using(backend) as field:
            assert find(field, payload).start == payload.index(K)


@pytest.mark.parametrize("offset", range(4))
def test_letters_of_several_bytes_are_text(offset: int) -> None:
    """At any place of a payload, and one that is cut short is not."""
    text = b"x" * offset + "\N{GRINNING FACE}".encode() * 20_000
    for backend in BACKENDS:
        with using(backend) as field:
            for payload in (b'{"a":"%b",%b}', b'{"a":"%b",%b,"b":1}', b'{"a":NaN,"x":"%b",%b}'):
                assert find(field, payload % (text, SPLICED)).carrier == CARRIER
                assert field.find(payload % (text[:-1], SPLICED)) is None
