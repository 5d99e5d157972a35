"""The codec: where the field is found, where it goes, and that every other byte stays."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Callable
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opentelemetry_instrumentation_nats_payload import _json, _json_stdlib
from opentelemetry_instrumentation_nats_payload._config import resolve
from opentelemetry_instrumentation_nats_payload._json import decode_carrier, encode_carrier
from opentelemetry_instrumentation_nats_payload._payload import Member, PayloadField, Slot
from strategies import (
    FIELD,
    KEY,
    PROPERTY,
    Pairs,
    WithField,
    carrier_in,
    dumped_objects,
    json_objects,
    not_objects,
    objects_with_field,
    parse,
    spellings,
    string_literals,
    without,
)

_TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
_CARRIER = {"traceparent": _TRACEPARENT}
_DOCUMENT = b'{"traceparent":"' + _TRACEPARENT.encode() + b'"}'
_SPLICED = KEY.encode() + b":" + _DOCUMENT
_K = KEY.encode()
_E = b'"\\u005fotel_trace\\u005Fheaders"'

_field = PayloadField(FIELD)


def _fill(payload: bytes, field: PayloadField = _field, document: bytes = _DOCUMENT) -> bytes:
    """``payload`` with the document where it goes, in place of what is there."""
    slot = field.slot(payload, field.find(payload))
    assert slot is not None
    filled = slot.fill(payload, document)
    assert len(filled) == slot.filled_size(payload, document)
    return filled


def _cut(payload: bytes, field: PayloadField = _field) -> bytes:
    """``payload`` without the field that it has."""
    member = field.find(payload)
    assert member is not None
    return field.cut(payload, member)


def _read(payload: bytes) -> dict[str, str] | None:
    """The carrier in ``payload``."""
    member = _field.find(payload)
    return _field.read(payload, member) if member else None


def _case(name: str, *values: object) -> object:
    return pytest.param(*values, id=name)


# --- what is one JSON object, and what is not ---------------------------------------------------

_OBJECTS = [
    _case("empty", b"{}"),
    _case("empty with white space", b" {\n\t\r } \r\n"),
    _case("one member", b'{"a":1}'),
    _case("pretty", b'{\n  "a": 1,\n  "b": [\n    2\n  ]\n}\n'),
    _case("white space everywhere", b'\t\r\n {  "a" \n:\t[ 1\r, 2 ]  , "b" : { } \n}\n\n'),
    _case("duplicate keys", b'{"a":1,"a":2,"a":{"a":3,"a":4}}'),
    _case("empty key", b'{"":0}'),
    _case("empty containers", b'{"a":[],"b":{},"c":""}'),
    _case("literals", b'{"a":[true,false,null]}'),
    _case("number spellings", b'{"a":[0,-0,0.0,1.0,1E5,1e+05,1E-05,-1.50e00,100]}'),
    _case("number beyond a double", b'{"a":[1e400,-1e400,1e-400]}'),
    _case("5000 digits", b'{"a":' + b"7" * 5000 + b"}"),
    _case("5000 decimals", b'{"a":0.' + b"7" * 5000 + b"}"),
    _case("integer beyond 64 bit", b'{"a":18446744073709551616}'),
    _case("NaN", b'{"a":NaN}'),
    _case("Infinity", b'{"a":[Infinity,-Infinity,{"b":NaN}]}'),
    _case("NaN in strings", b'{"NaN":"-Infinity, \\"NaN\\"","b":NaN}'),
    _case("every short escape", rb'{"a":"\"\\\/\b\f\n\r\t"}'),
    _case("escaped letters", rb'{"a":"\u0041\u00e9\uFFFF\u0000"}'),
    _case("surrogate pair", rb'{"a":"\uD834\udd1e"}'),
    _case("lone high surrogate", rb'{"a":"\ud800"}'),
    _case("lone low surrogate", rb'{"a":"\uDFFF","\udc00":1}'),
    _case("high surrogate, then a letter", rb'{"a":"\uD834\u0041\ud834x"}'),
    _case("surrogates reversed", rb'{"a":"\udd1e\ud834"}'),
    _case("escaped backslash before u", rb'{"a":"\\ud800","b":"\\\ud800"}'),
    _case("lone surrogate and NaN", rb'{"a":"\ud800","b":NaN}'),
    _case("UTF-8 of each length", '{"é":"€","𝄞":"\u007f"}'.encode()),
    _case("noncharacters", '{"a":"\uffff\U0010ffff\ufdd0"}'.encode()),
    _case("byte order mark in a string", '{"a":"\ufeff"}'.encode()),
    _case("unescaped separators", '{"a":"\u2028\u2029\u0085"}'.encode()),
    _case("unescaped slash and DEL", b'{"a":"//\x7f"}'),
    _case("braces in strings", b'{"a":"}","b":"{","c":"]["}'),
    _case("quotes in strings", rb'{"a":"\"}\\","\"b\"":"\\\\"}'),
    _case("200 arrays deep", b'{"a":' + b"[" * 200 + b"]" * 200 + b"}"),
    _case("200 objects deep", b'{"a":' * 200 + b"1" + b"}" * 200),
    _case("template inside", b'{"a":"{name}"}'),
]

_NOT_OBJECTS = [
    _case("nothing", b""),
    _case("white space", b" \n"),
    _case("array", b"[]"),
    _case("array of objects", b'[{"a":1},{"b":2}]'),
    _case("string", b'"{}"'),
    _case("number", b"1"),
    _case("literal", b"null"),
    _case("NaN", b"NaN"),
    _case("text", b"hello"),
    _case("template", b"{name}"),
    _case("two templates", b"{greeting}, {name}"),
    _case("double braces", b"{{}}"),
    _case("Python repr", b"{'a': 1}"),
    _case("Python set", b'{"a", "b"}'),
    _case("Python True", b'{"a": True}'),
    _case("Python None", b'{"a": None}'),
    _case("YAML", b"{a: 1}"),
    _case("JavaScript", b"{a:1}"),
    _case("protobuf text", b'{ name: "x" }'),
    _case("binary in braces", b"{\x00\x01\x02}"),
    _case("gzip", gzip.compress(b'{"a":1}')),
    _case("zlib", zlib.compress(b'{"a":1}')),
    _case("two objects", b'{"a":1}{"b":2}'),
    _case("two objects, spaced", b"{} {}"),
    _case("two objects with a comma", b"{},{}"),
    _case("NDJSON", b'{"a":1}\n{"b":2}\n'),
    _case("byte order mark", b'\xef\xbb\xbf{"a":1}'),
    _case("UTF-16 with mark", '{"a":1}'.encode("utf-16")),
    _case("UTF-16 little", '{"a":1}'.encode("utf-16-le")),
    _case("UTF-16 big", '{"a":1}'.encode("utf-16-be")),
    _case("UTF-32", '{"a":1}'.encode("utf-32")),
    _case("Latin-1", b'{"a":"\xe9"}'),
    _case("Latin-1 key", b'{"\xe9":1}'),
    _case("overlong UTF-8", b'{"a":"\xc0\xaf"}'),
    _case("surrogate in UTF-8", b'{"a":"\xed\xa0\x80"}'),
    _case("truncated UTF-8", b'{"a":"\xe2\x82"}'),
    _case("beyond Unicode", b'{"a":"\xf4\x90\x80\x80"}'),
    _case("bad UTF-8 outside of strings", b'{"a":1\xff}'),
    _case("trailing garbage", b'{"a":1}x'),
    _case("trailing brace", b'{"a":1}}'),
    _case("trailing bracket", b'{"a":1]}'),
    _case("trailing zero byte", b'{"a":1}\x00'),
    _case("trailing comment", b'{"a":1}//}'),
    _case("leading garbage", b'x{"a":1}'),
    _case("leading comma", b'{,"a":1}'),
    _case("trailing comma", b'{"a":1,}'),
    _case("two commas", b'{"a":1,,"b":2}'),
    _case("comma alone", b"{,}"),
    _case("no comma", b'{"a":1 "b":2}'),
    _case("no colon", b'{"a" 1}'),
    _case("two colons", b'{"a"::1}'),
    _case("no value", b'{"a":}'),
    _case("key alone", b'{"a"}'),
    _case("two values", b'{"a":1 2}'),
    _case("comma for colon", b'{"a","b"}'),
    _case("number as key", b"{1:1}"),
    _case("NaN as key", b"{NaN:1}"),
    _case("null as key", b"{null:1}"),
    _case("object as key", b"{{}:1}"),
    _case("comment", b'{/**/"a":1}'),
    _case("trailing comma in array", b'{"a":[1,]}'),
    _case("leading comma in array", b'{"a":[,1]}'),
    _case("no comma in array", b'{"a":[1 2]}'),
    _case("colon in array", b'{"a":["b":1]}'),
    _case("unclosed object", b'{"a":1'),
    _case("unclosed inner object", b'{"a":{}'),
    _case("unclosed array", b'{"a":[}'),
    _case("unclosed string", b'{"a":"}'),
    _case("escaped closing quote", rb'{"a":"\"}'),
    _case("crossed brackets", b'{"a":[{]}}'),
    _case("vertical tab as space", b'{"a":1\x0b}'),
    _case("form feed after", b'{"a":1}\x0c'),
    _case("no-break space", b'{"a":\xc2\xa01}'),
    _case("-NaN", b'{"a":-NaN}'),
    _case("+Infinity", b'{"a":+Infinity}'),
    _case("--Infinity", b'{"a":--Infinity}'),
    _case("- Infinity", b'{"a":- Infinity}'),
    _case("nan", b'{"a":nan}'),
    _case("inf", b'{"a":[inf,-inf]}'),
    _case("NaN twice", b'{"a":NaNNaN}'),
    _case("number, then NaN", b'{"a":1NaN}'),
    _case("NaN in an escape", rb'{"a":"\uNaN0"}'),
    _case("NaN after an escape", rb'{"a":"\NaN"}'),
    _case("Infinity in an escape", rb'{"a":"\u00Infinity"}'),
    _case("surrogate cut by NaN", rb'{"a":"\ud8NaN"}'),
    _case("leading zero", b'{"a":01}'),
    _case("minus and zero", b'{"a":-01}'),
    _case("plus", b'{"a":+1}'),
    _case("minus alone", b'{"a":-}'),
    _case("no integer", b'{"a":.5}'),
    _case("no decimals", b'{"a":1.}'),
    _case("no decimals, exponent", b'{"a":1.e5}'),
    _case("no exponent", b'{"a":1e}'),
    _case("sign alone as exponent", b'{"a":1e+}'),
    _case("hexadecimal", b'{"a":0x1}'),
    _case("underscore", b'{"a":1_000}'),
    _case("Arabic digits", '{"a":١}'.encode()),
    _case("wide digits", '{"a":1１}'.encode()),
    _case("two points", b'{"a":1.2.3}'),
    _case("tru", b'{"a":tru}'),
    _case("TRUE", b'{"a":TRUE}'),
    _case("truee", b'{"a":truee}'),
    _case("nul", b'{"a":nul}'),
    _case("tab in string", b'{"a":"\t"}'),
    _case("newline in string", b'{"a":"\n"}'),
    _case("zero byte in string", b'{"a":"\x00"}'),
    _case("control character in key", b'{"\x1f":1}'),
    _case("unknown escape", rb'{"a":"\x41"}'),
    _case("escaped quote of Python", rb'{"a":"\'"}'),
    _case("short unicode escape", rb'{"a":"\u12"}'),
    _case("unicode escape of Python", rb'{"a":"\U0001D11E"}'),
    _case("bad digit in escape", rb'{"a":"\u12G4"}'),
    _case("sign in escape", rb'{"a":"\u+041"}'),
    _case("space in escape", rb'{"a":"\u 041"}'),
    _case("half a surrogate escape", rb'{"a":"\ud80"}'),
    _case("lone surrogate and garbage", rb'{"a":"\ud800",}'),
    _case("single quotes", b"{'a':1}"),
    _case("100000 arrays deep", b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    _case("100000 objects deep", b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
    _case("100000 open braces", b"{" * 100_000),
    _case("100000 braces", b"{" * 100_000 + b"}" * 100_000),
]


@pytest.fixture(params=["the backend in use", "the standard library"])
def _backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the test with the backend that was chosen, and with the one that always works."""
    if request.param == "the standard library":
        monkeypatch.setattr(_json, "_backend", _json_stdlib)


