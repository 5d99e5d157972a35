"""Who messages are delivered to."""

from __future__ import annotations

from typing import Any

from ._subject_cache import SubjectCache
from ._subjects import has_wildcard


class Subscriber:
    """A subscription, as spans know it.

    Args:
        client: the ``nats.aio.client.Client``.
        subject: what was subscribed to, maybe with wildcards: the filter subject of a JetStream
            consumer. Empty where that is not known.
        queue: the queue group, or empty.

    Attributes:
        template: the subject, where it stands for many.
        cache: what is known of the subjects of its messages.
    """

    __slots__ = ("cache", "client", "queue", "subject", "template")

    def __init__(self, client: Any, subject: str, queue: str) -> None:
        self.client = client
        self.subject = subject
        self.queue = queue
        self.template = subject if has_wildcard(subject) else None
        self.cache = SubjectCache()
