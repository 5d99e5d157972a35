"""Corner cases that are no JSON object in UTF-8: nothing is read from them, or written to them."""

from __future__ import annotations

import bz2
import gzip
import lzma
import pickle
import zlib

from corner_cases import expanded

_SPLICED = expanded(b'{"a":1,@K:@O}')
_FIELD = expanded(b"@K:@O")
_DEEP = 100_000
_PUNCTUATION = (0, 1, 3, 4, 6, 7, 27, 28, 29, 30, 42, 43, 44, 100, 101, 102)


def _in_string(*bad: bytes) -> list[bytes]:
    return [payload for b in bad for payload in (b'{"a":"%b"}' % b, b'{"%b":1,%b}' % (b, _FIELD))]


def _as_value(*bad: bytes) -> list[bytes]:
    return [b'{"a":%b}' % value for value in bad]


BROKEN: dict[str, list[bytes]] = {
    "nothing": [b"", b" ", b"\n", b"\x00", b"\t\r\n "],
    "another kind": [
        *(b"[]", b"[{}]", b"[%b]" % _SPLICED, b'"{}"', b"0", b"-0", b"1e999", b"null", b"true"),
        *(b"NaN", b"-Infinity", b"hello", b"{name}", b"{{}}", b"${a}", b"<a>{}</a>", b"a=1&b=2"),
        *(b"{'a': 1}", b'{"a": True}', b'{"a": None}', b"{a:1}", b'{"a":undefined}', b"--- {}\n"),
        *(b'callback({"a":1})', b')]}\',\n{"a":1}', b'data: {"a":1}\n\n', b'\x1e{"a":1}\n'),
    ],
    "binary": [
        *(compress(_SPLICED) for compress in (zlib.compress, bz2.compress, lzma.compress)),
        gzip.compress(_SPLICED, mtime=0),
        *(pickle.dumps({"a": 1}, protocol) for protocol in (0, 2, 4)),
        *(b"\x81\xa1a\x01", b"\xa1aa\x01", b"\x0a\x03abc", b"{\x01\x02}", b"\x00\x07" + b'{"a":1}'),
    ],
    "encoding": [
        *(_SPLICED.decode().encode(name) for name in ("utf-16", "utf-16-le", "utf-16-be")),
        *(_SPLICED.decode().encode(name) for name in ("utf-32", "utf-32-le", "utf-32-be")),
        *(_SPLICED.decode().encode(name) for name in ("utf-8-sig", "cp037")),
        '{"a":"é"}'.encode("latin-1"),
        b'{"a":"\xa4\xa2\x82\xa0"}',
        b'\xff\xfe{"a":1}',
        b'{\xef\xbb\xbf"a":1}',
        b'{"a":1}\xef\xbb\xbf',
    ],
    "UTF-8": [
        *_in_string(b"\xff", b"\xfe", b"\x80", b"\xbf", b"\xc3", b"\xe2\x82", b"\xf0\x9f\x98"),
        *_in_string(b"\xc0\x80", b"\xc0\xaf", b"\xc1\xbf", b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf"),
        *_in_string(b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xed\xa0\xbd\xed\xb8\x80"),
        *_in_string(b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80"),
        b'{"a":\xc0\xa2x\xc0\xa2}',
        b"\xc1\xbb\xc1\xbd",
        b'{"a":1\xff}',
        b'{"a":1}\x80',
    ],
    "several": [
        *(b"{}{}", b'{"a":1}{"b":2}', b'{"a":1}\n{"b":2}', b'{"a":1}\r\n{"b":2}\r\n'),
        *(b'{"a":1}\n%b\n' % _SPLICED, b'%b\n{"a":1}\n' % _SPLICED, _SPLICED * 2),
        *(
            b'{"a":1} {',
            b'{"a":1},{"b":2}',
            b'{"a":1};',
            b'{"a":1}null',
            b"{}[]",
            b"[]{}",
            b"{}\x00{}",
        ),
    ],
    "white space": [
        *(b"\x0b{}", b"{}\x0c", b"\x00{}", b"{}\x00", b"\xc2\xa0{}", b"{}\xe2\x80\xa8", b"\x1c{}"),
        *_as_value(b"\x0b1", b"1\x0c", b"\xc2\xa01", b"1\xe2\x80\x83", b"\x001", b"1\x00", b"\x85"),
    ],
    "comma": [
        *(b'{"a":1,}', b'{,"a":1}', b'{"a":1,,"b":2}', b"{,}", b'{"a":1 "b":2}', b'{"a":1;"b":2}'),
        *(b"{%b,}" % _FIELD, b"{,%b}" % _FIELD, b'{"a":1,,%b}' % _FIELD, b'{"a":1 %b}' % _FIELD),
        *_as_value(b"[1,]", b"[,1]", b"[1,,2]", b"[1 2]", b"[,]", b'{"b":1,}', b"[1;2]"),
    ],
    "colon": [b'{"a" 1}', b'{"a"::1}', b'{"a"=1}', b'{"a"}', b'{"a":}', b"{:1}", b'{"a":"b":1}'],
    "comment": [
        *(b'{/**/"a":1}', b'{"a":1//\n}', b'{"a":1}//', b'#\n{"a":1}', b'{"a":1}/**/'),
        b'{"a":/*1*/1,%b}' % _FIELD,
    ],
    "key": [
        b"{1:1}",
        b"{null:1}",
        b"{NaN:1}",
        b"{[]:1}",
        b"{'a':1}",
        b'{"a:1}',
        b'{a":1}',
        b"{a:1}",
    ],
    "number": [
        *_as_value(b"01", b"-01", b"+1", b".5", b"1.", b"-", b"--1", b"-.5", b"1e", b"1e+", b"1e-"),
        *_as_value(
            b"1E+-2", b"1.2.3", b"1_000", b"0x1F", b"0b1", b"0o7", b"1f", b"1L", b"1,5", b"- 1"
        ),
        *_as_value(b"9" * 5000 + b"x", b"0" * 5000, b"1." + b"0" * 5000 + b"e", "١".encode()),
        *_as_value("１".encode(), b"1 000", b"1e5.5", b"0.1.", b"e5", b"$1", b"1%"),
    ],
    "literal": [
        *_as_value(
            b"tru", b"True", b"TRUE", b"nul", b"Null", b"nulll", b"falsey", b"t", b"truefalse"
        ),
        *_as_value(b"nan", b"NAN", b"-NaN", b"+NaN", b"NaNa", b"1NaN", b"Na", b"inf", b"Infinit"),
        *_as_value(b"+Infinity", b"- Infinity", b"--Infinity", b"-infinity", b"InfinityNaN"),
    ],
    "string": [
        *(b'{"a":"%c"}' % code for code in (0, 1, 8, 9, 10, 13, 27, 31)),
        *(b'{"%c":1}' % code for code in (0, 10, 31)),
        *_as_value(
            rb'"\x41"', rb'"\u12"', rb'"\u"', rb'"\u12G4"', rb'"\U0001D11E"', rb'"\0"', rb'"\a"'
        ),
        *_as_value(
            rb'"\u+041"', rb'"\u 041"', rb'"\u-041"', rb'"\ud80"', rb'"\uNaN0"', rb'"\ud8NaN"'
        ),
        *_as_value(
            rb'"\"', b'"\\', b'"\\\n"', b"'a'", b'"a', b'a"', b'"a""b"', b'"a"b', b'"a\n"', b"`a`"
        ),
    ],
    "unterminated": [
        *(
            b"{",
            b'{"',
            b'{"a',
            b'{"a"',
            b'{"a":',
            b'{"a":1',
            b'{"a":1,',
            b'{"a":[',
            b'{"a":"}',
            b'{"a":[}',
        ),
        *(
            b"}",
            b"}{",
            b"{]",
            b"[}",
            b'{"a":1]',
            b'{"a":[1}',
            b'{"a":[{]}}',
            b'{"a":1}}',
            b'{"a":{}',
        ),
    ],
    "cut splice": [
        *(_SPLICED[:end] for end in range(7, len(_SPLICED), 9)),
        *(_SPLICED[:end] + b"}" for end in range(10, len(_SPLICED) - 2, 9)),
        *(_SPLICED[:start] + _SPLICED[start + 1 :] for start in _PUNCTUATION),
        *(b'{"a":1},%b}' % _FIELD, b'{"a":1}%b' % _FIELD, b'{"a":1,%b}}' % _FIELD, _FIELD),
    ],
    "deep": [
        b'{"a":' + b"[" * _DEEP + b"]" * _DEEP + b"}",
        b'{"a":' * _DEEP + b"1" + b"}" * _DEEP,
        b"{" * _DEEP,
        b"{" + b"[" * _DEEP + b"}",
        b'{"a":' + b"[" * _DEEP + b"}" * _DEEP,
        expanded(b"{@K:" + b'{"a":' * _DEEP + b"1" + b"}" * _DEEP + b"}"),
    ],
    "large": [
        b'{"a":"' + b"x" * 1_000_000,
        b'{"a":"' + b"x" * 1_000_000 + b'\xff"}',
        b'{"a":"' + b"x" * 1_000_000 + b'",' + _FIELD + b"}}",
        b'{"a":"' + b'\\"' * 400_000 + _FIELD + b"}",
    ],
}
"""Each is anything but one JSON object in UTF-8."""
