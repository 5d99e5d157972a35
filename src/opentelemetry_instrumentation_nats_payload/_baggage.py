"""The text of a baggage that somebody else wrote: what is well-formed in it, read in bounded time.

OpenTelemetry's own reader takes up to 10 µs for each of 64 entries, logs a warning for each that is
malformed, in the sender's words, and takes the square of the blanks in a value. Pure functions on
text (https://www.w3.org/TR/baggage/).
"""

from __future__ import annotations

import re
from binascii import a2b_qp
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice

MAX_SIZE = 8192
"""Characters (https://www.w3.org/TR/baggage/#limits, and OpenTelemetry's own limit)."""

MAX_ENTRIES = 64
"""Every platform passes on as many."""

_MAX_ENTRY = 4096
# Each takes time. Where there are more, entries with a property, or with a malformed escape among
# the others, count as malformed.
_MAX_PROPERTIES, _MAX_ESCAPES = 256, 256
_KEY_CHAR, _TEXT_CHAR = r"[!#-'*+\-.0-9A-Z^-z|~]", r"[!#-+\--:<-\[\]-~]"
# All of such characters or none: in what is malformed, nothing is tried again with fewer of them.
_KEY, _TEXT = f"{_KEY_CHAR}+(?!{_KEY_CHAR})", f"{_TEXT_CHAR}*(?!{_TEXT_CHAR})"
_PROPERTY = f";{_KEY}(?: ?= ?{_TEXT})?"
_MEMBER = rf",({_KEY}) ?= ?({_TEXT}%s)(?=,|\Z)"
_find_members = re.compile(_MEMBER % f"(?:{_PROPERTY})*").findall
_find_members_without_properties = re.compile(_MEMBER % "").findall
_QUOTED_PRINTABLE = bytes.maketrans(b"%+", b"= ")
_LONE_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")
# What quote_plus, with which a baggage is written, does not make three characters of.
_UNQUOTED = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~ "


class Baggage(dict[str, object]):
    """The entries of a baggage by their names, decoded, and the text that they were read from.

    Not to be changed, nor a ``copy.copy`` of it: OpenTelemetry's functions make a ``dict`` of it
    before they do.

    Attributes:
        text: the well-formed entries, spelled as they came, but without blanks.
    """

    __slots__ = ("text",)

    def __init__(self, entries: dict[str, object], text: str) -> None:
        super().__init__(entries)
        self.text = text


@lru_cache(64)
def read_baggage(value: str) -> Baggage:
    """The well-formed entries of ``value``, as many as every platform passes on.

    Args:
        value: no more than ``MAX_SIZE`` characters.
    """
    entries: dict[str, object] = {}
    spelled: list[str] = []
    members = _members(_first_members("," + _without_blanks(value)))
    for name, content, entry in islice(members, MAX_ENTRIES):
        spelled.append(entry)
        entries[name] = content
    return Baggage(entries, ",".join(spelled))


def _members(text: str) -> Iterator[tuple[str, str, str]]:
    """Name and value of each entry that is well-formed and not too large, and how it is spelled."""
    has_properties = 0 < text.count(";") <= _MAX_PROPERTIES
    find = _find_members if has_properties else _find_members_without_properties
    has_few_escapes = text.count("%") <= _MAX_ESCAPES
    for key, spelling in find(text):
        content = spelling.replace(" ", "")
        entry = f"{key}={content}"
        name, decoded = _decoded(key, has_few_escapes), _decoded(content, has_few_escapes)
        if name is not None and decoded is not None and _is_sendable(name, decoded, entry):
            yield name.strip(), decoded.strip(), entry


def _first_members(text: str) -> str:
    """``text`` up to twice as many members as are read: what is malformed takes time as well."""
    members = text.split(",", 2 * MAX_ENTRIES + 1)
    return text if len(members) <= 2 * MAX_ENTRIES + 1 else ",".join(members[:-1])


def _without_blanks(text: str) -> str:
    """``text`` without blanks around members and properties, and with one for several."""
    if " " not in text and "\t" not in text:
        return text
    text = text.replace("\t", " ")
    while "  " in text:
        text = text.replace("  ", " ")
    for delimiter in ",;":
        text = text.replace(" " + delimiter, delimiter).replace(delimiter + " ", delimiter)
    return text.strip(" ")


def _decoded(text: str, has_few_escapes: bool) -> str | None:
    """``text`` as by ``urllib.parse.unquote_plus``, which takes 20 times as long for many escapes.

    None where some of many escapes are malformed, which takes long as well.
    """
    if "%" not in text:
        return text.replace("+", " ")
    data = _unquoted(text)
    if len(data) != len(text) - 2 * text.count("%"):
        if not has_few_escapes:
            return None
        data = _unquoted(_LONE_PERCENT.sub("%25", text))
    return data.decode(errors="replace")


def _unquoted(text: str) -> bytes:
    # Quoted-printable is the same with another sign (RFC 2045, section 6.7).
    return a2b_qp(text.encode().replace(b"=", b"=3D").translate(_QUOTED_PRINTABLE))


def _is_sendable(name: str, value: str, entry: str) -> bool:
    """Whether ``entry`` is not too large, nor what OpenTelemetry's propagator would make of it: it
    warns of one that is, where the application has changed another one.
    """
    if 3 * len(entry) <= _MAX_ENTRY:  # no character becomes more than three
        return True
    data = f"{name}{value}".encode()
    written = len(data) + 2 * len(data.translate(None, _UNQUOTED)) + len("=")
    return max(len(entry), written) <= _MAX_ENTRY
