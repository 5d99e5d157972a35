"""Subscriptions that have messages waiting."""

from __future__ import annotations

from typing import Any

from nats.aio.subscription import Subscription

from conftest import settle


async def waiting_messages(nc: Any, subject: str, *payloads: bytes) -> Subscription:
    """A subscription to ``subject`` that has ``payloads`` waiting."""
    subscription: Subscription = await nc.subscribe(subject)
    await settle(nc)
    for payload in payloads:
        await nc.publish(subject, payload)
    await settle(nc)
    return subscription
