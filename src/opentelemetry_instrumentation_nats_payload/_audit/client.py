"""nats-py's client with two differences. Knows the names of its methods for what the server sends.

Private names of nats-py in here: ``Client._process_msg``, ``._process_info``, ``._error_cb``,
``._current_server``, ``._server_info``, ``._server_pool``.
"""

from __future__ import annotations

from typing import Any

import nats.errors
from nats.aio.client import Client


class UnreadableError(Exception):
    """A message whose subject or headers nats-py cannot decode."""


class NoTLSError(nats.errors.Error):
    """The server does not ask for TLS, and nats-py would go on in the clear."""

    def __str__(self) -> str:
        return "it does not ask for it, and nothing is sent to it in the clear"


class ListeningClient(Client):
    """Goes on behind a message that it cannot read, and where TLS is asked for insists on it.

    In nats-py such a message ends the reading, of this and of all subscriptions, without a word;
    and ``tls://`` means TLS only if the server wants it as well.
    """

    async def _process_msg(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes
    ) -> None:
        try:
            await super()._process_msg(sid, subject, reply, data, headers)
        except Exception as error:
            await self._error_cb(UnreadableError(str(error)))

    # A coroutine function in nats-py from 2.3 on, which awaits what this returns.
    def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> Any:
        if initial_connection and self._wants_tls() and not info.get("tls_required"):
            raise NoTLSError
        return super()._process_info(info, initial_connection)

    @property
    def has_tried_all(self) -> bool:
        """Whether it has tried to connect to each of the servers."""
        return all(server.last_attempt is not None for server in self._server_pool)

    @property
    def is_asked_for_a_certificate(self) -> bool:
        """Whether the server takes nobody without a client certificate."""
        return bool(self._server_info.get("tls_verify"))

    def _wants_tls(self) -> bool:
        server = self._current_server
        return "tls" in self.options or (server is not None and server.uri.scheme == "tls")
