"""Spans as they should be."""

from __future__ import annotations

from urllib.parse import urlparse

from nats.aio.client import Client

from spans import Attributes, Recorded, attributes


class Expected:
    """Spans as they should be, of one client."""

    def __init__(self, client: Client, url: str) -> None:
        address = urlparse(url)
        self.connection = {
            "messaging.system": "nats",
            "server.address": address.hostname,
            "server.port": address.port,
            "messaging.client.id": str(client.client_id),
        }

    def _attributes(self, operation: str, kind: str, subject: str) -> Attributes:
        return attributes(
            {
                **self.connection,
                "messaging.operation.name": operation,
                "messaging.operation.type": kind,
                "messaging.destination.name": subject,
            }
        )

    def publish(self, subject: str, trace: int, span: int, parent: int | None = None) -> Recorded:
        """A publish span."""
        values = self._attributes("publish", "send", subject)
        return Recorded(f"publish {subject}", "PRODUCER", values, trace, span, parent)

    def request(self, subject: str, trace: int, span: int, parent: int | None = None) -> Recorded:
        """A request span."""
        values = self._attributes("request", "send", subject)
        return Recorded(f"request {subject}", "PRODUCER", values, trace, span, parent)

    def receive(self, subject: str, trace: int, span: int, parent: int) -> Recorded:
        """The span of a message that was asked for, in the trace of its creation."""
        values = self._attributes("receive", "receive", subject)
        links = ((trace, parent),)
        return Recorded(f"receive {subject}", "CLIENT", values, trace, span, parent, links)

    def fetch(self, destination: str, trace: int, span: int, count: int) -> Recorded:
        """The span of several messages that were fetched from a stream, without their subject."""
        values = {
            **self.connection,
            "messaging.operation.name": "fetch",
            "messaging.operation.type": "receive",
            "messaging.batch.message_count": count,
        }
        return Recorded(f"fetch {destination}", "CLIENT", attributes(values), trace, span)

    def settle(self, outcome: str, subject: str, trace: int, span: int, parent: int) -> Recorded:
        """The span of an acknowledgement."""
        values = self._attributes(outcome, "settle", subject)
        return Recorded(f"{outcome} {subject}", "CLIENT", values, trace, span, parent)

    def process(self, subject: str, trace: int, span: int, parent: int) -> Recorded:
        """A process span, whose parent is also linked."""
        values = self._attributes("process", "process", subject)
        links = ((trace, parent),)
        return Recorded(f"process {subject}", "CONSUMER", values, trace, span, parent, links)

    def respond(self, inbox: str, trace: int, span: int, parent: int) -> Recorded:
        """The span of a reply to an inbox."""
        values = {
            **self._attributes("respond", "send", inbox),
            **attributes(
                {
                    "messaging.destination.template": "_INBOX.>",
                    "messaging.destination.temporary": True,
                }
            ),
        }
        return Recorded("respond", "CLIENT", values, trace, span, parent)


def consumer(stream: str, name: str) -> Attributes:
    """The attributes of what all messages of a JetStream consumer have."""
    return attributes(
        {
            "messaging.consumer.group.name": name,
            "messaging.nats.stream.name": stream,
            "messaging.nats.consumer.name": name,
        }
    )


def delivery(
    stream: str, name: str, sequence: int, *, number: int = 1, count: int = 1
) -> Attributes:
    """The attributes of a message of a JetStream consumer.

    Args:
        sequence: that of the message in the stream.
        number: that of the delivery by the consumer.
        count: how many deliveries of this message there were.
    """
    values = {
        "messaging.message.id": f"{stream}:{sequence}",
        "messaging.nats.message.stream_sequence": sequence,
        "messaging.nats.message.consumer_sequence": number,
        "messaging.nats.message.delivery_count": count,
        "messaging.nats.message.delivery_latency": 1.0,
    }
    return {**consumer(stream, name), **attributes(values)}


def settlement(stream: str, name: str, sequence: int, *, number: int = 1) -> Attributes:
    """The attributes of what comes after the delivery: its latency is told once."""
    values = delivery(stream, name, sequence, number=number)
    return {k: v for k, v in values.items() if not k.endswith("delivery_latency")}
