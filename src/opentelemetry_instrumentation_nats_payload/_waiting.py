"""What waits for a reconnect, in case the next server takes less than the one before.

A message that was published meanwhile has our context in it, as far as the limits allowed of the
server that was left. Another one of the list may have a lower ``max_payload``, or take no headers,
and would close the connection at a message that fits without us. Such a one goes out as the
application wrote it.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, SupportsIndex, overload

from ._connection import Connection, connection_of
from ._guard import guarded, logger
from ._message import Outgoing

_LINE_END = b"\r\n"
_WITH_HEADERS = b"HPUB "


class Waiting(list[bytes]):
    """``Client._pending`` of a client that is disconnected: commands, of which some are ours.

    nats-py writes a copy, ``self._pending[:]``, once it has read the INFO of the new server, and
    puts a new list in the place of this one. So what is kept here goes with what it is kept for,
    also after ``uninstrument()``.
    """

    def __init__(self, commands: list[bytes], client: Any) -> None:
        super().__init__(commands)
        self._client = client
        self._originals: dict[int, bytes] = {}

    def keep(self, original: bytes) -> None:
        """Remember what the last command would be without us."""
        self._originals[id(self[-1])] = original

    @overload
    def __getitem__(self, index: SupportsIndex) -> bytes: ...

    @overload
    def __getitem__(self, index: slice) -> list[bytes]: ...

    def __getitem__(self, index: SupportsIndex | slice) -> bytes | list[bytes]:
        if not isinstance(index, slice):
            return super().__getitem__(index)
        commands = super().__getitem__(index)
        return self._fitted(commands) or commands

    @guarded(None)
    def _fitted(self, commands: list[bytes]) -> list[bytes]:
        connection = connection_of(self._client)
        fitted = [self._fitting(command, connection) for command in commands]
        count = sum(one is not other for one, other in zip(commands, fitted, strict=True))
        if count:
            logger.debug("%d messages go out without context: the new server takes less", count)
        return fitted

    def _fitting(self, command: bytes, connection: Connection) -> bytes:
        original = self._originals.get(id(command))
        if original is None:
            return command
        if _size(command) > connection.max_payload:
            return original
        has_our_headers = command.startswith(_WITH_HEADERS) > original.startswith(_WITH_HEADERS)
        return original if has_our_headers and not connection.supports_headers else command


class _Recorder:
    """What ``Client._send_publish`` needs of a client, to make a command that is not sent."""

    def __init__(self) -> None:
        self.stats = Counter[str]()
        self.commands: list[bytes] = []
        self._flush_queue = None

    async def _send_command(self, command: bytes) -> None:
        self.commands.append(command)


@guarded(None)
def remember(client: Any, message: Outgoing, payload: bytes) -> None:
    """Remember that ``message`` was just sent with ``payload``, and made larger, if it waits."""
    waiting = client._pending
    if client.is_connected or not waiting or not _is_of(waiting[-1], message.subject, payload):
        return
    original = _command(client, message)
    if original is None:
        return
    if not isinstance(waiting, Waiting):
        waiting = client._pending = Waiting(waiting, client)
    waiting.keep(original)


def _is_of(command: bytes, subject: str, payload: bytes) -> bool:
    """Whether it publishes that: another wrapper may have published something else since."""
    starts = (f"PUB {subject} ".encode(), f"HPUB {subject} ".encode())
    return command.startswith(starts) and command.endswith(payload + _LINE_END)


def _command(client: Any, message: Outgoing) -> bytes | None:
    """What nats-py writes for ``message``."""
    recorder = _Recorder()
    subject, payload, reply, headers = message
    send: Any = client._send_publish.__func__
    sending = send(recorder, subject, reply, payload, len(payload), headers)
    try:
        sending.send(None)
    except StopIteration:
        return recorder.commands[-1]
    sending.close()
    return None


def _size(command: bytes) -> int:
    """Bytes of headers and payload, as the server reads them off the first line."""
    return int(command[: command.index(_LINE_END)].rpartition(b" ")[2])
