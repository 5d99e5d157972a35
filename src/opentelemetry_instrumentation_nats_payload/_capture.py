"""Headers and bodies of messages as attributes, where the settings ask for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.trace import Span

from . import _semconv
from ._guard import contained, guarded
from ._hooks import RedactBody
from ._payload import PayloadField

_PAYLOADS: tuple[type, ...] = (bytes, bytearray, memoryview)


class Capture:
    """What is captured of messages.

    Args:
        headers: the names of headers, in any case.
        body_bytes: how much of a body, in bytes; 0 for nothing.
        redact: what a body goes through before; where that raises, there is no body.
        field: the field that is no part of the body.
    """

    def __init__(
        self,
        headers: Sequence[str],
        body_bytes: int,
        redact: RedactBody | None,
        field: PayloadField,
    ) -> None:
        self._headers = {name.lower() for name in headers}
        self._body_bytes = body_bytes
        self._redact = redact
        self._field = field

    @property
    def is_wanted(self) -> bool:
        """Whether anything is captured at all."""
        return bool(self._headers or self._body_bytes)

    @guarded(None)
    def add(self, span: Span, subject: str, body: Any, headers: Mapping[str, str] | None) -> None:
        """Add what is captured of a message to its span, if that is recorded."""
        if not span.is_recording():
            return
        for name, value in (headers or {}).items():
            if name.lower() in self._headers:
                key = name.lower().replace("-", "_")
                span.set_attribute(_semconv.NATS_HEADER_PREFIX + key, [_semconv.bounded(value)])
        # nats-py has its own error for anything else, and bytes(300_000_000) is a third of a GB.
        if self._body_bytes and isinstance(body, _PAYLOADS):
            self._add_body(span, subject, bytes(body))

    def _add_body(self, span: Span, subject: str, body: bytes) -> None:
        member = self._field.find(body)
        if member is not None and member.carrier is not None:
            body = self._field.cut(body, member)
        if self._redact is not None:
            redacted = contained("redact_body", self._redact, subject, body)
            if not isinstance(redacted, bytes):
                return
            body = redacted
        text = body[: self._body_bytes].decode("utf-8", errors="replace")
        span.set_attribute(_semconv.NATS_BODY, text)
