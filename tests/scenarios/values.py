"""Whatever nats-py gives, as plain values that two runs of a scenario have in common."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import datetime
import enum
import re
from collections.abc import Mapping
from typing import Any

from nats.aio.msg import Msg

FIELD = "field"
"""Allowance: payloads hold the field, exactly as it is spliced in."""
HEADERS = "headers"
"""Allowance: messages hold the headers of the propagators."""
SIZES = "sizes"
"""Allowance: counts of bytes may be more, where they are not 0."""
OWN_ATTRIBUTES = "_otel_nats_"
"""What attributes of ours begin with, on the objects of nats-py."""

_MEMBER = re.compile(
    rb'(?:(?<=[{\s])|,)"_otel_trace_headers":\{"traceparent":"00-[0-9a-f]{32}-[0-9a-f]{16}-0[0-3]"\}'
    rb"(?=\}\s*$)"
)
_CARRIED = {"traceparent", "tracestate", "baggage"}
_ID = re.compile(r"(?<![0-9A-Za-z])[0-9A-Za-z]{22}(?:[0-9a-f]{4})?(?![0-9A-Za-z])")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ADDRESS = re.compile(r"127\.0\.0\.1(?:'\), |', |:)\d+")
_AT = re.compile(r"(?<=0x)[0-9a-f]{6,}")
_ACK = re.compile(r"\$JS\.ACK\.[^\s'\"]+")
_ISO = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[0-9.]*(?:Z|\+00:00)?")
_EPHEMERAL = re.compile(r"[0-9A-Za-z]{8}")
_TIMES = {
    "created", "timestamp", "mtime", "time", "ts", "last_active", "started", "now",
    "processing_time", "average_processing_time", "first_ts", "last_ts",
}  # fmt: skip
_NAMES = {"name", "consumer", "consumer_name"}


class Size(int):
    """A count of bytes of messages, which a context makes larger."""


class Traffic(int):
    """A count of bytes that went over a connection; what JetStream answers varies in length."""


class Values:
    """Makes plain values of what one run sees, in one order.

    Args:
        allowed: what this run may have and a bare one not: FIELD, HEADERS.
    """

    def __init__(self, allowed: frozenset[str]) -> None:
        self._allowed = allowed
        self._ids: dict[str, str] = {}
        self.carried = 0
        """How many contexts were found in messages."""

    def plain(self, given: object, name: str = "") -> Any:
        """What was given, without what differs from run to run: ids, times, addresses."""
        value: Any = given
        if name in _TIMES and value:
            return "<time>"
        if name == "hdrs" and value:
            return self._encoded_headers(value)
        if isinstance(value, enum.Enum):
            return str(value)
        if value is None or isinstance(value, (bool, int, float)):
            return Size(value) if value and name == "bytes" else value
        if isinstance(value, str):
            return self._string(value, name)
        if _is(value, bytes, bytearray, memoryview):
            return (type(value).__name__, self.data(bytes(value)))
        if isinstance(value, BaseException):
            return self.error(value)
        if isinstance(value, Msg):
            return self.message(value)
        return self._compound(value)

    def _string(self, value: str, name: str) -> Any:
        if name in _NAMES and _EPHEMERAL.fullmatch(value):
            return "<consumer>"
        if name == "Nats-Msg-Size":
            return Size(value)
        kind = type(value).__name__
        text = self.text(str.__str__(value))
        return text if kind == "str" else (kind, text)

    def _compound(self, value: Any) -> Any:
        kind: str = type(value).__qualname__
        if _is(value, Mapping):
            return (kind, [(k, self.plain(v, str(k))) for k, v in value.items()])
        if _is(value, list, tuple):
            return (kind, [self.plain(item) for item in value])
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            names = [field.name for field in dataclasses.fields(value)]
            parts = {name: getattr(value, name, "<missing>") for name in names}
            return (kind, [(n, self._part(n, part)) for n, part in parts.items()])
        if isinstance(value, datetime.datetime):
            return "<time>"
        if isinstance(value, asyncio.Future):
            state = "done" if value.done() else "pending"
            return (kind, "cancelled" if value.cancelled() else state)
        return kind

    def _part(self, name: str, value: Any) -> Any:
        return self.headers(value) if name == "headers" else self.plain(value, name)

    def _encoded_headers(self, value: str) -> list[str] | None:
        """Those of a message that was read from its stream."""
        lines = base64.b64decode(value).decode("latin-1").strip("\r\n").split("\r\n")
        if HEADERS in self._allowed:
            lines = [line for line in lines if line.partition(":")[0] not in _CARRIED]
        return lines[1:] and lines

    def text(self, value: str) -> str:
        """The same with ids in the order in which they came up, and without times."""
        value = _ACK.sub(lambda match: _ack_subject(match[0]), value)
        value = _ISO.sub("<time>", _ADDRESS.sub("<address>", _AT.sub("<at>", value)))
        return _ID.sub(self._number, _UUID.sub("<uuid>", value))

    def _number(self, match: re.Match[str]) -> str:
        return self._ids.setdefault(match[0], f"<id {len(self._ids) + 1}>")

    def data(self, value: bytes) -> bytes:
        """A payload without the field, where this run may have it."""
        if FIELD in self._allowed:
            value, count = _MEMBER.subn(b"", value)
            self.carried += count
        if len(value) < 4096:
            value = self.text(value.decode("latin-1")).encode("latin-1")
        return value

    def headers(self, value: Any) -> Any:
        """Headers without those of the propagators, where this run may have them."""
        if not _is(value, Mapping):
            return self.plain(value)
        kept = {k: v for k, v in value.items() if k not in _CARRIED}
        if HEADERS not in self._allowed or len(kept) == len(value):
            return self.plain(value)
        self.carried += 1
        return self.plain(kept) if kept else None

    def message(self, message: Msg) -> Any:
        """A message with all that can be asked of it."""
        parts: dict[str, Any] = {
            "subject": self.text(message.subject),
            "reply": self.text(message.reply),
            "data": (type(message.data).__name__, self.data(message.data)),
            "headers": self.headers(message.headers),
            "header is headers": message.header is message.headers,
            "ackd": message._ackd,
            "sid": getattr(message, "_sid", None),
            "vars": names_of(message),
        }
        if message.reply.startswith("$JS.ACK"):
            parts["metadata"] = self.plain(message.metadata)
            message._metadata = None
        return (type(message).__qualname__, list(parts.items()))

    def error(self, error: BaseException) -> Any:
        """An exception with its text, its arguments and what it came from."""
        return {
            "raised": f"{type(error).__module__}.{type(error).__qualname__}",
            "text": self._error_text(error),
            "args": [self.plain(argument) for argument in error.args],
            "vars": [(k, self.plain(v, k)) for k, v in vars(error).items()],
            "cause": _chain(error.__cause__),
            "context": _chain(error.__context__),
            "suppressed": error.__suppress_context__,
        }

    def _error_text(self, error: BaseException) -> str:
        if any(isinstance(argument, Msg) for argument in error.args):
            return "<the message>"
        text = self.text(str(error))
        return "<the message>" if "Msg(" in text else text


def names_of(value: object) -> list[str]:
    """The attributes of ``value`` that are not ours."""
    return sorted(name for name in vars(value) if not name.startswith(OWN_ATTRIBUTES))


def _is(value: Any, *kinds: type) -> bool:
    """isinstance, for values of which no more can be known."""
    return isinstance(value, kinds)


def _chain(error: BaseException | None) -> list[str]:
    """The kinds of errors that one came from; what nats-py waits with has no constant text."""
    chain: list[str] = []
    while error is not None:
        chain.append(type(error).__qualname__)
        error = error.__cause__ or error.__context__
    return chain


def _ack_subject(subject: str) -> str:
    """``$JS.ACK.`` … without its time, and without a consumer's generated name."""
    tokens = subject.split(".")
    consumer, time = (3, 7) if len(tokens) == 9 else (5, 9)
    if len(tokens) <= time:
        return subject
    if _EPHEMERAL.fullmatch(tokens[consumer]):
        tokens[consumer] = "<consumer>"
    tokens[time] = "<time>"
    return ".".join(tokens)