@pytest.mark.usefixtures("_backend")
@pytest.mark.parametrize("payload", _OBJECTS)
def test_an_object_takes_the_field_and_gives_it_back(payload: bytes) -> None:
    """Every payload that is one JSON object: spliced in, readable, and out again to the byte."""
    assert _field.find(payload) is None
    filled = _fill(payload)
    assert parse(filled).items[:-1] == parse(payload).items
    assert json.loads(filled.decode(), parse_int=str)[FIELD] == _CARRIER
    assert _read(filled) == _CARRIER
    assert _cut(filled) == payload


@pytest.mark.usefixtures("_backend")
@pytest.mark.parametrize("payload", _NOT_OBJECTS)
def test_nothing_is_written_into_what_is_no_object(payload: bytes) -> None:
    """Every other payload has no slot, and cut returns the very same object."""
    assert _field.slot(payload, _field.find(payload)) is None
    assert _field.cut(payload, Member(0, 1, 2)) is payload


@pytest.mark.usefixtures("_backend")
@pytest.mark.parametrize(
    "payload",
    [
        _case("unclosed", b'{"a":1,%b'),
        _case("closed twice", b'{"a":1,%b}}'),
        _case("two objects", b'{"a":1}{%b}'),
        _case("NDJSON", b'{"a":1}\n{%b}\n'),
        _case("array", b"[%b]"),
        _case("array of objects", b"[{%b}]"),
        _case("bare", b"%b"),
        _case("no comma", b'{"a":1 %b}'),
        _case("no value before", b'{"a":,%b}'),
        _case("trailing comma", b"{%b,}"),
        _case("leading comma", b"{,%b}"),
        _case("bad UTF-8", b'{"a":"\xff",%b}'),
        _case("byte order mark", b"\xef\xbb\xbf{%b}"),
        _case("control character", b'{"a":"\n",%b}'),
        _case("garbage after", b"{%b}x"),
        _case("in an unclosed string", b'{"a":"%b}'),
    ],
)
def test_the_field_in_what_is_no_object_is_not_touched(payload: bytes) -> None:
    """An invalid payload that has the field is neither written to nor cut."""
    payload = payload % _SPLICED
    member = _field.find(payload)
    assert _field.slot(payload, member) is None
    assert _field.cut(payload, member or Member(0, 1, 2)) is payload


