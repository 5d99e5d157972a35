"""The codec: what comes out of a payload, byte for byte."""

from __future__ import annotations

import re

import pytest
from hypothesis import given

from codec import BACKENDS, ESCAPED, SPLICED, K, cut, find, using
from opentelemetry_instrumentation_nats_payload._payload import PayloadField
from oracle import FIELD, carrier_in, parse
from strategies import PROPERTY, Span, WithField, objects_with_field

_field = PayloadField(FIELD)

_CUTS = {
    "only": (b"{F}", b"{}"),
    "only, spaced": (b"{ F }", b"{  }"),
    "first": (b'{F,"a":1}', b'{"a":1}'),
    "first, spaced": (b'{ F , "a":1}', b'{ "a":1}'),
    "first, pretty": (b'{\n  F,\n  "a": 1\n}', b'{\n  "a": 1\n}'),
    "middle": (b'{"a":1,F,"b":2}', b'{"a":1,"b":2}'),
    "middle, spaced": (b'{"a": 1, F, "b": 2}', b'{"a": 1, "b": 2}'),
    "middle, pretty": (b'{\n "a": 1,\n F,\n "b": 2\n}', b'{\n "a": 1,\n "b": 2\n}'),
    "last": (b'{"a":1,F}', b'{"a":1}'),
    "last, pretty": (b'{\n  "a": 1,\n  F\n}\n', b'{\n  "a": 1\n}\n'),
    "null": (b'{"a":1,N}', b'{"a":1}'),
    "twice": (b"{F,F}", b"{}"),
    "twice, spaced": (b"{ F , F }", b"{   }"),
    "null, then a carrier": (b'{N,"a":1,F}', b'{"a":1}'),
    "first and last": (b'{F,"a":1,F}', b'{"a":1}'),
    "around the middle": (b'{"a":1,F,"b":2,F,F,"c":3}', b'{"a":1,"b":2,"c":3}'),
    "16 times": (b'{"a":1' + b",F" * 16 + b"}", b'{"a":1}'),
    "escaped": (b'{"a":1,E,"b":2}', b'{"a":1,"b":2}'),
    "escaped, last": (b'{"a":1,E}', b'{"a":1}'),
    "escaped twice": (b'{E,"a":1,E}', b'{"a":1}'),
    "plain, then escaped": (b'{F,"a":1,E}', b'{"a":1}'),
    "escaped, then plain": (b'{E,"a":1,F}', b'{"a":1}'),
    "escaped, then plain, not last": (b'{E,"a":1,F,"b":2}', b'{"a":1,"b":2}'),
    "escaped, then plain, alone": (b"{E,F}", b"{}"),
    "beside a nested one": (b'{"a":{F},F,"b":[{E}]}', b'{"a":{F},"b":[{E}]}'),
    "beside NaN": (b'{"a":NaN,F,"b":"\\ud800",F}', b'{"a":NaN,"b":"\\ud800"}'),
    "comma in the string before": (b'{"a":",",F}', b'{"a":","}'),
    "comma in the key before": (b'{F,",":1}', b'{",":1}'),
    "duplicates of other kinds stay": (
        b'{V1,"a":1,VNaN,N,V{"a":[K]},"b":2,V"x",F}',
        b'{V1,"a":1,VNaN,N,V{"a":[K]},"b":2,V"x"}',
    ),
    "a duplicate too large stays": (b"{V" + b"1" * 9000 + b",F}", b"{V" + b"1" * 9000 + b"}"),
}


def _expanded(payload: bytes) -> bytes:
    """A plain field for F, an escaped one for E, a null for N, the key for K, and K: for V."""
    pieces = {
        b"F": SPLICED,
        b"E": ESCAPED + b' : {"a":"}"}',
        b"N": K + b":null",
        b"V": K + b":",
        b"K": K,
    }
    return re.sub(rb"[FEVK]|N(?!aN)(?<!NaN)", lambda match: pieces[match.group()], payload)


@pytest.mark.parametrize(("payload", "expected"), _CUTS.values(), ids=_CUTS)
def test_cut_is_exact(payload: bytes, expected: bytes) -> None:
    """The member, its duplicates that are carriers, and a comma each; every other byte stays."""
    for backend in BACKENDS:
        with using(backend) as field:
            assert cut(field, _expanded(payload)) == _expanded(expected)


def _cut_by_hand(payload: bytes, span: Span) -> bytes:
    """Without one member and the comma before it, or the one after it where it is the first."""
    before, after = payload[: span.start], payload[span.end :]
    if re.search(rb",\s*\Z", before):
        return re.sub(rb",\s*\Z", b"", before) + after
    return before + re.sub(rb"\A\s*,\s*", b"", after)


@PROPERTY
@given(objects_with_field())
def test_cut_takes_the_carriers_and_leaves_the_rest(document: WithField) -> None:
    """From the last member of that name on, up to one that is no carrier, each with one comma."""
    payload = document.payload
    values = [value for name, value in parse(payload).items if name == FIELD]
    expected = payload
    for span, value in reversed([*zip(document.spans, values, strict=True)]):
        if carrier_in(value, span.end - span.value_start) is None:
            break
        expected = _cut_by_hand(expected, span)
    for backend in BACKENDS:
        with using(backend) as field:
            member = find(field, payload)
            if member.carrier is not None:
                assert field.cut(payload, member) == expected
            elif len(values) == 1:
                assert field.cut(payload, member) is payload


def test_cut_is_bounded() -> None:
    """Of more than 16 duplicates the last two go, and what is left is an object."""
    payload = b'{"a":1' + (b"," + SPLICED) * 17 + b"}"
    assert cut(_field, payload) == b'{"a":1' + (b"," + SPLICED) * 15 + b"}"
