"""A message on its way out."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import Any, NamedTuple

from ._headers import wire_size
from ._semconv import bounded

_MESSAGE_ID_HEADER = "Nats-Msg-Id"


class Outgoing(NamedTuple):
    """The arguments of ``Client.publish``."""

    subject: str
    payload: bytes
    reply: str
    headers: dict[str, str] | None

    def size(self) -> int:
        """Bytes of headers and payload, as servers and streams count them."""
        return len(self.payload) + wire_size(self.headers)

    def copy(self) -> Outgoing:
        """The same with a payload and headers that the caller cannot change any more."""
        return self._replace(payload=bytes(self.payload), headers=_copied(self.headers))


def _copied(headers: Any) -> Any:
    # Whatever nats-py takes: other mappings than a dict may repeat names.
    try:
        return copy(headers)
    except Exception:  # of a MappingProxyType there is none
        items = list(headers.items())
        copied = dict(items)
        return copied if len(copied) == len(items) else headers


def message_of(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Outgoing | None:
    """The message in the arguments of ``request`` and JetStream's ``publish`` and
    ``publish_async``, which start with subject and payload; None for arguments of other types.
    """
    given = {**dict(zip(("subject", "payload"), args, strict=False)), **kwargs}
    if not isinstance(given.get("subject"), str):
        return None
    return Outgoing(given["subject"], given.get("payload", b""), "", given.get("headers"))


def message_id_of(headers: Mapping[str, str] | None) -> str | None:
    """The id by which JetStream tells duplicates, if the message has one."""
    # nats-py takes anything that has items().
    message_id = headers.get(_MESSAGE_ID_HEADER) if isinstance(headers, dict) else None
    return bounded(message_id) if isinstance(message_id, str) else None