# --- splicing -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("payload", "filled"),
    [
        _case("empty", b"{}", b"{%b}"),
        _case("empty, spaced", b"{ }", b"{ %b}"),
        _case("empty, newlines", b"\n{\r\n}\n", b"\n{\r\n%b}\n"),
        _case("compact", b'{"a":1}', b'{"a":1,%b}'),
        _case("spaced", b'{"a": 1, "b": 2}', b'{"a": 1, "b": 2,%b}'),
        _case("pretty", b'{\n  "a": 1\n}\n', b'{\n  "a": 1\n,%b}\n'),
        _case("empty object inside", b'{"a":{}}', b'{"a":{},%b}'),
        _case("brace in the last string", b'{"a":"}"}', b'{"a":"}",%b}'),
        _case("after a string with a quote", rb'{"a":"\""}', rb'{"a":"\"",%b}'),
    ],
)
def test_the_field_becomes_the_last_member(payload: bytes, filled: bytes) -> None:
    """Compact, right before the final brace, with a comma where something precedes it."""
    assert _fill(payload) == filled % _SPLICED


def test_a_lone_traceparent_costs_96_bytes() -> None:
    """The price of the context in a payload."""
    assert len(_fill(b'{"a":1}')) - len(b'{"a":1}') == 96
    assert len(_fill(b"{}")) - len(b"{}") == 95


