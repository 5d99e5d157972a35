"""Hypothesis strategies for what is no JSON object, or maybe none: damaged ones, tokens."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

from hypothesis import strategies as st

from oracle import is_one_object
from strategies import any_objects, carrier_literals, python_values, texts, value_literals


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
    st.dictionaries(texts, python_values, min_size=1, max_size=3).map(_repr),
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
