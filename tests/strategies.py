"""Hypothesis strategies for payloads and subjects.

They write JSON as text and do not go through an encoder, so that every formatting, spelling and
duplicate is possible.
"""

from __future__ import annotations

import json
import os
from typing import Any, NamedTuple

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from oracle import FIELD

KEY = f'"{FIELD}"'

SOAK_EXAMPLES = "SOAK_EXAMPLES"
"""The environment variable that chooses the profile ``soak``: how many examples each test gets."""

settings.register_profile(
    "tests",
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.register_profile(
    "soak",
    settings.get_profile("tests"),
    max_examples=int(os.environ.get(SOAK_EXAMPLES, "10000")),
    derandomize=False,
    print_blob=True,
)
PROPERTY = settings.get_profile("soak" if SOAK_EXAMPLES in os.environ else "tests")
"""The decorator of every property test: no deadline, as nothing here is about time."""


# --- fragments of JSON --------------------------------------------------------------------------

gaps = st.sampled_from(["", "", "", " ", "\n", "\t", "\r\n", "  "])

_pieces = st.sampled_from(
    [
        *(r"\"", r"\\", r"\/", r"\b", r"\n", r"\t", "é", "\x7f"),
        *(r"\u0041", r"\u005f", r"\uABcd", r"\u0000", r"\u0022", r"\u005C"),
        *(r"\ud83d\ude00", r"\uD800", r"\udfff", r"\ud83d\u0041", r"\\ud800"),
        *("{", "}", "[", "]", ",", ":", " ", "NaN", "-Infinity", '\\\\\\"'),
        *(FIELD, rf"\"{FIELD}\"", rf"\"{FIELD}\":{{\"traceparent\":\"x\"}}"),
        *(rf",\"{FIELD}\": {{}}}}", rf"\\\"{FIELD}\" : "),
    ]
) | st.characters(codec="utf-8", min_codepoint=0x20, exclude_characters='"\\')


def _quoted(pieces: list[str]) -> str:
    return '"' + "".join(pieces) + '"'


string_literals = st.lists(_pieces, max_size=4).map(_quoted)

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


value_literals = st.recursive(scalar_literals, _containers, max_leaves=4)

_other_keys = string_literals.filter(lambda literal: json.loads(literal) != FIELD)
_other_members = _members(_other_keys, value_literals)


# --- objects without the field ------------------------------------------------------------------


def _document(parts: tuple[str, list[str], str, str]) -> bytes:
    before, members, empty, after = parts
    inside = ",".join(members) if members else empty
    return f"{before}{{{inside}}}{after}".encode()


written_objects = st.tuples(
    gaps, st.lists(_other_members.map(_member), max_size=4), gaps, gaps
).map(_document)
"""JSON objects in any formatting, with duplicate keys; the field only nested and in strings."""

texts = st.text(max_size=8) | st.sampled_from([KEY, f'{KEY}:{{"a":"b"}}', '\\"', "é\n\x00"])
python_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda values: (
        st.lists(values, max_size=3)
        | st.dictionaries(texts | st.just(FIELD), values, max_size=3)
        | st.dictionaries(st.integers() | st.none(), values, max_size=2)
    ),
    max_leaves=4,
)
_python_objects = st.dictionaries(
    texts.filter(lambda text: text != FIELD), python_values, max_size=5
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
    members = [(False, member) for member in draw(st.lists(_other_members, max_size=3))]
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


any_objects = json_objects | objects_with_field().map(lambda document: document.payload)


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