@pytest.mark.parametrize("spaces", [0, 1, 8000, 20_000])
def test_white_space_behind_the_object_stays(spaces: int) -> None:
    """However much there is behind the brace, the field is found and cut again."""
    payload = b'{"a":1}' + b" \n" * spaces
    filled = _fill(payload)
    assert filled == b'{"a":1,%b}' % _SPLICED + b" \n" * spaces
    assert (_read(filled), _cut(filled)) == (_CARRIER, payload)


@PROPERTY
@given(json_objects)
def test_what_is_spliced_in_comes_out_to_the_byte(payload: bytes) -> None:
    """Cut undoes fill, for any object."""
    assert _field.find(payload) is None
    assert _cut(_fill(payload)) == payload


@PROPERTY
@given(json_objects, st.dictionaries(st.text(max_size=5), st.text(max_size=9), max_size=4))
def test_a_filled_object_is_the_original_and_one_member(
    payload: bytes, carrier: dict[str, str]
) -> None:
    """Only bytes before the final brace are added; a parser sees one more pair, the last."""
    document = encode_carrier(carrier)
    assert document is not None
    filled = _fill(payload, document=document)
    brace = payload.rindex(b"}")
    comma = b"," if parse(payload).items else b""
    added = comma + _K + b":" + document
    assert filled == payload[:brace] + added + payload[brace:]
    *others, (name, value) = parse(filled).items
    assert others == parse(payload).items
    assert name == FIELD
    assert value == Pairs(list(carrier.items()))
    assert _read(filled) == carrier


@PROPERTY
@given(dumped_objects)
def test_a_parser_without_pairs_sees_the_same(payload: bytes) -> None:
    """Of what ``json.loads`` makes of the filled object, only the field is new."""
    loaded = json.loads(_fill(payload), parse_constant=str)
    assert loaded.pop(FIELD) == _CARRIER
    assert loaded == json.loads(payload, parse_constant=str)


# --- finding ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "payload",
    [
        _case("nested", b'{"a":{%b}}'),
        _case("nested, then more", b'{"a":{%b},"b":1}'),
        _case("nested in an array", b'{"a":[{%b}]}'),
        _case("nested after arrays", b'{"a":[[],{"b":[]},{%b}],"c":1}'),
        _case("nested after braces in strings", b'{"a":{"}":"}}}]]",%b}}'),
        _case("in its own kind", b'{"a":{"b":{%b},%b}}'),
    ],
)
def test_a_nested_field_is_not_the_field(payload: bytes) -> None:
    """Only the top level counts."""
    payload = payload.replace(b"%b", _SPLICED)
    assert _field.find(payload) is None
    assert _cut(_fill(payload)) == payload


@pytest.mark.parametrize(
    "payload",
    [
        _case("in a string", json.dumps({"a": f'{KEY}:{{"x":"y"}}'}).encode()),
        _case("in a string, at its end", json.dumps({"a": f'x,{KEY}:{{"x":"y"}}}}'}).encode()),
        _case("in a string, twice escaped", json.dumps({"a": json.dumps({FIELD: {}})}).encode()),
        _case("thrice escaped", json.dumps({"a": json.dumps(json.dumps({FIELD: {}}))}).encode()),
        _case("as a string", b'{"a":%b}' % _K),
        _case("as a string before a member", b'{"a":%b,"b":{}}' % _K),
        _case("in an array", b'{"a":[%b,%b],"b":{}}' % (_K, _K)),
        _case("within another key", b'{"x%b_x":{"a":"b"}}' % FIELD.encode()),
        _case("as the start of a key", b'{"%bs":{"a":"b"}}' % FIELD.encode()),
        _case("as the end of a key", b'{"x%b":{"a":"b"}}' % FIELD.encode()),
        _case("as a quoted key", b'{"\\"%b":{"a":"b"}}' % FIELD.encode()),
        _case("behind a backslash", b'{"\\\\%b":{"a":"b"}}' % FIELD.encode()),
        _case("twice escaped key", b'{"\\\\u005fotel_trace_headers":{"a":"b"}}'),
        _case("another key with escapes", b'{"\\u005fotel_trace_header\\u0054":{}}'),
        _case("in another case", b'{"_OTEL_TRACE_HEADERS":{},"_Otel_trace_headers":{}}'),
    ],
)
def test_other_places_of_the_name_are_not_the_field(payload: bytes) -> None:
    """The name inside strings, in arrays and as part of other keys is left alone."""
    assert FIELD not in json.loads(payload)
    assert _field.find(payload) is None
    assert _cut(_fill(payload)) == payload


