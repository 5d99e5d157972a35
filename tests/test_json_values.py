"""The value of one member, and where it ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codec import ALL_ESCAPED, BACKENDS, ESCAPED, K
from damaged import mutated_objects, token_soup
from opentelemetry_instrumentation_nats_payload import _json_stdlib
from opentelemetry_instrumentation_nats_payload._json import WHITESPACE
from oracle import FIELD, is_utf8, last_value
from strategies import PROPERTY, any_objects


def _values(payload: bytes, name: str = FIELD) -> list[bytes]:
    """What each backend reads from the strict JSON that it made of ``payload``."""
    return [backend.ValueReader(name).read(backend.as_strict(payload)) for backend in BACKENDS]


@PROPERTY
@given(any_objects, st.sampled_from([FIELD, "a", "1"]))
def test_both_readers_agree_with_a_scanner(payload: bytes, name: str) -> None:
    """Over any object: the last top-level member of that name, or nothing."""
    *_, stdlib = _values(payload, name)
    assert stdlib == (last_value(payload, name) or b"")
    strict = BACKENDS[0].as_strict(payload)
    expected = last_value(strict, name) or b""
    for backend in BACKENDS:
        assert backend.ValueReader(name).read(strict) == expected
        assert backend.ValueReader("b", name).has_any(strict) is bool(
            expected or last_value(strict, "b")
        )
    assert len(stdlib) == len(expected)


@PROPERTY
@given(st.one_of(any_objects, mutated_objects(), token_soup))
def test_a_reader_validates_by_the_way(payload: bytes) -> None:
    """It reads what is one object in strict JSON, and nothing else."""
    if not is_utf8(payload):
        return
    for backend in BACKENDS:
        is_object = backend.look(payload) is True and payload.strip(WHITESPACE)[:1] == b"{"
        reader = backend.ValueReader(FIELD, "a")
        assert (reader.read(payload) is not None) is is_object
        assert (reader.has_any(payload) is not None) is is_object


@pytest.mark.parametrize("payload", [b"", b" ", b"[]", b"null", b'"{}"', b"{} {}", b"{", b'{"a":}'])
def test_what_is_no_object_has_no_values(payload: bytes) -> None:
    """JSON of another kind, and what is no JSON."""
    for backend in BACKENDS:
        assert backend.ValueReader("a").read(payload) is None
        assert backend.ValueReader("a", "b").has_any(payload) is None


@pytest.mark.parametrize(
    ("payload", "has_any"),
    [
        (b"{}", False),
        (b'{"c":{"a":1}}', False),
        (b'{"a":1}', True),
        (b'{"c":0,"b":null}', True),
        (b'{"\\u0062":"","c":0}', True),
    ],
)
def test_several_names_are_looked_for_at_once(payload: bytes, has_any: bool) -> None:
    """At the top level, in any spelling."""
    for backend in BACKENDS:
        assert backend.ValueReader("a", "b").has_any(payload) is has_any


_READ: dict[str, tuple[bytes, bytes]] = {
    "absent": (b'{"a":1}', b""),
    "empty object": (b" { } ", b""),
    "only": (b"{K:1}", b"1"),
    "spaced": (b'{\n "a" : [ ] ,\tK\r: { "b" : 1 }\n, "c":2}\n', b'{ "b" : 1 }'),
    "escaped": (b'{"a":1,E:2}', b"2"),
    "all escaped": (b'{A:3,"a":1}', b"3"),
    "the last of several": (b'{K:1,E:"x",A:[2],"b":0}', b"[2]"),
    "an escaped one, then a plain one": (b"{E:1,K:2}", b"2"),
    "nested only": (b'{"a":{K:1},"b":[{K:2}]}', b""),
    "nested behind it": (b'{K:1,"a":{K:2}}', b"1"),
    "as a value": (b'{"a":K,"b":[K]}', b""),
    "null": (b"{K:null}", b"null"),
    "empty string": (b'{K:""}', b'""'),
    "braces in a string": (b'{K:"}\\",{","a":"]"}', b'"}\\",{"'),
    "another case": (b'{"_OTEL_TRACE_HEADERS":1}', b""),
    "non-ASCII": ('{"é":"é",K:"é𝄞"}'.encode(), '"é𝄞"'.encode()),
    "a long number": (b"{K:" + b"1" * 20_000 + b"e5}", b"1" * 20_000 + b"e5"),
}


@pytest.mark.parametrize(("payload", "value"), _READ.values(), ids=_READ)
def test_a_value_is_read_as_it_stands(payload: bytes, value: bytes) -> None:
    """Its bytes, without the white space around them."""
    if b'"_OTEL' not in payload:
        payload = payload.replace(b"K", K).replace(b"E", ESCAPED).replace(b"A", ALL_ESCAPED)
    assert _values(payload) == [value] * len(BACKENDS)
    assert (last_value(payload) or b"") == value


def test_the_standard_library_reads_what_only_python_writes() -> None:
    """It needs no strict JSON."""
    reader = _json_stdlib.ValueReader("a")
    assert reader.read(b'{"a":NaN,"b":[-Infinity]}') == b"NaN"
    assert reader.read(rb'{"\ud800":"\udc00","a":"\ud800"}') == rb'"\ud800"'
