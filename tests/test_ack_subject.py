"""What the reply subject of a JetStream message says; pure functions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.aio.msg import Msg

from opentelemetry_instrumentation_nats_payload._ack_subject import (
    ConsumerDelivery,
    is_ack_subject,
    parse_ack_subject,
)

_PLAIN = "$JS.ACK.ORDERS.d.2.31.7.1700000000000000000.5"
_DOMAIN = "$JS.ACK.hub.ACCHASH.ORDERS.d.2.31.7.1700000000000000000.5"
_DELIVERY = ConsumerDelivery("ORDERS", "d", 2, 31, 7, 1700000000000000000)


@pytest.mark.parametrize("reply", [_PLAIN, _DOMAIN, _DOMAIN + ".random"])
def test_both_forms_are_read(reply: str) -> None:
    """Without a domain, with one, and with the random token that servers may add."""
    assert parse_ack_subject(reply) == _DELIVERY
    assert is_ack_subject(reply)


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "_INBOX.abc.def",
        "orders.new",
        "$JS.ACK",
        "$JS.ACK.",
        "$JS.API.ORDERS.d.2.31.7.1.5",
        _PLAIN + ".6",
        _PLAIN.rpartition(".")[0],
        _PLAIN.replace(".31.", ".x."),
        _PLAIN.replace(".31.", "."),
        _PLAIN.replace(".31.", ".-31."),
        _PLAIN.replace(".31.", ".."),
        "$JS.FC.ORDERS.d.abc",
    ],
)
def test_anything_else_is_none(reply: str) -> None:
    """Replies of requests, flow control, and what no server sends."""
    assert parse_ack_subject(reply) is None


_name = st.text("abcXYZ019_-", min_size=1, max_size=8)
_number = st.integers(0, 2**63 - 1)


@given(_name, _name, st.lists(_number, min_size=5, max_size=5), st.booleans())
def test_it_agrees_with_nats_py(stream: str, consumer: str, numbers: list[int], far: bool) -> None:
    """For whatever numbers and names, as ``Msg.metadata`` reads them."""
    numbers[3] %= 10**18  # a time that datetime can hold
    domain = "hub.ACCHASH." if far else ""
    reply = f"$JS.ACK.{domain}{stream}.{consumer}." + ".".join(map(str, numbers))
    metadata = Msg(None, reply=reply).metadata  # type: ignore[arg-type]
    assert parse_ack_subject(reply) == ConsumerDelivery(
        metadata.stream,
        metadata.consumer,
        metadata.num_delivered,
        metadata.sequence.stream,
        metadata.sequence.consumer,
        numbers[3],
    )


@given(st.text(".$JSACK0123456789ab", max_size=40))
def test_no_subject_raises(reply: str) -> None:
    """Whatever a peer sends as its reply subject."""
    parse_ack_subject(reply)
    parse_ack_subject("$JS.ACK." + reply)
