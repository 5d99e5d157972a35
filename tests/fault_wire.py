"""What clients write to the server, command by command, without what differs from run to run."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager

import pytest
from nats.aio.transport import TcpTransport

FIELD = "_otel_trace_headers"
Wire = dict[bytes, list[list[bytes]]]
"""Per kind of command and subject, what was sent, in order."""

_KEY = rb'"(?:_|\\u005f)otel_trace_headers" ?: ?\{[^{}]*\}'
_MEMBER = re.compile(rb", ?%b|%b(?:, ?)?" % (_KEY, _KEY))
_OURS = (b"traceparent:", b"tracestate:", b"baggage:")
_COMMAND = re.compile(rb"(\S+)(?: ([^\r]*))?\r\n")
# A reply subject, an acknowledgement and what asks for a service have parts that are made anew.
_UNIQUE = re.compile(rb"(_INBOX|\$JS\.ACK|\$SRV\.[A-Z]+\.svc)\.[^\s\"]+")
_INTERNAL = (b"$", b"elsewhere.")
"""What subjects start with of which nothing is ever ours."""

_UNSTEADY = {b"CONNECT", b"PING", b"PONG"}


def without_field(payload: bytes) -> bytes:
    """``payload`` without the field and a comma beside it, wherever it is, and not otherwise."""
    return _MEMBER.sub(b"", payload)


@contextmanager
def tapped(name: str) -> Generator[Wire]:
    """What all clients write meanwhile, on connections over TCP.

    Args:
        name: what the subjects of this run start with, and those of others do not.
    """
    written: dict[int, tuple[TcpTransport, bytearray]] = {}
    write, writelines = TcpTransport.write, TcpTransport.writelines

    def tapped_write(self: TcpTransport, payload: bytes) -> None:
        written.setdefault(id(self), (self, bytearray()))[1].extend(payload)
        write(self, payload)

    def tapped_writelines(self: TcpTransport, payload: list[bytes]) -> None:
        written.setdefault(id(self), (self, bytearray()))[1].extend(b"".join(payload))
        writelines(self, payload)

    wire: Wire = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TcpTransport, "write", tapped_write)
        patch.setattr(TcpTransport, "writelines", tapped_writelines)
        yield wire
    for _, data in written.values():
        for values in _commands(bytes(data)):
            key, *command = (_without_name(value, name.encode()) for value in values)
            wire.setdefault(key, []).append(command)


def _commands(data: bytes) -> Iterator[tuple[bytes, ...]]:
    """Of each command what it is, a message with its subject, and what else is in it."""
    at = 0
    while (match := _COMMAND.match(data, at)) is not None:
        at = match.end()
        kind, arguments = match[1], (match[2] or b"").split()
        if kind in (b"PUB", b"HPUB"):
            end = at + int(arguments.pop())
            headers = data[at : at + int(arguments.pop())] if kind == b"HPUB" else b""
            payload = data[at + len(headers) : end]
            assert data[end : end + 2] == b"\r\n"
            at = end + 2
            subject, *reply = arguments
            if not subject.startswith(_INTERNAL):
                headers, payload = b"\r\n".join(_own(headers)), without_field(payload)
            yield b"PUB " + subject, *reply, headers, payload
        elif kind not in _UNSTEADY:
            yield kind, *arguments
    assert at == len(data)


def _without_name(value: bytes, name: bytes) -> bytes:
    return _UNIQUE.sub(rb"\1", value.replace(name, b"run"))


def _own(headers: bytes) -> list[bytes]:
    """The application's, of which there may be none."""
    lines = headers.split(b"\r\n")[1:]
    return [line for line in lines if line and not line.startswith(_OURS)]
