"""Corner cases of JSON as payloads: what takes the field, what holds a carrier, what has another
value there. What is no JSON object is in ``corner_cases_broken``.
"""

from __future__ import annotations

import json
import re

from oracle import FIELD

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
_MARKS = {
    b"@K": f'"{FIELD}"',
    b"@N": FIELD,
    b"@E": '"\\u005fotel_trace\\u005Fheaders"',
    b"@L": '"{}"'.format("".join(f"\\u{ord(char):04x}" for char in FIELD)),
    b"@U": '"{}"'.format("".join(f"\\u{ord(char):04X}" for char in FIELD)),
    b"@T": f'"{TRACEPARENT}"',
    b"@O": f'{{"traceparent":"{TRACEPARENT}"}}',
    b"@S": json.dumps(f'{{"{FIELD}":{{"traceparent":"x"}}}}'),
}
TOO_DEEP = "deep for some parsers"
_WIDE = ",".join(f'"k{number}":{number}' for number in range(20_000)).encode()


def expanded(payload: bytes) -> bytes:
    """``@K`` is the key of the field, ``@N`` its name, ``@E @L @U`` its key with escapes, ``@O`` a
    carrier, ``@T`` a traceparent, ``@S`` a string that looks like the field.
    """
    return re.sub(b"@[KNELUTOS]", lambda mark: _MARKS[mark.group()].encode(), payload)


def deep(depth: int) -> list[bytes]:
    """Objects that are nested so deep: arrays, objects, and both by turns."""
    half = depth // 2
    return [
        b'{"a":' + b"[" * depth + b"]" * depth + b"}",
        b'{"a":' * depth + b"0" + b"}" * depth,
        b'{"a":' + b'[{"":' * half + b"null" + b"}]" * half + b"}",
    ]


def _entries(count: int) -> bytes:
    return json.dumps({str(number): "" for number in range(count)}).encode()


