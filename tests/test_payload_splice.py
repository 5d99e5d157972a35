"""The codec: where the field goes, and that every other byte stays."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codec import CARRIER, DOCUMENT, SPLICED, K, cut, fill, find, read
from opentelemetry_instrumentation_nats_payload._json import encode_carrier
from opentelemetry_instrumentation_nats_payload._payload import PayloadField
from oracle import FIELD, Pairs, parse
from strategies import (
    PROPERTY,
    WithField,
    carrier_literals,
    dumped_objects,
    json_objects,
    objects_with_field,
)

_field = PayloadField(FIELD)

_SPLICES = {
    "empty": (b"{}", b"{%b}"),
    "empty, spaced": (b"{ }", b"{ %b}"),
    "empty, newlines": (b"\n{\r\n}\n", b"\n{\r\n%b}\n"),
    "compact": (b'{"a":1}', b'{"a":1,%b}'),
    "spaced": (b'{"a": 1, "b": 2}', b'{"a": 1, "b": 2,%b}'),
    "pretty": (b'{\n  "a": 1\n}\n', b'{\n  "a": 1\n,%b}\n'),
    "empty object inside": (b'{"a":{}}', b'{"a":{},%b}'),
    "brace in the last string": (b'{"a":"}"}', b'{"a":"}",%b}'),
    "after a string with a quote": (rb'{"a":"\""}', rb'{"a":"\"",%b}'),
    "beside NaN": (b'{"a":NaN,"b":[-Infinity]}', b'{"a":NaN,"b":[-Infinity],%b}'),
    "beside a lone surrogate": (rb'{"\ud800":"\udc00"}', rb'{"\ud800":"\udc00",%b}'),
}


@pytest.mark.parametrize(("payload", "filled"), _SPLICES.values(), ids=_SPLICES)
def test_the_field_becomes_the_last_member(payload: bytes, filled: bytes) -> None:
    """Compact, right before the final brace, with a comma where something precedes it."""
    assert fill(_field, payload) == filled % SPLICED


def test_a_lone_traceparent_costs_96_bytes() -> None:
    """The price of the context in a payload."""
    assert len(fill(_field, b'{"a":1}')) - len(b'{"a":1}') == 96
    assert len(fill(_field, b"{}")) - len(b"{}") == 95


@pytest.mark.parametrize("spaces", [1, 8000, 20_000])
def test_white_space_behind_the_object_stays(spaces: int) -> None:
    """However much there is behind the brace, the field is found and cut again."""
    payload = b'{"a":1}' + b" \n" * spaces
    filled = fill(_field, payload)
    assert filled == b'{"a":1,%b}' % SPLICED + b" \n" * spaces
    assert (read(_field, filled), cut(_field, filled)) == (CARRIER, payload)


@PROPERTY
@given(json_objects, st.dictionaries(st.text(max_size=5), st.text(max_size=9), max_size=4))
def test_what_is_spliced_in_is_one_member_and_comes_out_to_the_byte(
    payload: bytes, carrier: dict[str, str]
) -> None:
    """Only bytes before the final brace are added; a parser sees one more pair, the last."""
    assert _field.find(payload) is None
    document = encode_carrier(carrier)
    assert document is not None
    filled = fill(_field, payload, document)
    brace = payload.rindex(b"}")
    comma = b"," if parse(payload).items else b""
    assert filled == payload[:brace] + comma + K + b":" + document + payload[brace:]
    *others, (name, value) = parse(filled).items
    assert others == parse(payload).items
    assert (name, value) == (FIELD, Pairs(list(carrier.items())))
    assert read(_field, filled) == carrier
    assert cut(_field, filled) == payload


@PROPERTY
@given(dumped_objects)
def test_a_parser_without_pairs_sees_the_same(payload: bytes) -> None:
    """Of what ``json.loads`` makes of the filled object, only the field is new."""
    loaded = json.loads(fill(_field, payload), parse_constant=str)
    assert loaded.pop(FIELD) == CARRIER
    assert loaded == json.loads(payload, parse_constant=str)


@PROPERTY
@given(objects_with_field(values=st.just("null") | carrier_literals))
def test_a_carrier_is_replaced_in_place(document: WithField) -> None:
    """Nothing around the value of the last one changes, and nothing is added elsewhere."""
    payload, (_, value_start, end) = document.payload, document.spans[-1]
    member = find(_field, payload)
    if member.carrier is None:  # too large, or of too many entries
        assert _field.slot(payload, member) is None
        return
    filled = fill(_field, payload)
    assert filled == payload[:value_start] + DOCUMENT + payload[end:]
    before, after = parse(payload).items, parse(filled).items
    last = max(index for index, (name, _) in enumerate(before) if name == FIELD)
    before[last] = (FIELD, Pairs(list(CARRIER.items())))
    assert after == before
    assert read(_field, filled) == CARRIER
