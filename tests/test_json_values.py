"""The value of one member, and where it ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codec import ALL_ESCAPED, BACKENDS, ESCAPED, K
from opentelemetry_instrumentation_nats_payload import _json_stdlib
from oracle import FIELD, last_value
from strategies import PROPERTY, any_objects


def _values(payload: bytes, name: str = FIELD) -> list[bytes | None]:
    """What each backend reads from the strict JSON that it made of ``payload``."""
    return [backend.ValueReader(name).read(backend.as_strict(payload)) for backend in BACKENDS]


@PROPERTY
@given(any_objects, st.sampled_from([FIELD, "a", "1"]))
def test_both_readers_agree_with_a_scanner(payload: bytes, name: str) -> None:
    """Over any object: the last top-level member of that name, or None."""
    *_, stdlib = _values(payload, name)
    assert stdlib == last_value(payload, name)
    strict = BACKENDS[0].as_strict(payload)
    expected = last_value(strict, name)
    assert [backend.ValueReader(name).read(strict) for backend in BACKENDS] == (
        [expected] * len(BACKENDS)
    )
    assert (stdlib is None) == (expected is None)
    assert stdlib is None or expected is None or len(stdlib) == len(expected)


_READ: dict[str, tuple[bytes, bytes | None]] = {
    "absent": (b'{"a":1}', None),
    "empty object": (b" { } ", None),
    "only": (b"{K:1}", b"1"),
    "spaced": (b'{\n "a" : [ ] ,\tK\r: { "b" : 1 }\n, "c":2}\n', b'{ "b" : 1 }'),
    "escaped": (b'{"a":1,E:2}', b"2"),
    "all escaped": (b'{A:3,"a":1}', b"3"),
    "the last of several": (b'{K:1,E:"x",A:[2],"b":0}', b"[2]"),
    "an escaped one, then a plain one": (b"{E:1,K:2}", b"2"),
    "nested only": (b'{"a":{K:1},"b":[{K:2}]}', None),
    "nested behind it": (b'{K:1,"a":{K:2}}', b"1"),
    "as a value": (b'{"a":K,"b":[K]}', None),
    "null": (b"{K:null}", b"null"),
    "empty string": (b'{K:""}', b'""'),
    "braces in a string": (b'{K:"}\\",{","a":"]"}', b'"}\\",{"'),
    "another case": (b'{"_OTEL_TRACE_HEADERS":1}', None),
    "non-ASCII": ('{"é":"é",K:"é𝄞"}'.encode(), '"é𝄞"'.encode()),
    "a long number": (b"{K:" + b"1" * 20_000 + b"e5}", b"1" * 20_000 + b"e5"),
}


@pytest.mark.parametrize(("payload", "value"), _READ.values(), ids=_READ)
def test_a_value_is_read_as_it_stands(payload: bytes, value: bytes | None) -> None:
    """Its bytes, without the white space around them."""
    if b'"_OTEL' not in payload:
        payload = payload.replace(b"K", K).replace(b"E", ESCAPED).replace(b"A", ALL_ESCAPED)
    assert _values(payload) == [value] * len(BACKENDS)
    assert last_value(payload) == value


def test_the_standard_library_reads_what_only_python_writes() -> None:
    """It needs no strict JSON."""
    reader = _json_stdlib.ValueReader("a")
    assert reader.read(b'{"a":NaN,"b":[-Infinity]}') == b"NaN"
    assert reader.read(rb'{"\ud800":"\udc00","a":"\ud800"}') == rb'"\ud800"'