_PLACES = [
    _case("only", b"{", b"}"),
    _case("first", b"{", b',"a":1}'),
    _case("middle", b'{"a":1,', b',"b":2}'),
    _case("last", b'{"a":1,', b"}"),
    _case("last, newline", b'{"a":1, ', b"}\n"),
    _case("after an array", b'{"a":[1,{}],', b',"b":[]}'),
    _case("after a nested one", b'{"a":{%b:{"a":"nested"}},' % _K, b',"b":1}'),
    _case("before a nested one", b"{", b',"b":{%b:{"a":"nested"}}}' % _K),
    _case("between nested ones", b'{"a":[{%b:1}],' % _K, b',"b":[{%b:{}}]}' % _K),
    _case("after text like it", b'{"a":"\\"%b\\":{",' % FIELD.encode(), b',"b":1}'),
    _case("before text like it", b"{", b',"b":"\\"%b\\":{}}"}' % FIELD.encode()),
    _case("after a backslash", b'{"a":"\\\\",', b"}"),
    _case("after escaped quotes", b'{"a":"\\\\\\"",', b',"b":"\\""}'),
    _case("after a longer key", b'{"x%b":{"a":"b"},' % FIELD.encode(), b"}"),
    _case("far from the end", b"{", b',"a":"' + b"x" * 50_000 + b'"}'),
    _case("far from the start", b'{"a":"' + b"x" * 50_000 + b'",', b"}"),
    _case("far from both", b'{"a":"%b",' % (b"x" * 50_000), b',"b":"%b"}' % (b"y" * 50_000)),
    _case("before a long nested one", b"{", b',"b":{%b:1,"c":"%b"}}' % (_K, b"x" * 50_000)),
]
_KEYS = [
    _case("plain", _K),
    _case("escaped", _E),
    _case("all escaped", '"{}"'.format("".join(f"\\u{ord(c):04X}" for c in FIELD)).encode()),
]


def _check_replace_and_cut(before: bytes, key: bytes, value: bytes, after: bytes) -> None:
    member = key + b": " + value
    payload = before + member + b" " + after
    start, end = len(before), len(before + member)
    found = _field.find(payload)
    assert found == Member(start, end - len(value), end)
    assert _field.slot(payload, found) == Slot(end - len(value), end, b"")
    assert _fill(payload) == payload[: end - len(value)] + _DOCUMENT + payload[end:]
    assert parse(_cut(payload)) == without(parse(payload))


@pytest.mark.parametrize(("before", "after"), _PLACES)
@pytest.mark.parametrize("key", _KEYS)
@pytest.mark.parametrize("value", [_case("carrier", _DOCUMENT), _case("braces", b'{"a":"}"}')])
def test_the_field_is_found_replaced_and_cut_at_any_place(
    before: bytes, after: bytes, key: bytes, value: bytes
) -> None:
    """First, last or between members, near text and nested members that look like it."""
    _check_replace_and_cut(before, key, value, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [_case("first", b"{", b',"a":1}'), _case("last", b'{"a":1,', b"}")],
)
@pytest.mark.parametrize("key", _KEYS)
@pytest.mark.parametrize(
    "value",
    [
        _case("empty", b"{}"),
        _case("spaced carrier", b'{ "a" : "b" ,\n"c":"d" }'),
        _case("braces in it", b'{"a":"}","b":"{","c":"\\"}"}'),
        _case("the key in it", b'{%b:"%b"}' % (_K, FIELD.encode())),
        _case("null", b"null"),
        _case("number", b"-1.5e3"),
        _case("NaN", b"NaN"),
        _case("-Infinity", b"-Infinity"),
        _case("string", b'"}\\",\\\\"'),
        _case("array", b"[{},[]]"),
        _case("nested", b'{"a":{%b:{}}}' % _K),
        _case("non-ASCII", '{"é":"𝄞"}'.encode()),
        _case("5000 digits", b"1" * 5000),
    ],
)
def test_the_field_is_found_replaced_and_cut_with_any_value(
    before: bytes, after: bytes, key: bytes, value: bytes
) -> None:
    """Also with values that are no carrier, which another writer left there."""
    _check_replace_and_cut(before, key, value, after)


