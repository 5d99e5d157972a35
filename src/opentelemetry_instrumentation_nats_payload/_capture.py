"""Headers and bodies of messages as attributes, where the settings ask for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from . import _semconv
from ._guard import guarded
from ._hooks import RedactBody

CapturedValues = dict[str, Any]


class Capture:
    """What is captured of messages.

    Args:
        headers: the names of headers, in any case.
        body_bytes: how much of a body, in bytes; 0 for nothing.
        redact: what a body goes through before; what raises in there is not captured.
    """

    def __init__(
        self, headers: Sequence[str], body_bytes: int, redact: RedactBody | None = None
    ) -> None:
        self._headers = {name.lower() for name in headers}
        self._body_bytes = body_bytes
        self._redact = redact

    @property
    def is_wanted(self) -> bool:
        """Whether anything is captured at all."""
        return bool(self._headers or self._body_bytes)

    @guarded(None)
    def add(
        self,
        attributes: CapturedValues,
        subject: str,
        body: bytes,
        headers: Mapping[str, str] | None,
    ) -> None:
        """Add what is captured of a message to the attributes of its span."""
        if self._headers and headers:
            for name, value in headers.items():
                if name.lower() in self._headers:
                    key = name.lower().replace("-", "_")
                    attributes[_semconv.NATS_HEADER_PREFIX + key] = [value]
        if self._body_bytes:
            attributes[_semconv.NATS_BODY] = self._text(subject, bytes(body))

    def _text(self, subject: str, body: bytes) -> str:
        if self._redact is not None:
            body = bytes(self._redact(subject, body))
        return body[: self._body_bytes].decode("utf-8", errors="replace")
