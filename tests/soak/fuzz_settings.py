"""Fuzz target: lines of ``name=value``, in upper case for the environment, in lower case for
arguments, with a number in place of the name.
"""

from __future__ import annotations

import string

from fuzz_target import fuzz, instrumented, texts

with instrumented():
    from invariants import check_settings
    from options import FIELDS, VARIABLES

_NAMES = list(FIELDS)
_LINES = 6


def _argument(text: str) -> object:
    """What a text stands for: a list, a boolean, a number, bytes, or itself."""
    kind, value = text[:1], text[1:]
    if kind == "[":
        return [_argument(item) for item in value.split(";")]
    if kind == "#":
        return int(value) if value.isdecimal() and value.isascii() and len(value) < 99 else -1
    return {"!": value == "", "~": value.encode(), "?": None}.get(kind, text)


def check(data: bytes) -> None:
    """Good settings come of anything, and a message can be sent with them."""
    arguments: dict[str, object] = {}
    environ: dict[str, str] = {}
    for line in texts(data, _LINES):
        letter, value = line[:1], line[1:]
        if not letter or letter not in string.ascii_letters:
            continue
        name = _NAMES[string.ascii_letters.index(letter) % 26 % len(_NAMES)]
        if letter in string.ascii_lowercase:
            arguments[name] = _argument(value)
        else:
            environ[VARIABLES[name]] = value
    check_settings(arguments, environ)


if __name__ == "__main__":
    fuzz(check)