@pytest.mark.parametrize(
    ("value", "carrier"),
    [
        _case("traceparent", _DOCUMENT, _CARRIER),
        _case("empty", b"{}", {}),
        _case("escapes", rb'{"a":"\u00e9\n\"\ud834\udd1e"}', {"a": 'é\n"𝄞'}),
        _case("duplicates", b'{"a":"1","a":"2"}', {"a": "2"}),
        _case("null", b"null", None),
        _case("string", b'"x"', None),
        _case("number", b"1", None),
        _case("array", b'["traceparent"]', None),
        _case("list values", b'{"a":["b"]}', None),
        _case("number values", b'{"a":"b","c":1}', None),
        _case("null values", b'{"a":null}', None),
        _case("nested", b'{"a":{"b":"c"}}', None),
        _case("lone surrogate", rb'{"a":"\ud800"}', None),
        _case("lone surrogate as key", rb'{"\udc00":"a"}', None),
        _case("16 entries", json.dumps({str(i): "" for i in range(16)}).encode(), "all"),
        _case("17 entries", json.dumps({str(i): "" for i in range(17)}).encode(), None),
        _case("8192 bytes", b'{"a":"' + b"x" * 8184 + b'"}', {"a": "x" * 8184}),
        _case("8193 bytes", b'{"a":"' + b"x" * 8185 + b'"}', None),
        _case("8193 bytes in UTF-8", b'{"a":"x' + "é".encode() * 4092 + b'"}', None),
        _case("8193 bytes by white space", b'{"a":"b"' + b" " * 8184 + b"}", None),
        _case("a megabyte", b'{"a":"' + b"x" * 1_000_000 + b'"}', None),
    ],
)
@pytest.mark.parametrize(
    ("before", "after"),
    [_case("last", b'{"a":1,', b"}"), _case("first", b"{", b',"a":1}')],
)
def test_only_an_object_of_strings_within_bounds_is_read(
    before: bytes, after: bytes, value: bytes, carrier: object
) -> None:
    """At most 16 entries and 8 KiB; anything else in the field is ignored."""
    payload = before + _K + b":" + value + after
    member = _field.find(payload)
    assert member is not None
    expected = json.loads(value) if carrier == "all" else carrier
    assert _field.read(payload, member) == expected


@PROPERTY
@given(objects_with_field())
def test_the_last_field_at_the_top_level_is_found(document: WithField) -> None:
    """What a parser keeps of several is what is found, where it stands, and read as it says."""
    payload = document.payload
    member = _field.find(payload)
    assert member is not None
    assert member == Member(document.start, document.value_start, document.end)
    value = dict(parse(payload).items)[FIELD]
    assert _field.read(payload, member) == carrier_in(value, document.end - document.value_start)


@PROPERTY
@given(objects_with_field())
def test_the_field_is_replaced_in_place(document: WithField) -> None:
    """Whatever its value, nothing around it changes, and nothing is added elsewhere."""
    payload = document.payload
    filled = _fill(payload)
    assert filled == payload[: document.value_start] + _DOCUMENT + payload[document.end :]
    before, after = parse(payload).items, parse(filled).items
    last = max(index for index, (name, _) in enumerate(before) if name == FIELD)
    before[last] = (FIELD, Pairs(list(_CARRIER.items())))
    assert after == before
    assert _read(filled) == _CARRIER


@PROPERTY
@given(objects_with_field())
def test_cut_leaves_the_other_members(document: WithField) -> None:
    """All fields at the top level go, duplicates included; every other pair stays."""
    assert parse(_cut(document.payload)) == without(parse(document.payload))


@PROPERTY
@given(objects_with_field(max_count=1))
def test_cut_takes_the_member_and_one_comma(document: WithField) -> None:
    """The comma before it, or the one after it where it is the first."""
    payload = document.payload
    before, after = payload[: document.start], payload[document.end :]
    if re.search(rb",\s*\Z", before):
        expected = re.sub(rb",\s*\Z", b"", before) + after
    else:
        expected = before + re.sub(rb"\A\s*,\s*", b"", after)
    assert _cut(payload) == expected


@PROPERTY
@given(not_objects)
def test_what_is_no_object_stays_as_it_is(payload: bytes) -> None:
    """No slot, and cut returns the same object."""
    member = _field.find(payload)
    assert _field.slot(payload, member) is None
    assert _field.slot(payload, None) is None
    assert _field.cut(payload, member or Member(0, 0, len(payload))) is payload


# --- cutting ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("payload", "cut"),
    [
        _case("only", b"{F}", b"{}"),
        _case("only, spaced", b"{ F }", b"{  }"),
        _case("first", b'{F,"a":1}', b'{"a":1}'),
        _case("first, spaced", b'{ F , "a":1}', b'{ "a":1}'),
        _case("first, pretty", b'{\n  F,\n  "a": 1\n}', b'{\n  "a": 1\n}'),
        _case("middle", b'{"a":1,F,"b":2}', b'{"a":1,"b":2}'),
        _case("middle, spaced", b'{"a": 1, F, "b": 2}', b'{"a": 1, "b": 2}'),
        _case("middle, pretty", b'{\n "a": 1,\n F,\n "b": 2\n}', b'{\n "a": 1,\n "b": 2\n}'),
        _case("last", b'{"a":1,F}', b'{"a":1}'),
        _case("last, pretty", b'{\n  "a": 1,\n  F\n}\n', b'{\n  "a": 1\n}\n'),
        _case("twice", b"{F,F}", b"{}"),
        _case("twice, spaced", b"{ F , F }", b"{   }"),
        _case("first and last", b'{F,"a":1,F}', b'{"a":1}'),
        _case("around the middle", b'{"a":1,F,"b":2,F,F,"c":3}', b'{"a":1,"b":2,"c":3}'),
        _case("16 times", b'{"a":1' + b",F" * 16 + b"}", b'{"a":1}'),
        _case("escaped", b'{"a":1,E,"b":2}', b'{"a":1,"b":2}'),
        _case("escaped, last", b'{"a":1,E}', b'{"a":1}'),
        _case("escaped twice", b'{E,"a":1,E}', b'{"a":1}'),
        _case("plain, then escaped", b'{F,"a":1,E}', b'{"a":1}'),
        _case("escaped, then plain", b'{E,"a":1,F}', b'{"a":1}'),
        _case("escaped, then plain, not last", b'{E,"a":1,F,"b":2}', b'{"a":1,"b":2}'),
        _case("escaped, then plain, alone", b"{E,F}", b"{}"),
        _case("comma in the string before", b'{"a":",",F}', b'{"a":","}'),
        _case("comma in the key before", b'{F,",":1}', b'{",":1}'),
    ],
)
def test_cut_is_exact(payload: bytes, cut: bytes) -> None:
    """Byte for byte, for a plain field (F) and one spelled with an escape (E)."""
    escaped = _E + b' : {"a":"}"}'
    assert _cut(payload.replace(b"F", _SPLICED).replace(b"E", escaped)) == cut


