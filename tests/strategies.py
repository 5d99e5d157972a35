"""Hypothesis strategies for payloads and subjects.

They write JSON as text and do not go through an encoder, so that every formatting, spelling and
duplicate is possible.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from oracle import FIELD, is_one_object, is_unicode

KEY = f'"{FIELD}"'

PROPERTY = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
"""The decorator of every property test: no deadline, as nothing here is about time."""


# --- fragments of JSON --------------------------------------------------------------------------

gaps = st.sampled_from(["", "", "", " ", "\n", "\t", "\r\n", "  "])

_pieces = st.one_of(
    st.characters(codec="utf-8", min_codepoint=0x20, exclude_characters='"\\'),
    st.sampled_from([r"\"", r"\\", r"\/", r"\b", r"\n", r"\t", "é", "\x7f"]),
    st.sampled_from([r"\u0041", r"\u005f", r"\uABcd", r"\u0000", r"\u0022", r"\u005C"]),
    st.sampled_from([r"\ud83d\ude00", r"\uD800", r"\udfff", r"\ud83d\u0041", r"\\ud800"]),
    st.sampled_from([*"{}[],: ", "NaN", "-Infinity", '\\\\\\"']),
    st.sampled_from(
        [
            FIELD,
            rf"\"{FIELD}\"",
            rf"\"{FIELD}\":{{\"traceparent\":\"x\"}}",
            rf",\"{FIELD}\": {{}}}}",
            rf"\\\"{FIELD}\" : ",
        ]
    ),
)


def _quoted(pieces: list[str]) -> str:
    return '"' + "".join(pieces) + '"'


string_literals = st.lists(_pieces, max_size=5).map(_quoted)

number_literals = st.one_of(
    st.from_regex(r"-?(0|[1-9][0-9]{0,15})(\.[0-9]{1,6})?([eE][+-]?[0-9]{1,3})?", fullmatch=True),
    st.sampled_from(["NaN", "Infinity", "-Infinity", "-0", "1E400", "9" * 5000]),
)

scalar_literals = st.one_of(
    string_literals, number_literals, st.sampled_from(["true", "false", "null", "{}", "[ ]"])
)


@st.composite
def spellings(draw: st.DrawFn, name: str = FIELD) -> str:
    """``name`` as a JSON string, plain or with some of its characters escaped."""
    if draw(st.integers(0, 2)):
        return f'"{name}"'
    spelled = ""
    for char in name:
        escape = draw(st.sampled_from(["", "", "", "%04x", "%04X"]))
        spelled += "\\u" + escape % ord(char) if escape else char
    return f'"{spelled}"'


def _array(items: list[tuple[str, str, str]]) -> str:
    return "[" + ",".join(map("".join, items)) + "]"


def _member(parts: tuple[str, str, str, str, str, str]) -> str:
    before, key, before_colon, after_colon, value, after = parts
    return f"{before}{key}{before_colon}:{after_colon}{value}{after}"


def _members(keys: st.SearchStrategy[str], values: st.SearchStrategy[str]) -> Any:
    return st.tuples(gaps, keys, gaps, gaps, values, gaps)


def _containers(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    members = _members(st.one_of(string_literals, spellings()), values)
    arrays = st.lists(st.tuples(gaps, values, gaps), max_size=3).map(_array)
    objects = st.lists(members.map(_member), max_size=3).map(
        lambda members: "{" + ",".join(members) + "}"
    )
    return arrays | objects


value_literals = st.recursive(scalar_literals, _containers, max_leaves=6)

_other_keys = string_literals.filter(lambda literal: json.loads(literal) != FIELD)
_other_members = _members(_other_keys, value_literals)


# --- objects without the field ------------------------------------------------------------------


def _document(parts: tuple[str, list[str], str, str]) -> bytes:
    before, members, empty, after = parts
    inside = ",".join(members) if members else empty
    return f"{before}{{{inside}}}{after}".encode()


written_objects = st.tuples(
    gaps, st.lists(_other_members.map(_member), max_size=5), gaps, gaps
).map(_document)
"""JSON objects in any formatting, with duplicate keys; the field only nested and in strings."""

_texts = st.text(max_size=8) | st.sampled_from([KEY, f'{KEY}:{{"a":"b"}}', '\\"', "é\n\x00"])
_python_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _texts,
    lambda values: (
        st.lists(values, max_size=3)
        | st.dictionaries(_texts | st.just(FIELD), values, max_size=3)
        | st.dictionaries(st.integers() | st.none(), values, max_size=2)
    ),
    max_leaves=6,
)
_python_objects = st.dictionaries(
    _texts.filter(lambda text: text != FIELD), _python_values, max_size=5
)


def _dump(parts: tuple[dict[str, Any], Any, Any, bool, str]) -> bytes:
    value, separators, indent, ensure_ascii, end = parts
    text = json.dumps(value, separators=separators, indent=indent, ensure_ascii=ensure_ascii) + end
    return text.encode()


dumped_objects = st.tuples(
    _python_objects,
    st.sampled_from([None, (",", ":"), (", ", ": "), (" ,\t", "\r\n: ")]),
    st.sampled_from([None, 0, 2, "\t"]),
    st.booleans(),
    st.sampled_from(["", "\n"]),
).map(_dump)
"""What ``json.dumps`` makes of dicts."""

json_objects = written_objects | dumped_objects


# --- objects with the field ---------------------------------------------------------------------


class Span(NamedTuple):
    """Where a member stands: ``payload[start:end]``, its value from ``value_start``."""

    start: int
    value_start: int
    end: int


class WithField(NamedTuple):
    """An object with the field at its top level, and where each of its copies stands."""

    payload: bytes
    spans: list[Span]


_carrier_texts = st.text(st.characters(codec="utf-8"), max_size=8) | st.sampled_from(
    ["traceparent", "}", "{", '"', "\\", f"{KEY}:", "x" * 500, "x" * 4500]
)
carriers = st.dictionaries(_carrier_texts, _carrier_texts, max_size=18)
"""Dicts of strings, some too large for a carrier, or of too many entries."""

carrier_literals = st.tuples(
    carriers, st.sampled_from([None, (",", ":")]), st.sampled_from([None, 1]), st.booleans()
).map(
    lambda parts: json.dumps(parts[0], separators=parts[1], indent=parts[2], ensure_ascii=parts[3])
)


_field_values = (carrier_literals | value_literals).filter(lambda value: _size(value) < 16_000)


@st.composite
def objects_with_field(
    draw: st.DrawFn, max_count: int = 3, values: st.SearchStrategy[str] = _field_values
) -> WithField:
    """JSON objects with the field at any position, spelled in any way, maybe more than once.

    Its values are up to 16 kB large, twice what a carrier may be.
    """
    members = [(False, member) for member in draw(st.lists(_other_members, max_size=4))]
    fields = st.lists(_members(spellings(), values), min_size=1, max_size=max_count)
    for member in draw(fields):
        members.insert(draw(st.integers(0, len(members))), (True, member))
    text = draw(gaps) + "{"
    spans: list[Span] = []
    for index, (is_field, member) in enumerate(members):
        text += "," if index else ""
        if is_field:
            before, key, before_colon, after_colon, value, _ = member
            start = text + before
            value_start = start + key + before_colon + ":" + after_colon
            spans.append(Span(_size(start), _size(value_start), _size(value_start + value)))
        text += _member(member)
    text += "}" + draw(gaps)
    return WithField(text.encode(), spans)


def _size(text: str) -> int:
    return len(text.encode())


# --- what is not one object ---------------------------------------------------------------------

any_objects = json_objects | objects_with_field().map(lambda document: document.payload)


def _cut_off(parts: tuple[bytes, float]) -> bytes:
    payload, share = parts
    return payload[: int(len(payload) * share)]


def _joined(parts: tuple[bytes, bytes, bytes]) -> bytes:
    return b"".join(parts)


def _encoded(encoding: str) -> Callable[[bytes], bytes]:
    return lambda payload: payload.decode().encode(encoding)


def _with_bad_bytes(parts: tuple[bytes, bytes]) -> bytes:
    payload, bad = parts
    return payload.rstrip(b" \t\r\n")[:-1] + b',"":"' + bad + b'"}'


def _repr(value: object) -> bytes:
    return repr(value).encode(errors="surrogatepass")


not_objects = st.one_of(
    st.binary(max_size=40),
    st.binary(max_size=20).map(lambda binary: b"{" + binary + b"}"),
    value_literals.map(str.encode),
    any_objects.map(lambda payload: b"[" + payload + b"]"),
    st.tuples(any_objects, st.sampled_from([b"\n", b"", b" ", b","]), any_objects).map(_joined),
    st.tuples(any_objects, st.floats(0, 1)).map(_cut_off),
    st.tuples(
        any_objects, st.sampled_from([b"x", b"}", b"\x00", b"\x0b", b"\xc2\xa0", b"//", b"]"])
    ).map(b"".join),
    any_objects.map(lambda payload: b"\xef\xbb\xbf" + payload),
    st.sampled_from(["utf-16", "utf-16-le", "utf-16-be", "utf-32"]).flatmap(
        lambda encoding: any_objects.map(_encoded(encoding))
    ),
    any_objects.map(gzip.compress),
    any_objects.map(zlib.compress),
    st.tuples(
        any_objects, st.sampled_from([b"\xff", b"\x80", b"\xc0\xaf", b"\xed\xa0\x80", b"\xe2\x82"])
    ).map(_with_bad_bytes),
    st.dictionaries(_texts, _python_values, min_size=1, max_size=3).map(_repr),
    st.from_regex(r"\{[a-z_]{1,8}\}", fullmatch=True).map(str.encode),
).filter(lambda payload: not is_one_object(payload))
"""Anything but one JSON object in UTF-8, often very near to it, often with the field in it."""


# --- what a validator may get wrong -------------------------------------------------------------

_PUNCTUATION = ["{", "}", "[", "]", ":", ",", '"', "\\", "/", "'", "~"]
_NUMERIC = ["0", "1", "-", "+", ".", "e", "E", "x", ".5", "1.", "01", "e9", "-1.5E+3", "9" * 20]
_WORDS = ["true", "null", "tru", "NaN", "Infinity", "-Infinity", "Inf"]
_PARTS = ['"a"', '"b"', '"a":', '{"a":1}', '"a":1,', '""']
_ESCAPES = [r"\"", r"\\", r"\n", r"\x", r"\u", r"\u00", r"\uNaN0"]
_SURROGATES = [r"\ud800", r"\udc00", r"\uD83D\uDE00", r"\ud8", "d8", "00"]
_SPACES = [" ", "\n", "\t", "\r", "\x0b", "\x00", "\x1f", "\x7f", "\ufeff", "\u2028", "é"]

_tokens = st.sampled_from(
    [*_PUNCTUATION, *_NUMERIC, *_WORDS, *_PARTS, *_ESCAPES, *_SURROGATES, *_SPACES]
)


def _wrapped(parts: tuple[str, list[str]]) -> bytes:
    pattern, tokens = parts
    return pattern.replace("?", "".join(tokens)).encode()


token_soup = st.tuples(
    st.sampled_from(["?", "{?}", '{"a":?}', '{"a":"?"}', '{"?":"b"}', '{"a":"b",?}', "[?]"]),
    st.lists(_tokens, max_size=6),
).map(_wrapped)
"""Tokens of JSON, and some that are nearly JSON, in any order. UTF-8."""


@st.composite
def mutated_objects(draw: st.DrawFn) -> bytes:
    """Objects with a few bytes flipped, inserted, removed or repeated, or cut off."""
    payload = bytearray(draw(any_objects | carrier_literals.map(str.encode)))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(payload)))
        kind = draw(st.sampled_from(["flip", "insert", "insert", "remove", "repeat", "truncate"]))
        if kind == "flip" and at < len(payload):
            payload[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "insert":
            payload[at:at] = draw(_tokens.map(str.encode) | st.binary(min_size=1, max_size=2))
        elif kind == "remove":
            del payload[at : at + draw(st.integers(1, 4))]
        elif kind == "repeat":
            payload[at:at] = payload[at : at + draw(st.integers(1, 9))]
        elif kind == "truncate":
            del payload[at:]
    return bytes(payload)


# --- subjects -----------------------------------------------------------------------------------

# Few of them, so that patterns and subjects meet, and what regular expressions would misread.
subject_tokens = st.sampled_from(["a", "b", "ab", "a+", "(a|b)", "[ab]", "^a$", r"\w", "é", "$K"])
subjects = st.lists(subject_tokens, min_size=1, max_size=4).map(".".join)


def _pattern(parts: tuple[list[str], bool]) -> str:
    tokens, rest = parts
    return ".".join([*tokens, ">"] if rest or not tokens else tokens)


patterns = st.tuples(
    st.lists(subject_tokens | st.just("*"), max_size=4), st.sampled_from([False, False, True])
).map(_pattern)
