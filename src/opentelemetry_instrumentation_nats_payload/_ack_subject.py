"""What the reply subject of a JetStream message says of its delivery. Pure functions.

Without a domain ``$JS.ACK.<stream>.<consumer>.<delivered>.<sseq>.<cseq>.<tm>.<pending>``, with one
``$JS.ACK.<domain>.<account>.<stream>.…`` and maybe a last random token (ADR-15 of
https://github.com/nats-io/nats-architecture-and-design).
"""

from __future__ import annotations

from typing import NamedTuple

_PREFIX = "$JS.ACK."
_TOKENS = 9
_TOKENS_WITH_DOMAIN = 11
_MAX_DIGITS = 20
_MAX_INTEGER = 2**63 - 1


class ConsumerDelivery(NamedTuple):
    """A delivery of a message by a JetStream consumer."""

    stream: str
    consumer: str
    delivery_count: int
    """1 for the first delivery, more for a redelivery."""

    stream_sequence: int
    consumer_sequence: int
    stored_at: int
    """When the stream stored the message, in nanoseconds since 1970, by the server's clock."""


def parse_ack_subject(reply: str) -> ConsumerDelivery | None:
    """The delivery that ``reply`` acknowledges; None if it is no subject of that kind."""
    if not is_ack_subject(reply):
        return None
    tokens = reply.split(".")
    if len(tokens) == _TOKENS:
        start = 2
    elif len(tokens) >= _TOKENS_WITH_DOMAIN:
        start = 4
    else:
        return None
    stream, consumer, *numbers = tokens[start : start + 6]
    # Of anybody who may publish: an exporter cannot send what is no 64-bit integer.
    if not all(number.isdecimal() and len(number) < _MAX_DIGITS for number in numbers):
        return None
    values = list(map(int, numbers))
    return None if max(values) > _MAX_INTEGER else ConsumerDelivery(stream, consumer, *values)


def is_ack_subject(reply: str) -> bool:
    """Whether ``reply`` is of a message that JetStream delivered."""
    return reply.startswith(_PREFIX)