def test_cut_of_two_kinds_of_value() -> None:
    """Duplicates go whether or not their values are carriers."""
    payload = b'{%b:1,"a":1,%b:null,%b:{"a":[%b]},"b":2,%b:"x"}' % ((_K,) * 5)
    assert _cut(payload) == b'{"a":1,"b":2}'


# --- values that are larger than any carrier ----------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        _case("string", b'"' + b"x" * 20_000 + b'"'),
        _case("string of two-byte letters", b'"x' + "é".encode() * 10_000 + b'"'),
        _case("object", b'{"a":{"b":"' + b"x" * 20_000 + b'"}}'),
        _case("array", b"[" + b"1," * 10_000 + b"1]"),
        _case("integer", b"1" * 20_000),
        _case("decimals", b"0." + b"1" * 20_000),
        _case("exponent", b"1e" + b"1" * 20_000),
        _case("negative integer", b"-" + b"1" * 20_000),
    ],
)
@pytest.mark.parametrize(
    ("before", "after"),
    [_case("last", b'{"a":1,', b"}"), _case("first", b"{", b',"a":1}')],
)
def test_a_large_value_is_replaced_whole_or_not_at_all(
    before: bytes, after: bytes, value: bytes
) -> None:
    """A value that no carrier could be stays, or goes as a whole; the object remains valid."""
    payload = before + _K + b":" + value + after
    member = _field.find(payload)
    assert member is not None
    assert _field.read(payload, member) is None
    slot = _field.slot(payload, member)
    if slot is not None:
        assert slot.fill(payload, _DOCUMENT) == before + _K + b":" + _DOCUMENT + after
    assert _field.cut(payload, member) in (payload, b'{"a":1}')


# --- other names --------------------------------------------------------------------------------

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
    """Regular expression characters, spaces and single letters are names like any other."""
    name, original, with_field = case
    field = PayloadField(name)
    assert field.find(original) is None
    filled = _fill(original, field)
    assert parse(filled).items[-1] == (name, Pairs(list(_CARRIER.items())))
    assert _cut(filled, field) == original
    replaced = parse(_fill(with_field, field))
    assert replaced.items[1] == (name, Pairs(list(_CARRIER.items())))
    assert without(replaced, name) == without(parse(with_field), name)
    assert parse(_cut(with_field, field)) == without(parse(with_field), name)


@pytest.mark.parametrize("name", [".", "-", "_", "1", "-1", "e5", "NaN", "true", "u0061"])
def test_a_name_that_looks_like_json_is_a_name(name: str) -> None:
    """Between strings, where numbers and literals stand, it is not mistaken for the field."""
    assert resolve({"payload_field": name}, {}).payload_field == name
    field = PayloadField(name)
    literal = name.encode() if name in ("1", "-1", "NaN", "true") else b"0"
    original = b'{"x":L,"y":":K:","z":["K","K",L,{"K":L}],"K2":{"\\"K\\":":{"K":"K"}}}'
    original = original.replace(b"L", literal).replace(b"K", name.encode())
    assert field.find(original) is None
    filled = _fill(original, field)
    assert parse(filled) == Pairs([*parse(original).items, (name, Pairs([*_CARRIER.items()]))])
    assert _cut(filled, field) == original


# --- adversaries --------------------------------------------------------------------------------


class _Adversary(NamedTuple):
    """A large payload, and what is right of it."""

    payload: Callable[[], bytes]
    found: bool
    """Whether it has the field."""

    filled: bool
    """Whether it is written to."""

    taken: Callable[[], bytes] | None = None
    """What cut takes out; None where the payload stays the same."""


_IN_STRING = json.dumps(f'{KEY}:{{"traceparent":"x"}},').encode()[1:-1]
_LARGE = ",".join(f'"key{i}":{{"price":{i}.25,"l":[1,2,3]}}' for i in range(25_000)).encode()

