"""A message on its way out."""

from __future__ import annotations

from typing import NamedTuple


class Outgoing(NamedTuple):
    """The arguments of ``Client.publish``."""

    subject: str
    payload: bytes
    reply: str
    headers: dict[str, str] | None