TAKES: dict[str, list[bytes]] = {
    "empty": [b"{}", b"{ }", b"{\n}", b"\t{\r\n\t}\r\n", b" " * 9000 + b"{" + b"\n" * 9000 + b"}"],
    "white space": [
        b'{ "a" : 1 }',
        b'{\r\n\t"a"\r\n\t:\r\n\t[\r\n\t]\r\n}\r\n',
        b'{"a":1' + b" " * 20_000 + b"}" + b"\n" * 20_000,
        b'\n\n\n{"a":"\\n"}\n\n\n',
    ],
    "number": [
        b'{"a":-0}',
        b'{"a":[-0.0,0e0,0E-0,-0e+0]}',
        b'{"a":1e999,"b":-1e999,"c":1e-999}',
        b'{"a":0.1e+007,"b":1E+2,"c":1.10}',
        b'{"a":18446744073709551616,"b":-9223372036854775809}',
        b'{"a":' + b"9" * 5000 + b"}",
        b'{"a":-' + b"1" * 5000 + b"." + b"0" * 5000 + b"}",
        b'{"a":1e' + b"9" * 5000 + b"}",
        b'{"a":0.' + b"0" * 5000 + b"1}",
    ],
    "of Python": [
        b'{"a":NaN}',
        b'{"a":[Infinity, -Infinity ,NaN]}',
        b'{"NaN":NaN,"Infinity":"-Infinity"}',
        b'{"a":{"b":[[NaN]]},"c":"\\ud800"}',
    ],
    "string": [
        rb'{"a":"\"\\\/\b\f\n\r\t"}',
        b'{"a":"%b"}' % b"".join(b"\\u%04x" % code for code in range(0x80)),
        b'{"a":"%b"}' % b"".join(b"\\u%04X" % code for code in range(0xD7F0, 0xE010)),
        rb'{"a":"\ud83d\ude00 \uD83D\uDE00"}',
        rb'{"a":"\ud800","b":"\udfff\ud800","\udc00":0}',
        rb'{"a":"\ud83d\ud83d\ude00"}',
        rb'{"a":"\\ud800\\\ud800"}',
        '{"a":"\ufeff\uffff\ufdd0\U0010ffff\x7f\u0080\u2028\u2029"}'.encode(),
        '{"\u00e9":1,"e\u0301":2,"\U0001f600":3}'.encode(),
        b'{"a":"' + b"\\\\" * 50_001 + b'"}',
        b'{"a":"' + b'\\"' * 50_001 + b'"}',
        b'{"a":"' + b"x" * 500_000 + b'"}',
        b'{"a":"' + "é\U0001f600".encode() * 50_000 + b'"}',
        b'{"a":"{","b":"}","c":"},","d":",\\"}"}',
        b'{"a":"// no /* comment */ #"}',
    ],
    "key": [
        b'{"":0,"":1}',
        b'{" ":0,"\\u0020":1}',
        b'{"a":1,"a":2,"\\u0061":3,"a":{"a":4,"a":5}}',
        rb'{"\"\\\/\b\f\n\r\t\u0000\u001f":0}',
        b'{"' + b"k" * 100_000 + b'":0}',
        b'{"a,":0,":":1,"{":2,"}":3,"[":4,"]":5}',
        b"{" + b'"a":0,' * 20_000 + b'"a":1}',
        b"{" + _WIDE + b"}",
    ],
    "the field elsewhere": [
        b'{"a":{@K:@O}}',
        b'{"a":[@K,{@K:@O}]}',
        b'{"a":{"b":{@E:@O},@K:1}}',
        b'{"a":@K,"b":[@K]}',
        b'{"a":@S,"b":[@S]}',
        b'{"a":%b}' % json.dumps(_MARKS[b"@S"]).encode(),
        b'{@S:0,"b":@S}',
        b'{"@N_":@O,"_@N":@O}',
        b'{"@N ":@O," @N":@O}',
        b'{"@N\\u0000":@O}',
        b'{"\\\\u005fotel_trace_headers":@O}',
        b'{"_OTEL_TRACE_HEADERS":@O,"_Otel_trace_headers":@O}',
        '{"\uff3fotel_trace_headers":{"a":"b"},"_ot\u0435l_trace_headers":{"a":"b"}}'.encode(),
        b'{"a":"\\\\",":":{@K:@O},"b":"\\\\\\""}',
        b'{"@N.traceparent":"x","@N[0]":{}}',
    ],
    "deep": [*deep(50), *deep(200)],
    "large": [
        b'{"a":"' + b"x" * 1_000_000 + b'"}',
        b'{"a":[' + b"{@K:{}}," * 30_000 + b"0]}",
        b'{"a":[' + b'NaN,"\\ud800",' * 30_000 + b"0]}",
        b'{"a":[' + b"[]," * 200_000 + b"0]}",
    ],
}
"""Each is one JSON object without the field."""

