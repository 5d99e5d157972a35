"""Who messages are delivered to."""

from __future__ import annotations

from typing import Any, NamedTuple

from ._subjects import has_wildcard


class Subscriber(NamedTuple):
    """A subscription, as spans know it."""

    client: Any
    """The ``nats.aio.client.Client``."""

    subject: str
    """What was subscribed to, maybe with wildcards: the filter subject of a JetStream consumer.
    Empty where that is not known.
    """

    queue: str
    """The queue group, or empty."""

    @property
    def template(self) -> str | None:
        """The subject, where it stands for many."""
        return self.subject if has_wildcard(self.subject) else None
