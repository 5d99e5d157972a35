"""The codec: any name that the settings accept is a field like any other."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codec import BACKENDS, CARRIER, assert_absent, cut, fill, find, using
from opentelemetry_instrumentation_nats_payload._config import resolve
from opentelemetry_instrumentation_nats_payload._payload import PayloadField
from oracle import Pairs, parse, without
from strategies import PROPERTY, spellings, string_literals

_PAIRS = Pairs(list(CARRIER.items()))
_accepted_names = st.from_regex(r"[A-Za-z0-9_.-]{1,8}", fullmatch=True)


@st.composite
def _named_objects(draw: st.DrawFn) -> tuple[str, bytes, bytes]:
    """A name, and an object with and without a field of that name in the middle."""
    name = draw(_accepted_names)
    assert resolve({"payload_field": name}, {}).payload_field == name
    others = string_literals.filter(lambda literal: json.loads(literal) != name)
    members = [f"{draw(others)}:{draw(string_literals | st.just('[1]'))}" for _ in range(3)]
    members += [f'"x":[{{{draw(spellings(name))}:{{}}}}]'] if name != "x" else []
    original = "{" + ",".join(members) + "}"
    members.insert(1, f'{draw(spellings(name))}:{{"old":"}}"}}')
    return name, original.encode(), ("{" + ",".join(members) + "}").encode()


@PROPERTY
@given(_named_objects())
def test_any_accepted_name_works(case: tuple[str, bytes, bytes]) -> None:
    """Punctuation, digits and single letters, spelled with escapes or not."""
    name, original, with_field = case
    field = PayloadField(name)
    assert field.find(original) is None
    filled = fill(field, original)
    assert parse(filled).items[-1] == (name, _PAIRS)
    assert cut(field, filled) == original
    replaced = parse(fill(field, with_field))
    assert replaced.items[1] == (name, _PAIRS)
    assert without(replaced, name) == without(parse(with_field), name)
    assert parse(cut(field, with_field)) == without(parse(with_field), name)


@pytest.mark.parametrize(
    "name", [".", "-", "_", "1", "-1", "e5", "true", "null", "u0061", "NaN", "-Infinity"]
)
def test_a_name_that_looks_like_json_is_a_name(name: str) -> None:
    """Between strings, where numbers and literals stand, it is not mistaken for the field."""
    assert resolve({"payload_field": name}, {}).payload_field == name
    literals = (b"0", name.encode()) if name in ("1", "-1", "true", "null") else (b"0",)
    for literal in literals:
        original = b'{"x":L,"y":":K:","z":["K","K",L,{"K":L}],"K2":{"\\"K\\":":{"K":"K"}}}'
        original = original.replace(b"L", literal).replace(b"K", name.encode())
        for backend in BACKENDS:
            with using(backend, name) as field:
                assert_absent(field, original)
                assert parse(fill(field, original)).items == [
                    *parse(original).items,
                    (name, _PAIRS),
                ]


@pytest.mark.parametrize("name", ["NaN", "-Infinity", "xInfinity"])
def test_a_name_like_nan_is_found_beside_what_only_python_writes(name: str) -> None:
    """What makes strict JSON of such a payload leaves the name as it is."""
    for original in (b'{"x":NaN}', b'{"x":[-Infinity]}', b'{"x":"\\ud800"}'):
        for backend in BACKENDS:
            with using(backend, name) as field:
                assert_absent(field, original)
                payload = b'{"%b":{},%b' % (name.encode(), original[1:])
                assert find(field, payload).carrier == {}
                assert cut(field, payload) == original
