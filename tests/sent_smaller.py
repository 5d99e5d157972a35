"""A subclass that sends something smaller, below nats-py's publish, where no wrapper is seen."""

from __future__ import annotations

from typing import Any

import pytest
from nats.aio.client import Client

SENT = b"{}"


def send_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on the payload of each message is ``SENT``."""
    original = Client._send_publish

    async def send(self: Any, subject: str, reply: str, _: bytes, *args: Any) -> None:
        await original(self, subject, reply, SENT, *args)

    monkeypatch.setattr(Client, "_send_publish", send)