HOLDS: dict[str, list[bytes]] = {
    "place": [
        b"{@K:<@O>}",
        b" { @K : <@O> } ",
        b'{@K:<@O>,"a":1}',
        b'{"a":1,@K:<@O>,"b":2}',
        b'{"a":1,@K:<@O>}\n',
        b'{\n  "a": 1,\n  @K: <@O>\n}\n',
        b'{"a":{@K:@O},@K:<@O>,"b":[{@K:@O}]}',
        b'{"a":@S,@K:<@O>,"b":@S}',
        b'{@K:<@O>,"a":"' + b"x" * 900_000 + b'"}',
        b'{"a":"' + b"x" * 900_000 + b'",@K:<@O>}',
        b"{" + _WIDE + b",@K:<@O>," + _WIDE + b"}",
    ],
    "spelling": [b'{@E:<@O>,"a":1}', b'{"a":1,@L:<@O>}', b'{"a":1,@U:<@O>}', b"{@E : <@O>}"],
    "duplicate": [b"{@K:@O,@K:<@O>}", b"{@K:1,@E:<@O>}", b"{@E:@O,@L:@O,@U:@O,@K:<@O>}"],
    "beside": [
        b'{"a":NaN,@K:<@O>,"b":-Infinity}',
        b'{"\\ud800":"\\udc00",@K:<@O>}',
        b'{"a":' + b"7" * 5000 + b",@K:<@O>}",
        b'{"a":1e999,"a":-0,@K:<@O>}',
        deep(200)[0][:-1] + b",@K:<@O>}",
        b'{@K:<@O>,"b":' + deep(200)[1] + b"}",
    ],
    "value": [
        b"{@K:<null>}",
        b"{@K:<{}>}",
        b"{@K:<{ \n}>}",
        b'{@K:<{"traceparent":"garbage"}>,"a":1}',
        b'{@K: <{ "traceparent" : @T }> }',
        b'{@K:<{"\\u0074raceparent":"\\u00300-0"}>}',
        b'{@K:<{"traceparent":@T,"tracestate":"a=1","baggage":"b=2"}>}',
        b'{@K:<{"traceparent":@T,"x":"}"}>}',
        b'{@K:<{"x":"\\"","y":"\\\\","traceparent":@T}>}',
        b'{@K:<{"x":"1","x":"2"}>}',
        '{@K:<{"é":"\U0001f600"}>}'.encode(),
        b'{@K:<{"\\u0000":"\\u001f"}>}',
        b"{@K:<%b>}" % _entries(15),
        b"{@K:<%b>}" % _entries(16),
        b'{@K:<{"x":"' + b"y" * 8000 + b'"}>}',
        b'{@K:<{"x":"' + b"y" * 8184 + b'"}>}',
    ],
}
"""Each is one JSON object with a carrier in the field, which stands between ``<`` and ``>``."""

OTHER_VALUES: dict[str, list[bytes]] = {
    "a value of the application": [
        *(b"{@K:1}", b"{@K:-0}", b"{@K:1e999}", b"{@K:NaN}", b"{@K:-Infinity}", b"{@K:true}"),
        *(b'{@K:""}', b"{@K:@K}", b"{@K:[]}", b"{@K:[@O]}", b'{@K:"null"}', b"{@K:@S}"),
        *(b'{@K:{"a":1}}', b'{@K:{"a":null}}', b'{@K:{"a":["b"]}}', b'{@K:{"a":{}}}'),
        *(b'{@K:{"a":1,"a":"b"}}', b'{@K:{"a":"\\ud800"}}', b'{@K:{"\\udc00":"a"}}'),
        *(b'{@E:1,"a":1}', b'{"a":1,@L:[{}]}', b"{@K:{@K:@O}}", b"{@K:" + b"1" * 5000 + b"}"),
        *(b"{@K:" + document + b"}" for document in deep(200)),
    ],
    "too large": [
        b"{@K:%b}" % _entries(17),
        b'{@K:{"x":"' + b"y" * 8185 + b'"}}',
        b'{@K:{"a":"b"' + b" " * 9000 + b"}}",
        b'{@K:"' + b"x" * 900_000 + b'"}',
    ],
    "hidden by a duplicate": [b"{@K:@O,@K:1}", b'{@K:@O,@E:"x"}', b"{@K:@O,@L:[]}"],
}
"""Each is one JSON object with something else than a carrier in the field."""

AT_THE_LIMIT: dict[str, list[bytes]] = {
    # Where parsers give up differs between them, and from one interpreter to another.
    TOO_DEEP: [*deep(900), *deep(1000), *deep(1500), *deep(10_000)],
    # Too deep to be validated, and known by its ends.
    TOO_DEEP + ", with the field": [
        b'{"a":' + deep(100_000)[0][5:-1] + b",@K:@O}",
        b'{"a":NaN,"b":' + deep(100_000)[0][5:-1] + b",@K:@O}",
        b'{@K:@O,"a":' + deep(100_000)[0][5:-1] + b"}",
    ],
    # nats-server takes 1 MiB.
    "1 MiB": [
        b'{"a":"' + b"x" * (1_048_576 - 8 - room) + b'"}' for room in (0, 60, 95, 96, 97, 200)
    ],
    "1 MiB with the field": [b'{@K:@O,"a":"' + b"x" * (1_048_576 - 106) + b'"}'],
}
"""Each may be left alone, or take the field."""