_ADVERSARIES = {
    "a million braces": _Adversary(lambda: b"{" * 1_000_000, False, False),
    "a million brackets": _Adversary(lambda: b'{"a":' + b"[" * 1_000_000 + b"}", False, False),
    "the field in a string": _Adversary(
        lambda: b'{"a":"' + _IN_STRING * 35_000 + b'"}', False, True
    ),
    "the field in strings": _Adversary(
        lambda: b'{"a":[' + b'"%b",' % _IN_STRING * 35_000 + b"0]}", False, True
    ),
    "the name as strings": _Adversary(
        lambda: b'{"a":[' + b"%b," % _K * 35_000 + b"0]}", False, True
    ),
    "nested fields": _Adversary(
        lambda: b'{"a":[' + b"{%b:{}}," % _K * 35_000 + b"0]}", False, True
    ),
    "nested fields, escaped": _Adversary(
        lambda: b'{"a":[' + b"{%b:{}}," % _E * 35_000 + b"0]}", False, True
    ),
    "nested fields, and the field": _Adversary(
        lambda: b'{"a":[' + b"{%b:{}}," % _K * 35_000 + b"0],%b}" % _SPLICED,
        True,
        True,
        lambda: b"," + _SPLICED,
    ),
    "the field, and nested fields": _Adversary(
        lambda: b'{%b,"a":[' % _SPLICED + b"{%b:{}}," % _K * 35_000 + b"0]}",
        True,
        True,
        lambda: _SPLICED + b",",
    ),
    "the field before a megabyte": _Adversary(
        lambda: b"{" + _SPLICED + b"," + _LARGE + b"}",
        True,
        True,
        lambda: _SPLICED + b",",
    ),
    "40000 duplicates": _Adversary(lambda: b"{" + b"%b:{}," % _K * 40_000 + b'"a":1}', True, True),
    "40000 duplicates, the last at the end": _Adversary(
        lambda: b"{" + b"%b:{}," % _K * 40_000 + _SPLICED + b"}", True, True
    ),
    "unclosed string of escaped quotes": _Adversary(
        lambda: b'{%b:1,"' % _K + b'\\"' * 500_000, True, False
    ),
    "unclosed string before the field": _Adversary(
        lambda: b'{"a":"' + b'\\"' * 500_000 + _SPLICED + b"}", False, False
    ),
    "string of escaped quotes": _Adversary(
        lambda: b'{"a":"' + b'\\"' * 500_000 + b'","b":{%b:1}}' % _K, False, True
    ),
    "unclosed strings": _Adversary(lambda: b'{"a":"' + b'"%b:{}' % _K * 35_000, True, False),
    "escapes that could be the name": _Adversary(
        lambda: b'{"a":"' + b"\\u0061\\u005f" * 80_000 + b'"}', False, True
    ),
    "names that end too early": _Adversary(
        lambda: b'{"a":["' + b"\\u005fotel_trace_header" * 45_000 + b'"]}', False, True
    ),
    "white space behind the name": _Adversary(
        lambda: b'{"a":[%b' % _K + b" " * 1_000_000 + b"]}", False, True
    ),
    "white space around the field": _Adversary(
        lambda: b"{" + b" " * 500_000 + b'%b:{"a":"b"}' % _K + b"\n" * 500_000 + b"}",
        True,
        True,
        lambda: b'%b:{"a":"b"}' % _K,
    ),
    "a value of 150000 pairs": _Adversary(
        lambda: b'{%b:{%b"b":"c"}}' % (_K, b'"a":"b",' * 150_000),
        True,
        True,
        lambda: b'%b:{%b"b":"c"}' % (_K, b'"a":"b",' * 150_000),
    ),
    "a deep value": _Adversary(
        lambda: b"{%b:" % _K + b"[" * 500_000 + b"]" * 500_000 + b"}", True, False
    ),
    "NaN and lone surrogates": _Adversary(
        lambda: b'{"a":[' + b'NaN,"\\ud800",-Infinity,' * 45_000 + b"0]}", False, True
    ),
}


@pytest.mark.parametrize("name", _ADVERSARIES)
def test_large_adversaries_end_with_the_right_result(name: str) -> None:
    """Payloads of a megabyte that would take hours if anything were quadratic."""
    adversary = _ADVERSARIES[name]
    payload = adversary.payload()
    member = _field.find(payload)
    # Where the payload is not valid, what is found is nobody's matter: nothing is written.
    assert not adversary.filled or (member is not None) == adversary.found
    slot = _field.slot(payload, member)
    assert (slot is not None) == adversary.filled
    cut = _field.cut(payload, member or Member(0, 1, 2))
    if adversary.taken is not None:
        assert cut == payload.replace(adversary.taken(), b"")
    elif adversary.found or not adversary.filled:
        assert cut is payload
    if slot is not None:
        filled = slot.fill(payload, _DOCUMENT)
        assert _read(filled) == _CARRIER
        if member is None:
            assert _cut(filled) == payload


@pytest.mark.parametrize("size", [8191, 8192, 8193, 8704, 8705, 16_384])
def test_the_largest_carrier_is_found_behind_anything(size: int) -> None:
    """Carriers around the bounds of the search from the end, in a large payload."""
    payload = b'{"a":"' + b"x" * 30_000 + b'"}'
    document = b'{"a":"' + b"y" * (size - 8) + b'"}'
    filled = _fill(payload, document=document)
    expected = {"a": "y" * (size - 8)} if size <= 8192 else None
    assert (_read(filled), decode_carrier(document)) == (expected, expected)
    assert _cut(filled) == payload
