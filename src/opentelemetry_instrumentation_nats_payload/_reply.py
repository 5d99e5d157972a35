"""Which subjects are those of replies to messages that came in.

Most replies go to inboxes, which are known by their prefix. A requester may also name any other
subject, or an inbox prefix of its own, that the responder can only know from the message.
"""

from __future__ import annotations

import re
from typing import cast

from opentelemetry import context as context_api
from opentelemetry.context import Context

from ._subjects import INBOX_PREFIXES, Handling, RecentSubjects

_REPLY_KEY = context_api.create_key("nats-reply")
_ECHO_KEY = context_api.create_key("nats-echo")
_HANDLING_KEY = context_api.create_key("nats-handling")
# A token that is a NUID, as NATS clients put one into every inbox, or a UUID.
_UNIQUE = re.compile(
    r"(?:^|\.)(?:(?=[^.]*[0-9A-Z])[0-9A-Za-z]{22,}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})(?:\.|$)"
)


class Replies(RecentSubjects[None]):
    """Inboxes with a prefix of their own, seen on messages.

    A worker behind a queue answers outside of the callback.
    """

    def add(self, subject: str) -> None:
        """Remember ``subject`` if it is one of a kind."""
        if _is_unknown(subject) and _UNIQUE.search(subject):
            self.remember(subject, None)


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


def with_echo(context: Context, headers: dict[str, str] | None) -> Context:
    """``context``, knowing the ``headers`` of a request, which ``Msg.respond`` sends back."""
    return context_api.set_value(_ECHO_KEY, headers, context) if headers else context


def is_echo(headers: dict[str, str] | None, context: Context) -> bool:
    """Whether ``headers`` are those of the request that is being answered."""
    return headers is not None and context.get(_ECHO_KEY) is headers


def with_handling(context: Context, handling: Handling) -> Context:
    """``context``, knowing that a request was not traced: nor is what answers it."""
    return context_api.set_value(_HANDLING_KEY, handling, context)


def handling_of_request(context: Context) -> Handling | None:
    """What was done about the request that is being answered, if it was not traced."""
    return cast("Handling | None", context.get(_HANDLING_KEY))


def _is_unknown(reply: str) -> bool:
    return not reply.startswith((*INBOX_PREFIXES, "$"))
