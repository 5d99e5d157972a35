"""Which subjects are those of replies to messages that came in.

Most replies go to inboxes, which are known by their prefix. A requester may also name any other
subject, or an inbox prefix of its own, that the responder can only know from the message.
"""

from __future__ import annotations

from opentelemetry import context as context_api
from opentelemetry.context import Context

from ._subjects import INBOX_PREFIXES

_REPLY_KEY = context_api.create_key("nats-reply")
_MAX_REPLIES = 4096
# nats-py's inboxes end in a NUID of 22 characters, or in one and four more.
_MIN_UNIQUE_SIZE = 20


class Replies:
    """Inboxes with a prefix of their own, seen on messages: a worker behind a queue answers
    outside of the callback.
    """

    def __init__(self) -> None:
        self._seen: dict[str, None] = {}

    def add(self, reply: str) -> None:
        """Remember ``reply`` if it is one of a kind; the oldest is forgotten in time."""
        if len(reply.rpartition(".")[2]) < _MIN_UNIQUE_SIZE or not _is_unknown(reply):
            return
        self._seen[reply] = None
        if len(self._seen) > _MAX_REPLIES:
            del self._seen[next(iter(self._seen))]

    def __contains__(self, subject: str) -> bool:
        return subject in self._seen


def is_reply(
    subject: str, context: Context, inbox_prefixes: tuple[str, ...], replies: Replies
) -> bool:
    """Whether a message to ``subject`` answers another one."""
    return (
        subject.startswith(inbox_prefixes)
        or context.get(_REPLY_KEY) == subject
        or subject in replies
    )


def with_reply(context: Context, reply: str | None) -> Context:
    """``context``, knowing ``reply`` where it could not be told from the subject alone."""
    if not reply or not _is_unknown(reply):
        return context
    return context_api.set_value(_REPLY_KEY, reply, context)


def _is_unknown(reply: str) -> bool:
    return not reply.startswith((*INBOX_PREFIXES, "$"))
