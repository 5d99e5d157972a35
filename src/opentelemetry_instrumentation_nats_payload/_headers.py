"""Message headers with a carrier in them. Pure functions on header dicts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import cast

_HEADERS_LINE_SIZE = len(b"NATS/1.0\r\n")
_LINE_EXTRA_SIZE = len(b": \r\n")
# A token of RFC 9110, section 5.6.2. nats-py raises BadHeaderError for any other name.
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")


def is_plain(headers: object) -> bool:
    """Whether ``headers`` can be copied into a dict: other mappings than that may repeat names."""
    if headers is None or isinstance(headers, dict):
        return True
    if not isinstance(headers, Mapping):
        return False
    names = [name for name, _ in cast("Mapping[object, object]", headers).items()]
    return len(names) == len(set(names))


def is_sendable(headers: object) -> bool:
    """Whether nats-py can write ``headers``: for others it has an error of its own."""
    try:
        wire_size(headers)  # type: ignore[arg-type]
    except Exception:
        return False
    return True


def with_carrier(
    headers: Mapping[str, str] | None, carrier: Mapping[str, str], replaced: Iterable[str]
) -> dict[str, str]:
    """A new dict: ``headers`` without those named in ``replaced``, in any case, and ``carrier``.

    Entries of ``carrier`` that are no header, such as a name with a blank, are left out: they
    would cost the message.
    """
    kept = without(headers or {}, (*replaced, *carrier))
    return {**kept, **{k: v for k, v in carrier.items() if _is_header(k, v)}}


def without(headers: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """A new dict: ``headers`` without those named in ``names``, in any case."""
    unwanted = {name.lower() for name in names}
    return {k: v for k, v in headers.items() if k.strip().lower() not in unwanted}


def _is_header(name: str, value: str) -> bool:
    # What is not ASCII costs a receiver with nats-py 2.2 all of the headers.
    is_value = value.isascii() and "\r" not in value and "\n" not in value
    return is_value and _NAME.fullmatch(name) is not None


def wire_size(headers: Mapping[str, str] | None) -> int:
    """Bytes that nats-py sends for ``headers`` (``Client._send_publish``), or a few more.

    The server counts them towards ``max_payload``, nats-py does not.
    """
    if headers is None:
        return 0
    named = ((k, v) for k, v in headers.items() if k.strip())
    lines = sum(len(k.encode()) + len(v.encode()) + _LINE_EXTRA_SIZE for k, v in named)
    return _HEADERS_LINE_SIZE + lines + len(b"\r\n")
