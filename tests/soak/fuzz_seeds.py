"""What the fuzzer begins with: corner cases, and words that chance would not find."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

_TESTS = Path(__file__).resolve().parents[1]
_MAX_SEED = 1500


def _payloads() -> list[bytes]:
    if str(_TESTS) not in sys.path:
        sys.path.insert(0, str(_TESTS))
    from corner_wire import cases

    return [case.payload for case in cases() if len(case.payload) <= _MAX_SEED]


def _messages() -> list[bytes]:
    """Three steps each, by turns, and headers that have a context or none."""
    headers = [b"\n\n", b"00-%b-%b-01\na=1\n" % (b"1" * 32, b"2" * 16), b"x\n,\n"]
    payloads = _payloads()
    return [
        b"\x03%c%c%c" % (number % 64, number * 7 % 64, number * 11 % 64)
        + headers[number % 3]
        + payload
        for number, payload in enumerate(payloads)
    ]


def _subjects() -> list[bytes]:
    subjects = ["a", "a.b", "a.b.c", "a..b", "$JS.ACK.s.c.1.2.3.4.5", "_INBOX.x", "é.a", "$KV.b.k"]
    acks = ["d.a.s.c.1.2.3.4.5.r", "s.c." + "9" * 5000 + ".1.1.1.1", "s.c.-1.1.1.1.1"]
    patterns = ["a", "*", ">", "a.*", "a.>", "*.b.>", "a.**", ">.a", "a b", "(a|b)", "[ab].*"]
    return [f"{p}\n{s}".encode() for p in patterns for s in (*subjects, *acks)]


def _settings() -> list[bytes]:
    values = [
        "payload",
        "KEEP",
        "true",
        "!",
        "#5",
        "9" * 5000,
        "a.*,b.>",
        "[a;b;c",
        "x-id,a b",
        "~",
    ]
    return [f"{name}{v}\n{name.upper()}{v}".encode() for name in "abcdefghijklmno" for v in values]


_SEEDS: dict[str, Callable[[], list[bytes]]] = {
    "codec": _payloads,
    "carriers": _messages,
    "subjects": _subjects,
    "settings": _settings,
}

_JSON_WORDS = [
    *(
        '"_otel_trace_headers":',
        '"\\u005fotel_trace_headers":',
        "_otel_trace_headers",
        "traceparent",
    ),
    *('{"traceparent":"00-', '"_otel_trace_context":', '","', '":{"', '":"', "}}", "]}", ',"'),
    *("NaN", "-Infinity", "Infinity", "null", "true", "\\ud800", "\\udc00", "\\u00", '\\"', "\\\\"),
    *("\ufeff", "é", "\U0001f600", "1e999", "-0", "{}", "[]", "\r\n", "\x7f"),
]
_WORDS: dict[str, list[str]] = {
    "codec": _JSON_WORDS,
    "carriers": [*_JSON_WORDS, "baggage", "tracestate", "a=1,b=2", "-01\n"],
    "subjects": [".>", ".*", "*.", "$JS.ACK.", "..", ".$", ">", "\n", "_INBOX."],
    "settings": [
        "payload",
        "keep",
        "strip",
        "link",
        "queue",
        "off",
        "true",
        "false",
        "[",
        ";",
        ",",
        "#",
    ],
}


def write_seeds(target: str, directory: Path) -> None:
    """One file each."""
    for number, seed in enumerate(_SEEDS[target]()):
        (directory / f"seed-{number:04}").write_bytes(seed)


def dictionary(target: str) -> str:
    """In the format of libFuzzer."""
    escaped = ("".join(f"\\x{byte:02x}" for byte in word.encode()) for word in _WORDS[target])
    return "".join(f'"{word}"\n' for word in escaped)
