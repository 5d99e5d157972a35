"""Which subjects are those of replies to messages that came in.

Most replies go to inboxes, which are known by their prefix. A requester may also name any other
subject, or an inbox prefix of its own, that the responder can only know from the message.
"""

from __future__ import annotations

from opentelemetry import context as context_api
from opentelemetry.context import Context

from ._subjects import INBOX_PREFIXES, RecentSubjects

_REPLY_KEY = context_api.create_key("nats-reply")
# nats-py's inboxes end in a NUID of 22 characters, or in one and four more.
_MIN_UNIQUE_SIZE = 20


class Replies(RecentSubjects):
    """Inboxes with a prefix of their own, seen on messages.

    A worker behind a queue answers outside of the callback.
    """

    def add(self, subject: str) -> None:
        """Remember ``subject`` if it is one of a kind."""
        if len(subject.rpartition(".")[2]) >= _MIN_UNIQUE_SIZE and _is_unknown(subject):
            super().add(subject)


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
