"""Which subject the message being processed wants its reply on.

Most replies go to inboxes, which are known by their prefix. A requester may also name any other
subject, or an inbox prefix of its own, that the responder can only know from the message.
"""

from __future__ import annotations

from opentelemetry import context as context_api
from opentelemetry.context import Context

from ._subjects import INBOX_PREFIXES

_REPLY_KEY = context_api.create_key("nats-reply")


def is_reply(subject: str, context: Context, inbox_prefixes: tuple[str, ...]) -> bool:
    """Whether a message to ``subject`` answers another one."""
    return subject.startswith(inbox_prefixes) or context.get(_REPLY_KEY) == subject


def with_reply(context: Context, reply: str | None) -> Context:
    """``context``, knowing ``reply`` where it could not be told from the subject alone."""
    if not reply or reply.startswith((*INBOX_PREFIXES, "$")):
        return context
    return context_api.set_value(_REPLY_KEY, reply, context)
