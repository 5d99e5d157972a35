"""A message on its way out."""

from __future__ import annotations

from typing import NamedTuple

from ._headers import wire_size


class Outgoing(NamedTuple):
    """The arguments of ``Client.publish``."""

    subject: str
    payload: bytes
    reply: str
    headers: dict[str, str] | None

    def size(self) -> int:
        """Bytes of headers and payload, as servers and streams count them."""
        return len(self.payload) + wire_size(self.headers)
